"""Several runs at once, runs that were killed, runs that say where they stand."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.patience import PATIENCE
from tests.process.launcher import Launcher
from tests.process.world import World, world


def statuses(trial: World) -> list[dict[str, Any]]:
    """Say what every run says of itself, the oldest first."""
    return [json.loads(path.read_bytes()) for path in sorted((trial.output / "runs").glob("*/status.json"))]


@pytest.mark.slow
def test_ten_starts_in_one_burst(fresh: Path, launcher: Launcher) -> None:
    """One runs, nine say 75 while it still works, and no image is asked for twice."""
    with world(fresh, launcher, 1, jobs=12, latency=(1.0, 1.2)) as trial:
        children = [trial.start() for _ in range(10)]
        trial.wait_for(lambda: sum(child.ended for child in children) == 9)
        assert sorted(child.wait() for child in children) == [0, *[75] * 9]
        assert trial.calls == 12
        said = [child.said for child in children if child.wait() == 75]
        assert all("another run" in words for words in said)
        assert any("another run (process " in words for words in said)
        trial.finish()
        trial.reconcile()


def test_a_second_run_waits_or_skips(fresh: Path, launcher: Launcher) -> None:
    """`wait` goes on where the first one stopped, `skip` ends well without a word of its own."""
    with world(fresh, launcher, 2, jobs=12, latency=(0.5, 0.6)) as trial:
        first = trial.begun()
        waiting, skipping = (trial.start(None, "--if-locked", how, "--quiet") for how in ("wait", "skip"))
        assert skipping.wait() == 0
        assert skipping.said + skipping.told == ""
        assert not first.ended
        assert (first.wait(), waiting.wait()) == (0, 0)
        assert trial.calls == 12


def test_the_lock_dies_with_its_process(fresh: Path, launcher: Launcher) -> None:
    """After a SIGKILL the next run begins at once."""
    with world(fresh, launcher, 3, jobs=8, latency=(0.2, 0.3)) as trial:
        child = trial.begun()
        child.signal(9)
        assert child.wait() == -9
        trial.in_flight |= trial.look().ids("dispatched")
        trial.finish()
        trial.reconcile()


def test_a_run_ends_when_its_time_is_over(fresh: Path, launcher: Launcher) -> None:
    """Nothing new starts, what is under way is finished, exit 4; the same command goes on."""
    with world(fresh, launcher, 4, jobs=30, latency=(0.3, 0.4)) as trial:
        child = trial.start(None, "--max-duration", "1s")
        assert child.wait() == 4
        assert 0 < trial.calls < 30
        books = trial.look()
        assert len(books.ids("settled")) == trial.calls
        assert not books.ids("at_risk", "dispatched")
        assert "--max-duration" in child.told
        trial.finish()
        trial.reconcile()


def watch(trial: World, seconds: float) -> list[float]:
    """Read the status of a run again and again while it works: how old each one was."""
    child, ages = trial.begun(), list[float]()
    end = time.monotonic() + seconds
    while time.monotonic() < end and not child.ended:
        (status,) = statuses(trial)
        ages.append((datetime.now(UTC) - datetime.fromisoformat(status["at"])).total_seconds())
        time.sleep(0.01)
    assert child.wait() == 0
    return ages


def test_a_run_always_says_where_it_stands(fresh: Path, launcher: Launcher) -> None:
    """`status.json` is whole at every instant, and says at the end how the run ended."""
    with world(fresh, launcher, 5, jobs=18, latency=(0.4, 0.5)) as trial:
        ages = watch(trial, 10)
        assert len(ages) > 2
        assert max(ages) < PATIENCE
        (status,) = statuses(trial)
        assert (status["exit_code"], status["jobs_done"], status["images_stored"]) == (0, 18, 36)


@pytest.mark.slow
def test_where_a_run_stands_is_never_old(fresh: Path, launcher: Launcher) -> None:
    """The same for as long as it takes to see three of them."""
    with world(fresh, launcher, 6, jobs=18, latency=(7, 8)) as trial:
        assert max(watch(trial, 60)) < 15
