"""Every exit status, reached by a real process in at least two ways; what it printed says why and what to do next."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from batchgen.mock import Rule
from tests.process.launcher import Break, Launcher
from tests.process.world import World, world

pytestmark = pytest.mark.sample(8)


def nothing(trial: World) -> None:
    """Leave the trial as it is."""


def finished(trial: World) -> None:
    """Let an earlier run draw everything."""
    assert trial.start().wait() == 0


def write(name: str, text: str) -> Callable[[World], None]:
    """Write a file below the trial's folder."""

    def writing(trial: World) -> None:
        path = trial.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    return writing


def edited(old: str, new: str) -> Callable[[World], None]:
    """Change the manifest."""

    def editing(trial: World) -> None:
        path = trial.folder / "m.yaml"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    return editing


def falsified(trial: World) -> None:
    """Let somebody change a sum in the ledger."""
    finished(trial)
    with closing(sqlite3.connect(trial.output / "ledger.db")) as db, db:
        db.execute("UPDATE spent SET cost = cost + 1")


def foreign(trial: World) -> None:
    """Put another program's database where the ledger belongs."""
    trial.output.mkdir()
    with closing(sqlite3.connect(trial.output / "ledger.db")) as db, db:
        db.execute("CREATE TABLE customers (name TEXT)")


@pytest.mark.sample(5)
@dataclass(frozen=True)
class Way:
    """One way to an exit status: what stands before, what is asked, what the provider does, what must be said."""

    status: int
    says: str
    before: Callable[[World], None] = nothing
    words: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    broken: Break | None = None
    env: dict[str, str] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    calls: int | None = None
    sound: bool = True


BEFORE_A_CALL, AFTER_A_CALL = "ledger.reserve.before_commit", "ledger.settle.before_commit"
SHORT = ("--max-duration", "1s", "--concurrency", "2")
HELD = ("--on-uncertain", "hold")
WAYS = {
    "everything is stored": Way(0, "every wanted image is stored", calls=6),
    "nothing to do": Way(0, "every wanted image is stored", finished, calls=6),
    "a dry run": Way(0, "", words=("--dry-run",), calls=0),
    "a bug while drawing": Way(1, "internal error", broken=Break(point="storage.publish.before_name", errno=Break.BUG)),
    "a bug before the first call": Way(1, "internal error", broken=Break(errno=Break.BUG), calls=0),
    "accounts that do not add up": Way(1, "do not add up", falsified, sound=False),
    "no limit and nobody there": Way(2, "needs a limit", edited(", max_cost: 100", ""), calls=0),
    "a word that does not exist": Way(2, "--max-cots", words=("--max-cots", "3"), calls=0),
    "a manifest with an error": Way(2, "m.yaml:2:", edited("size:", "sizes:"), calls=0),
    "a base URL that is wrong": Way(2, "", rules=(Rule("404_html"),)),
    "images that no ledger knows": Way(2, "batchgen adopt", write("out/images/a.png", ""), calls=0),
    "one job is refused": Way(3, "next ", rules=(Rule("400_invalid", "number 1 "),)),
    "one job is moderated": Way(3, "moderated", rules=(Rule("moderation_input", "number 1 "),)),
    "paid and useless": Way(3, "paid", rules=(Rule("data_empty", "number 1 "),)),
    "a limit of money": Way(4, "limit", words=("--max-cost", "0.03")),
    "a limit of images": Way(4, "limit", words=("--max-images", "4"), calls=2),
    "a limit of time": Way(
        4, "--max-duration", words=("--max-duration", "1s", "--concurrency", "2"), config={"latency": (0.7, 0.8)}
    ),
    "no key": Way(5, "OPENAI_API_KEY", env={"OPENAI_API_KEY": ""}, calls=0),
    "no credit": Way(5, "quota", rules=(Rule("429_quota"),)),
    "no credit left on the way": Way(5, "quota", rules=(Rule("429_quota", skip=3),)),
    "billing": Way(5, "illing", rules=(Rule("400_billing"),)),
    "the breaker": Way(6, "", rules=(Rule("status_502_html"),)),
    "nobody listens": Way(6, "nothing listens", words=("--base-url", "http://127.0.0.1:9/v1"), calls=0),
    "a call that may have been paid, held": Way(7, "resolve", words=HELD, rules=(Rule("status_500", times=1),)),
    "a call that may have been paid twice": Way(7, "resolve", rules=(Rule("status_500", "number 1 "),)),
    "a foreign ledger": Way(8, "ledger.db", foreign, calls=0),
    "no ledger at all": Way(8, "ledger.db", write("out/ledger.db", "my diary " * 99), calls=0),
    "a full disk": Way(
        8, "free some space", broken=Break(point="ledger.reserve.before_commit", errno="ENOSPC"), calls=0
    ),
    "a disk that fails while drawing": Way(
        8, "check the disk", broken=Break(point="ledger.settle.before_commit", errno="EIO")
    ),
}


@pytest.mark.parametrize("name", WAYS)
def test_ways_to_end(fresh: Path, launcher: Launcher, name: str) -> None:
    """The status, the words, and books that hold at least what the provider charged."""
    way = WAYS[name]
    config = {"latency": (0.0, 0.02), **way.config}
    with world(fresh, launcher, 1, jobs=6, rules=way.rules, **config) as trial:
        way.before(trial)
        child = trial.start(way.broken, *way.words, env=way.env)
        status = child.wait()
        told = child.told + child.said
        assert status == way.status, told
        assert way.says in told
        assert "Traceback" not in told
        assert len(told.splitlines()) <= 40
        if way.calls is not None:
            assert trial.calls == way.calls
        if status != 8 and way.sound:
            trial.look()


def test_a_run_that_cannot_be_written_down_has_its_object(fresh: Path, launcher: Launcher) -> None:
    """A disk that is full from the first line on leaves `--json` whole: what is wanted is not started."""
    with world(fresh, launcher, 1, jobs=6) as trial:
        child = trial.start(Break(point="ledger.begin.before_commit", errno="ENOSPC"), "--json")
        assert child.wait() == 8
        told = json.loads(child.told)
        assert (told["exit_code"], told["run_id"], told["jobs"]["not_started"]) == (8, None, 6)
        assert told["money"]["cap_micro_usd"] == 100_000_000
        assert "free some space" in told["why"]


def test_a_bug_leaves_its_traceback_beside_the_run(fresh: Path, launcher: Launcher) -> None:
    """What the last words ask to report is there, and `--json` names the run that broke."""
    with world(fresh, launcher, 1, jobs=6, latency=(0.0, 0.02)) as trial:
        child = trial.start(WAYS["a bug while drawing"].broken, "--json")
        assert child.wait() == 1
        told = json.loads(child.told)
        assert told["exit_code"] == 1
        folder = trial.output / "runs" / told["run_id"]
        assert "Traceback" in (folder / "error.txt").read_text()
        kept = json.loads((folder / "summary.json").read_text())
        assert told["money"] == kept["money"]
        assert told["this_run"]["attempts"]["sent"] == trial.calls > 0


def test_every_status_is_reached_twice() -> None:
    """A table that has all of them; 75, 130 and 143 are reached by tests of their own."""
    reached = [way.status for way in WAYS.values()]
    assert all(reached.count(status) >= 2 for status in range(9))
