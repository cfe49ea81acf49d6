"""The account adds up, a bill settles what was at risk, and books that are wrong say so loudly."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchgen.app.output import maintain
from batchgen.app.run.start import run_manifest
from batchgen.app.watch import Unwatched
from batchgen.errors import InputError
from batchgen.ledger import Caps, Ledger, RunStart, Wanted
from batchgen.mock import Rule
from batchgen.model import (
    Attempt,
    AttemptState,
    Charge,
    ImageRequest,
    Job,
    Operation,
    Phase,
    Quote,
    Receipt,
    Remedy,
    Settlement,
    Stems,
    Verdict,
)
from batchgen.money import MicroUSD
from batchgen.runtime.clock import SystemClock
from tests.patience import PATIENCE
from tests.wire.scene import Scene, scene

# How a call ended, the most it can have cost and the share of that which was settled or expected.
CALLS = st.lists(
    st.tuples(st.sampled_from(["paid", "free", "doubt", "orphan"]), st.integers(1, 300_000), st.floats(0, 1)),
    max_size=8,
)


CENT = 10_000


class History:
    """A ledger in which calls ended as told."""

    def __init__(self, root: Path, calls: list[tuple[str, int, float]]) -> None:
        (root / "images").mkdir(parents=True)
        (root / "runs").mkdir()
        self.root, self.settled, self.at_risk = root, 0, 0
        with Ledger.open(root / "ledger.db", ".", clock=SystemClock()) as self.ledger:
            self.ledger.runs.begin(RunStart("run-1", "scene", "mock"))
            for number, (end, most, share) in enumerate(calls):
                self._call(number, end, most, share)
            self.ledger.runs.end("run-1", 0, "")

    def _call(self, number: int, end: str, most: int, share: float) -> None:
        name = f"job-{number}"
        request = ImageRequest(Operation.GENERATE, name)
        job = Job(name, f"{number:064x}", request, 1, Stems((f"{name}-*",)))
        self.ledger.jobs.remember([Wanted(job, "gpt-image-2", "1024x1024", "low", "mock")])
        part = MicroUSD(int(most * share))
        quote = Quote(MicroUSD(0), part, MicroUSD(most))
        asked = (job.key, job.id, job.request, job.stems)
        attempt = Attempt(f"call-{number}", "run-1", *asked, "gpt-image-2", "mock", (0,), quote)
        assert self.ledger.reservations.reserve(attempt, Caps()) is None
        receipt = Receipt(attempt.id, Phase.COMPLETE, Verdict(Charge.MAYBE, Remedy.UNCERTAIN, "timeout"))
        match end:
            case "paid":
                self.ledger.attempts.settle(receipt, AttemptState.CHARGED_NO_RESULT, Settlement(part, estimated=False))
                self.settled += part
            case "free":
                self.ledger.attempts.settle(receipt, AttemptState.NOT_CHARGED)
            case "doubt":
                self.ledger.attempts.settle(receipt, AttemptState.AT_RISK)
                self.at_risk += most
            case _:
                self.ledger.attempts.to_at_risk(attempt.id, "killed")
                self.at_risk += most


@settings(max_examples=12, deadline=None)
@given(calls=CALLS, billed=st.integers(0, 1_500_000))
def test_a_bill_moves_money_and_makes_none(calls: list[tuple[str, int, float]], billed: int) -> None:
    """What was at risk is confirmed or cleared, the sum conserved to the micro-dollar; the rest is said."""
    _reconciled(calls, billed)


@pytest.mark.slow
@given(calls=CALLS, billed=st.integers(0, 1_500_000))
def test_many_bills_move_money_and_make_none(calls: list[tuple[str, int, float]], billed: int) -> None:
    """The same, over hundreds of histories."""
    _reconciled(calls, billed)


def _reconciled(calls: list[tuple[str, int, float]], billed: int) -> None:
    with TemporaryDirectory() as name:
        history = History(Path(name) / "out", calls)
        before = maintain.read_status(history.root)["money"]
        if history.settled - billed >= CENT:
            with pytest.raises(InputError, match="is less than"):
                maintain.reconcile(history.root, billed=MicroUSD(billed))
            left = maintain.read_status(history.root)["money"]
            assert left == before, "a bill that cannot be the whole bill settles nothing"
            return
        found = maintain.reconcile(history.root, billed=MicroUSD(billed))
        after = maintain.read_status(history.root)["money"]
        assert found.settled == history.settled == _charged(before)
        assert found.confirmed + found.cleared + found.at_risk == history.at_risk == before["at_risk_micro_usd"]
        assert found.billed == billed == found.settled + found.confirmed + found.unexplained
        assert 0 <= found.confirmed <= history.at_risk
        assert _charged(after) == history.settled + found.confirmed
        assert after["at_risk_micro_usd"] == found.at_risk
        assert after["not_charged_micro_usd"] == before["not_charged_micro_usd"] + found.cleared
        expected = min(max(billed - history.settled, 0), history.at_risk)
        assert found.confirmed == expected, "what the bill explains is confirmed, and nothing more"
        again = maintain.reconcile(history.root, billed=MicroUSD(billed))
        assert (again.confirmed, again.cleared) == (0, 0)


def _charged(money: dict[str, int]) -> int:
    return money["confirmed_micro_usd"] + money["estimated_micro_usd"]


def test_a_bill_settles_a_real_run(place_of_work: Path) -> None:
    """Calls that failed in doubt, of which the server charged half: its bill leaves nothing open and nothing over."""
    rules = (Rule("status_500", prompt="dark"), Rule("status_500", prompt="dim", options={"charged": "no"}))
    with scene(place_of_work, rules=rules) as here:
        names = [(look, at) for at in range(3) for look in ("bright", "dark", "dim")]
        jobs = [{"id": f"{look}-{at}", "prompt": f"A {look} lamp {at}"} for look, at in names]
        limits = {"max_cost": 100, "concurrency": 1}
        manifest = here.manifest(jobs, limits=limits, retry={"base_seconds": 0.01, "max_uncertain": 0})
        seen = here.run(manifest, on_uncertain="hold")
        assert (seen.exit, seen.money["at_risk_micro_usd"] > 0) == (7, True)
        found = maintain.reconcile(seen.folder, billed=MicroUSD(here.billed))
        assert found.unexplained == 0
        assert found.at_risk == 0
        money = json.loads((seen.folder / "report" / "summary.json").read_text())["money"]
        assert _charged(money) == here.billed
        assert money["at_risk_micro_usd"] == 0


def test_rows_read_are_explained(place_of_work: Path) -> None:
    """Rows read = planned + skipped + rejected; images asked = the sum of what became of them."""
    (place_of_work / "rows.csv").write_text("sku,angle\n1,front\n1,front\n2,back\n3,front\n", "utf-8")
    block = {
        "id": "{{ sku }}-{{ angle }}", "rows": "rows.csv", "prompt": "Lamp {{ sku }} from the {{ angle }}", "n": 2,
        "matrix": {"light": ["warm"]}, "exclude": [{"angle": "back"}],
    }  # fmt: skip
    rules = (Rule("400_invalid", prompt="Lamp 3"),)
    with scene(place_of_work, rules=rules) as here:
        seen = here.run(here.manifest([block]), max_images=100)
        rows, images = seen.result.summary["rows"], dict(seen.result.summary["images"])
        assert rows["rows"] == 4
        assert (rows["planned"], rows["skipped"], rows["rejected"]) == (2, 2, 0)
        assert images == {
            "wanted": 4, "stored": 2, "moderated": 0, "failed": 2, "uncertain": 0, "lost_paid": 0, "not_started": 0,
            "submitted": 0,
        }  # fmt: skip


def tampering(ledger: Path, statement: str) -> Callable[[str], None]:
    """Change the ledger behind the run's back, after its first settled call."""
    done: list[bool] = []

    def at(name: str) -> None:
        if name == "ledger.settle.after_commit" and not done:
            done.append(True)
            with closing(sqlite3.connect(ledger, timeout=PATIENCE)) as db, db:
                db.execute(statement)

    return at


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE images SET cost = cost + 1000000",
        "UPDATE spent SET cost = cost + 1",
        "UPDATE jobs SET n = n + 1",
    ],
)
def test_books_that_are_wrong_say_so(place_of_work: Path, statement: str) -> None:
    """A run whose sums differ ends with exit 1 and names the law that is broken."""
    with scene(place_of_work) as here:
        jobs: list[dict[str, Any]] = [{"id": f"lamp-{at}", "prompt": f"Lamp {at}"} for at in range(3)]
        ended = _tampered(here, here.manifest(jobs, limits={"max_cost": 1, "concurrency": 1}), statement)
        assert ended.exit == 1
        assert "add up" in ended.summary["why"]


def _tampered(here: Scene, manifest: Path, statement: str) -> Any:
    at = tampering(here.output() / "ledger.db", statement)
    return run_manifest(manifest, here.options(), Unwatched(), at)
