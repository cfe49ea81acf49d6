"""Signals: the first drains, the second ends at once, and neither loses anything."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.patience import PATIENCE
from tests.process.launcher import KEY, ROOT, Launcher
from tests.process.world import CONCURRENCY, World, world

pytestmark = pytest.mark.sample(2)

STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 143}


def under_way(trial: World) -> set[str]:
    """Check that calls that the ledger has under way."""
    return trial.look().ids("dispatched")


def has_open(pid: int, folder: Path) -> bool:
    """Whether a process holds a folder open, as whoever waits for its lock does."""
    found = set()
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found.add(path.readlink())
    return folder.resolve() in found


@pytest.mark.parametrize("number", list(STATUS))
def test_the_first_signal_drains(fresh: Path, launcher: Launcher, number: signal.Signals) -> None:
    """Nothing starts once it is told, what is under way is finished and settled, and the words say what is at stake."""
    with world(fresh, launcher, 1, jobs=20, latency=(0.3, 0.4)) as trial:
        child = trial.begun()
        child.signal(number)
        trial.wait_for(lambda: "draining" in child.said or child.ended)
        begun = set(trial.look().calls)
        assert child.wait() == STATUS[number]
        books = trial.look()
        assert books.ids("settled", "not_sent") == set(books.calls), "what was under way is finished"
        assert books.ids("settled") <= begun, "nothing was sent that had not begun"
        assert len(books.ids("settled")) == trial.calls < 20
        assert re.search(r"draining [1-6] calls?, up to \$0\.0", child.said), child.said
        trial.finish()
        trial.reconcile()


def test_the_second_signal_ends_at_once(fresh: Path, launcher: Launcher) -> None:
    """Every call that is given up is written down as at risk; a third signal changes nothing."""
    with world(fresh, launcher, 2, jobs=12, latency=(PATIENCE, PATIENCE)) as trial:
        child = trial.begun()
        child.signal(signal.SIGTERM)
        trial.wait_for(lambda: "draining" in child.said)
        for _ in range(3):
            child.signal(signal.SIGINT)
            time.sleep(0.05)
        assert child.wait() == 143
        books = trial.look()
        assert len(books.ids("at_risk")) == CONCURRENCY == len(books.calls)
        assert "at risk" in child.told
        status = trial.launcher.start("status", "out", "--json", cwd=trial.folder)
        assert status.wait() == 0
        assert json.loads(status.told)["jobs"]["held"] == 0, "the next run asks once more for each"


def test_answers_on_their_way_to_the_disk_survive_the_second_signal(fresh: Path, launcher: Launcher) -> None:
    """Whatever moment two signals hit in a burst of answers: nothing is torn, and the next run goes on from there."""
    with world(fresh, launcher, 3, jobs=40, latency=(0.0, 0.02)) as trial:
        for pause in (0.0, 0.02, 0.05, 0.1):
            child = trial.begun(calls=trial.calls + 3)
            child.signal(signal.SIGINT)
            time.sleep(pause)
            if not child.ended:
                child.signal(signal.SIGINT)
            assert child.wait() in {0, 130, -2}
            trial.in_flight |= trial.look().ids("at_risk", "dispatched")
        trial.finish()
        trial.reconcile()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_a_long_manifest_is_read(fresh: Path, launcher: Launcher, number: signal.Signals) -> None:
    """Before the first call a signal ends the run at once."""
    with world(fresh, launcher, 4, jobs=60_000) as trial:
        child = trial.start()
        trial.wait_for(lambda: (trial.output / ".lock").exists() or child.ended)
        child.signal(number)
        assert child.wait() == STATUS[number]
        assert trial.calls == 0
        assert "Traceback" not in child.said


def test_a_signal_while_waiting_for_the_lock(fresh: Path, launcher: Launcher) -> None:
    """A run that waits for another one still listens, and says where the folder stands."""
    with world(fresh, launcher, 5, jobs=6, latency=(1, 1)) as trial:
        first = trial.begun()
        second = trial.start(None, "--if-locked", "wait", "--json")
        trial.wait_for(lambda: second.ended or has_open(second.pid, trial.output))
        second.signal(signal.SIGTERM)
        assert second.wait() == 143
        told = json.loads(second.told)
        assert (told["exit_code"], told["run_id"], told["jobs"]["total"]) == (143, None, 6)
        assert first.wait() == 0


@pytest.mark.skipif(
    not shutil.which("unshare") or subprocess.run(["unshare", "-rfp", "true"], check=False).returncode != 0,
    reason="no namespaces of its own for a process here",
)
def test_process_one_of_a_container_obeys(fresh: Path, launcher: Launcher) -> None:
    """Process 1 gets no signal that it has no handler for; this one has."""
    with world(fresh, launcher, 6, jobs=12, latency=(0.5, 0.6)) as trial:
        child = subprocess.Popen(
            ["unshare", "-rfp", "--kill-child", sys.executable, "-m", "batchgen", *trial.words],
            cwd=trial.folder,
            env={"PYTHONPATH": str(ROOT), "OPENAI_API_KEY": KEY, "PATH": "/usr/bin:/bin", "HOME": str(fresh)},
            stderr=subprocess.PIPE,
            text=True,
        )
        trial.wait_for(lambda: trial.calls >= CONCURRENCY)
        (inside,) = Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split()
        subprocess.run(["kill", "-TERM", inside], check=True)
        _, said = child.communicate(timeout=PATIENCE)
        assert child.returncode == 143, said
        books = trial.look()
        assert len(books.ids("settled")) == trial.calls < 12
        assert not books.ids("at_risk", "dispatched")
