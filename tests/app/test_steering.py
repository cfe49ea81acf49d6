"""A run at work does what people tell it, at once and within what it was started with."""

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import sleep
from typing import Any

import pytest

from batchgen.app.control.control import control
from batchgen.app.control.orders import Answer, By, Do, Order, Orders
from batchgen.app.control.progress import Meter
from batchgen.app.control.steering import Steering
from batchgen.app.control.watchdog import standstill
from batchgen.app.output.maintain import opened, read_status
from batchgen.errors import InputError
from batchgen.model import Budget, Limits
from batchgen.money import MICRO, MicroUSD
from batchgen.runtime.clock import SystemClock
from batchgen.storage import Workspace
from tests.patience import PATIENCE, wait_until
from tests.rehearsal import KEYS, Ended, Rehearsal, rehearsal

USD = MICRO
HASTE = 10


class HastyClock(SystemClock):
    """The machine's clock, on which waits are short."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / HASTE)


def usd(amount: int) -> MicroUSD:
    """Return dollars."""
    return MicroUSD(amount * USD)


# ---- what is allowed: a table ---------------------------------------------------------------------------------------

LIMITS, BUDGET = Limits(concurrency=4, max_cost=usd(10)), Budget(day=usd(30), month=usd(20))
REFUSED: tuple[tuple[Limits, Budget | None, dict[str, Any], str], ...] = (
    (LIMITS, BUDGET, {"concurrency": 0}, "from 1 to 50"),
    (LIMITS, BUDGET, {"concurrency": 51}, "from 1 to 50"),
    (LIMITS, BUDGET, {"concurrency": "4"}, "from 1 to 50"),
    (LIMITS, BUDGET, {"concurrency": True}, "from 1 to 50"),
    (LIMITS, BUDGET, {"max_cost": usd(21)}, "at most $20.00 here: that is the budget of the month"),
    (LIMITS, BUDGET, {"max_cost": -1}, "an amount in dollars"),
    (LIMITS, BUDGET, {"max_cost": 1.5}, "an amount in dollars"),
    (LIMITS, BUDGET, {"max_cost": usd(11), "by": By.PAGE}, "at most $10.00 here: the run began with it"),
    (LIMITS, BUDGET, {}, "nothing to change"),
    (Limits(), Budget(day=usd(30)), {"max_cost": usd(31), "by": By.PAGE}, "the budget of the day"),
)
TAKEN: tuple[tuple[Limits, Budget | None, dict[str, Any]], ...] = (
    (LIMITS, BUDGET, {"concurrency": 1}),
    (LIMITS, BUDGET, {"concurrency": 50, "max_cost": usd(20)}),
    (LIMITS, BUDGET, {"max_cost": usd(10), "by": By.PAGE}),
    (LIMITS, BUDGET, {"max_cost": usd(0)}),
    (LIMITS, None, {"max_cost": usd(1000)}),
    (Limits(), None, {"max_cost": usd(1000), "by": By.PAGE}),
)


@pytest.mark.parametrize(("limits", "budget", "change", "why"), REFUSED)
def test_a_change_out_of_bounds_is_refused_whole(
    limits: Limits, budget: Budget | None, change: dict[str, Any], why: str
) -> None:
    """It says what is allowed, and nothing of it is done."""
    steering = Steering(limits, budget, most=50)
    for more in ({}, {"concurrency": 7} if "concurrency" not in change and change else {}):
        answer = steering.take(Order(Do.SET, **{**more, **change}))
        assert not answer.taken
        assert why in answer.why
    assert (steering.concurrency, steering.max_cost) == (limits.concurrency, limits.max_cost)


@pytest.mark.parametrize(("limits", "budget", "change"), TAKEN)
def test_a_change_within_bounds_is_taken(limits: Limits, budget: Budget | None, change: dict[str, Any]) -> None:
    """It holds from then on."""
    steering = Steering(limits, budget, most=50)
    assert steering.take(Order(Do.SET, **change)).taken
    assert steering.concurrency == change.get("concurrency", limits.concurrency)
    assert steering.max_cost == change.get("max_cost", limits.max_cost)


def test_the_page_comes_back_up_to_where_the_run_began() -> None:
    """What it lowered it may raise again, and no further."""
    steering = Steering(LIMITS, BUDGET)
    for cost, taken in ((2, True), (10, True), (11, False)):
        assert steering.take(Order(Do.SET, max_cost=usd(cost), by=By.PAGE)).taken is taken
    assert steering.highest == usd(10)


@pytest.mark.parametrize("do", list(Do))
def test_a_run_that_ends_takes_nothing(do: Do) -> None:
    """Whatever it is told."""
    steering = Steering(LIMITS, is_ending=lambda: True)
    assert not steering.take(Order(do, concurrency=3 if do is Do.SET else None)).taken


# ---- the way of an order --------------------------------------------------------------------------------------------


def test_an_order_is_taken_once_and_answered(tmp_path: Path) -> None:
    """The oldest first; the answer is taken once, too."""
    orders = Orders(Workspace(tmp_path), "run")
    asked = [Order(Do.PAUSE, user="é"), Order(Do.SET, 3, usd(7), By.PAGE)]
    for number, order in enumerate(asked):
        orders.give(f"{number}", order)
    assert list(orders.waiting()) == [("0", asked[0]), ("1", asked[1])]
    assert list(orders.waiting()) == []
    orders.answer("1", Answer(taken=True, why="so"))
    assert (orders.answered("1"), orders.answered("1")) == (Answer(taken=True, why="so"), None)


NONSENSE = (b"", b"{", b"[]", b"3", b"null", b'{"do": "fly"}', b"{}", b'{"do": "pause", "x": 1}', b"\xff", b"[" * 9000)


@pytest.mark.parametrize("text", NONSENSE)
def test_what_is_no_order_is_refused_and_gone(text: bytes, tmp_path: Path) -> None:
    """It is read once, and harms nobody."""
    (tmp_path / "runs" / "run").mkdir(parents=True)
    (tmp_path / "runs" / "run" / "order-1.json").write_bytes(text)
    orders = Orders(Workspace(tmp_path), "run")
    assert list(orders.waiting()) == [("1", None)]
    assert list(orders.waiting()) == []
    assert not Steering(LIMITS).take(None).taken


def test_orders_of_one_run_are_never_those_of_another(tmp_path: Path) -> None:
    """What a killed run left is not obeyed by the next; the end of a run forgets what is left."""
    dead, alive = (Orders(Workspace(tmp_path), name) for name in ("dead", "alive"))
    dead.give("1", Order(Do.DRAIN))
    assert list(alive.waiting()) == []
    dead.clear()
    assert list((tmp_path / "runs" / "dead").iterdir()) == []


def test_a_planted_link_is_no_order(tmp_path: Path) -> None:
    """It is not followed, and no run ends for it."""
    (tmp_path / "runs" / "run").mkdir(parents=True)
    (tmp_path / "secret").write_text('{"do": "drain"}')
    (tmp_path / "runs" / "run" / "order-1.json").symlink_to(tmp_path / "secret")
    assert [order for _, order in Orders(Workspace(tmp_path), "run").waiting()] in ([], [None])
    assert (tmp_path / "secret").exists()


def test_a_paused_run_is_never_stuck() -> None:
    """However long it rests: the watchdog's patience is for calls under way."""

    class Later(SystemClock):
        def monotonic(self) -> float:
            return 0.0

    meter = Meter(Later(), paused=True, state="drawing")
    assert standstill(meter, 1e9, 600.0) == ""
    assert meter.snapshot(0).state == "paused"


# ---- whole runs -----------------------------------------------------------------------------------------------------


@dataclass
class Steered:
    """A run of forty slow jobs that somebody steers while it draws."""

    scene: Rehearsal
    ended: "Future[Ended]"

    @property
    def folder(self) -> Path:
        return self.scene.root / "output" / "scene"

    def tell(self, do: Do, **change: Any) -> Answer:
        return control(self.folder, Order(do, **change))

    @property
    def asked(self) -> int:
        """How many images the provider was asked for."""
        return len(self.scene.bill)

    @property
    def log(self) -> list[dict[str, Any]]:
        (path,) = self.folder.glob("runs/*/log.jsonl")
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.fixture
def steered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Steered]:
    """Return such a run, with the first images drawn."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    jobs = [{"id": f"lamp-{number}", "prompt": f"Lamp number {number}"} for number in range(40)]
    limits = {"max_cost": 10, "concurrency": 2}
    defaults = {"quality": "low", "size": "1024x1024", "output_format": "webp"}
    settings: dict[str, Any] = {"defaults": defaults, "limits": limits, "budget": {"day": 20}, "provider": "openai"}
    with rehearsal(tmp_path, settings, latency=(0.1, 0.15)) as scene, ThreadPoolExecutor(1) as thread:
        manifest = scene.manifest(jobs, **settings)
        run = Steered(scene, thread.submit(scene.run, manifest, clock=HastyClock()))
        wait_until(lambda: run.asked >= 2)
        yield run


def test_a_run_is_paused_changed_resumed_and_drained(steered: Steered) -> None:
    """Nothing new starts in a pause; a drained run ends with 4 and says why; the log knows who told what."""
    assert steered.tell(Do.PAUSE, user="ann").taken
    wait_until(lambda: read_status(steered.folder)["live"]["in_flight"] == 0)
    live, before = read_status(steered.folder)["live"], steered.asked
    assert (live["state"], live["paused"]) == ("paused", True)
    assert [one["code"] for one in live["waiting"]] == ["pause"]
    sleep(0.4)
    assert steered.asked == before < 40
    assert steered.tell(Do.SET, concurrency=5, max_cost=usd(15)).taken
    refused = steered.tell(Do.SET, max_cost=usd(21))
    assert (refused.taken, "budget of the day" in refused.why) == (False, True)
    assert steered.asked == before
    assert steered.tell(Do.RESUME).taken
    wait_until(lambda: steered.asked >= before + 5)
    assert steered.tell(Do.DRAIN, user="bob").taken
    ended = steered.ended.result(PATIENCE)
    assert (ended.exit, ended.summary["why"]) == (4, "drained by batchgen control")
    assert 0 < ended.summary["images"]["not_started"] < 40
    assert ended.summary["images"]["stored"] == steered.asked
    assert ended.money["cap_micro_usd"] == usd(15)
    told = [(one["do"], one["taken"], one["user"]) for one in steered.log if one["event"] == "control"]
    assert told[0] == ("pause", True, "ann")
    assert told[-1] == ("drain", True, "bob")
    assert [taken for _, taken, _ in told] == [True, True, False, True, True]
    with opened(steered.folder, readonly=True) as output:
        assert output.ledger.accounts.audit() == ()
    with pytest.raises(InputError, match="no run is at work"):
        steered.tell(Do.RESUME)
    assert not list(steered.folder.glob("runs/*/order-*")) + list(steered.folder.glob("runs/*/answer-*"))


def test_a_limit_below_what_was_spent_ends_the_run(steered: Steered) -> None:
    """What is under way ends, nothing else is paid, and the run says that the limit was met."""
    assert steered.tell(Do.SET, max_cost=MicroUSD(0)).taken
    ended = steered.ended.result(PATIENCE)
    assert ended.exit == 4
    assert "limit" in ended.summary["why"]
    assert ended.summary["images"]["stored"] == steered.asked < 40


@pytest.mark.parametrize("state", ["drawing", "reading the manifest", "paused", "writing the report"])
def test_a_run_that_was_killed_gives_no_answer(state: str, tmp_path: Path) -> None:
    """The order is taken back, and somebody is told, whatever it said last; waiting costs no time here."""
    workspace = Workspace(tmp_path)
    with opened_empty(tmp_path):
        pass
    facts = {"run_id": "r1", "at": datetime.now(UTC).isoformat(), "state": state}
    workspace.write("runs/r1/status.json", json.dumps(facts).encode())
    with pytest.raises(InputError, match="gives no answer"):
        control(tmp_path, Order(Do.PAUSE), sleep=lambda _seconds: None)
    assert workspace.names("runs/r1") == ("status.json",)
    workspace.write("runs/r1/status.json", json.dumps({**facts, "state": "reading the manifest"}).encode())
    with Workspace(tmp_path).lock():
        assert control(tmp_path, Order(Do.PAUSE), sleep=lambda _seconds: None).taken
    assert len(workspace.names("runs/r1")) == 2


def opened_empty(folder: Path) -> Any:
    """Make a ledger without a run."""
    from batchgen.ledger import Ledger

    return Ledger.open(folder / "ledger.db", ".", clock=SystemClock())
