"""SIGKILL at every durable step and at any moment: nothing lost or torn, nothing paid twice but what was in flight."""

from pathlib import Path
from random import Random

import pytest

from batchgen.mock import Rule
from tests.process.launcher import Launcher
from tests.process.world import FAULTS, World, world

pytestmark = pytest.mark.sample(3)

POINTS = (
    "ledger.create.before_name",
    "ledger.create.after_name",
    "ledger.begin.before_commit",
    "ledger.begin.after_commit",
    "ledger.remember.before_commit",
    "ledger.remember.after_commit",
    "ledger.expect.after_commit",
    "ledger.reserve.before_begin",
    "ledger.reserve.before_commit",
    "ledger.reserve.after_commit",
    "storage.finish.before_parts",
    "storage.finish.before_answer",
    "storage.finish.after_answer",
    "storage.publish.after_aside",
    "storage.publish.before_name",
    "storage.publish.before_sync",
    "storage.publish.after_sync",
    "ledger.settle.before_begin",
    "ledger.settle.before_commit",
    "ledger.settle.after_commit",
    "storage.spool.before_remove",
    "ledger.downloaded.before_commit",
    "ledger.downloaded.after_commit",
    "ledger.end.before_commit",
    "ledger.end.after_commit",
)
ONCE = tuple(point for point in POINTS if point.split(".")[1] in {"create", "begin", "remember", "expect", "end"})
RECOVERY = (
    "ledger.risk.before_commit",
    "ledger.risk.after_commit",
    "ledger.settle.before_commit",
    "ledger.settle.after_commit",
    "storage.publish.after_sync",
    "storage.spool.before_remove",
    "storage.quarantine.after_move",
)


HOLD, CHANGED, ADDRESSES = "hold", "changed", "addresses"
KINDS: dict[str, tuple[Rule, ...]] = {
    "well": (),
    "faults": FAULTS,
    HOLD: (),
    ADDRESSES: (Rule("url_instead", rate=0.7),),
    CHANGED: (),
}


def torture(trial: World) -> None:
    """Kill at three named steps, at a random moment and during recovery; then finish and reconcile."""
    chance = Random(trial.seed)
    if kind_of(trial.seed) == CHANGED:
        trial.finish()
        trial.change()
    for point in POINTS[trial.seed % 8 :: 8]:
        # A step that no run of this kind passes would let the run come to its end.
        passed = point if passes(trial, point) else "ledger.reserve.after_commit"
        trial.kill_at(passed, 1 if passed in ONCE else chance.randint(1, 4))
    trial.kill_after(chance.uniform(0.05, 0.4))
    trial.kill_at(RECOVERY[trial.seed % len(RECOVERY)])
    trial.finish()
    trial.reconcile()
    assert trial.kills >= 3, f"{trial}: only {trial.kills} kills"


def passes(trial: World, point: str) -> bool:
    """Whether a run of this kind passes a step at all."""
    kinds = {"create": not trial.changes, "after_aside": trial.changes, "downloaded": kind_of(trial.seed) == ADDRESSES}
    return all(kinds[name] for name in point.split(".") if name in kinds)


def kind_of(seed: int) -> str:
    """Say what the provider does in a trial."""
    return tuple(KINDS)[seed % len(KINDS)]


@pytest.mark.sample(1)
@pytest.mark.parametrize("seed", range(10))
def test_a_killed_run_goes_on_from_the_truth(fresh: Path, launcher: Launcher, seed: int) -> None:
    """At least 30 kills: nothing is lost or torn, and only what was in flight may be paid twice; held, nothing is."""
    kind = kind_of(seed)
    with world(fresh, launcher, seed, hold=kind == HOLD, rules=KINDS[kind]) as trial:
        torture(trial)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 80))
def test_two_hundred_kills(fresh: Path, launcher: Launcher, seed: int) -> None:
    """The same with more seeds: at least 200 kills."""
    kind = kind_of(seed)
    with world(fresh, launcher, seed, hold=kind == HOLD, rules=KINDS[kind]) as trial:
        torture(trial)
