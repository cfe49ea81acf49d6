"""A fault at the k-th durable step, for k = 1, 2, 3 ... until a run passes untouched."""

from pathlib import Path

import pytest

from batchgen.mock import Rule
from tests.process.launcher import Break, Launcher
from tests.process.world import World, world

pytestmark = pytest.mark.sample(4)

SPOOL = "storage.spool.before_remove"


def passed(trial: World, number: int, fault: str) -> bool:
    """Let the k-th step of a run fail, then go on: exit 8 names the path, and no paid image is lost or paid again."""
    child = trial.start(Break(passing=number, errno=fault))
    status = child.wait()
    trial.look()
    if status == 0:
        return True
    assert status == 8, f"step {number} with {fault}: exit {status}\n{child.told}\n{child.said}"
    told = child.told + child.said
    assert str(trial.output.name) in told
    assert "Traceback" not in told
    trial.finish()
    trial.reconcile()
    images = sum(entry["pictures"] for entry in trial.bill)
    assert images == trial.wanted, f"step {number} with {fault}: {images} images were paid"
    return False


@pytest.mark.sample(3)
@pytest.mark.parametrize("number", [1, 5, 9, 13, 17, 20, 23, 26, 29, 32, 35, 39, 43])
def test_a_fault_at_a_step_costs_nothing(fresh: Path, launcher: Launcher, number: int) -> None:
    """A full disk at the k-th step ends the run with exit 8; with room again, it goes on and nothing is paid twice."""
    with world(fresh, launcher, number, jobs=2, latency=(0, 0.02)) as trial:
        assert not passed(trial, number, "ENOSPC")


@pytest.mark.parametrize("point", ["ledger.settle.before_commit", "ledger.settle.after_commit", SPOOL])
def test_a_fault_while_a_short_answer_is_settled(fresh: Path, launcher: Launcher, point: str) -> None:
    """What was not asked again yet is not called moderated: the next run asks for it."""
    with world(fresh, launcher, 1, jobs=1, rules=(Rule("fewer_1", times=1),)) as trial:
        assert trial.start(Break(point=point, errno="EIO")).wait() == 8
        trial.finish()
        trial.reconcile()
        assert [entry["pictures"] for entry in trial.bill] == [1, 1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "rules"),
    [
        ("ENOSPC", ()),
        ("EIO", ()),
        ("EROFS", ()),
        ("EDQUOT", ()),
        ("ENOSPC", (Rule("url_instead"),)),
        ("EIO", (Rule("fewer_1", times=1),)),
    ],
)
def test_a_fault_at_every_step(fresh: Path, launcher: Launcher, fault: str, rules: tuple[Rule, ...]) -> None:
    """The same for every step and every fault, until the run passes untouched."""
    number = 0
    done = False
    while not done:
        number += 1
        folder = fresh / str(number)
        folder.mkdir()
        with world(folder, launcher, number, jobs=2, latency=(0, 0.02), rules=rules) as trial:
            done = passed(trial, number, fault)
    assert number > 40
