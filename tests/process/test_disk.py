"""Disks that are full, read-only or short of something, and ledgers that are locked, damaged or not ours."""

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from io import BytesIO
from pathlib import Path
from random import Random

import pytest
from PIL import Image

from tests.patience import PATIENCE
from tests.process.launcher import KEY, ROOT, Launcher
from tests.process.world import World, world

pytestmark = pytest.mark.sample(2)

namespaces = pytest.mark.skipif(
    not shutil.which("unshare") or subprocess.run(["unshare", "-rm", "true"], check=False).returncode != 0,
    reason="no file systems of its own for a process here",
)


def noise(size: int) -> bytes:
    """Return an image that does not get smaller: about three bytes a pixel."""
    out = BytesIO()
    Image.frombytes("RGB", (size, size), Random(1).randbytes(size * size * 3)).save(out, "PNG")
    return out.getvalue()


FULL = """\
mount -t tmpfs -o size=3m none out && {
  $RUN >first.out 2>first.err; echo $? >first
  mount -o remount,size=64m out
  $RUN >second.out 2>second.err; echo $? >second
  $RUN >third.out 2>third.err; echo $? >third
  cp -a out kept
}"""

READ_ONLY = """\
mount --bind out out && mount -o remount,bind,ro out && {
  $RUN >told 2>&1; echo $? >status
}"""


ARCHIVED = """\
$RUN >made 2>&1
mount --bind out out && mount -o remount,bind,ro out && {
  rm -f out/images/*
  $VERIFY >told 2>&1; echo $? >status
}"""


def inside(trial: World, script: str, home: Path) -> None:
    """Run a script with mounts of its own, in which `$RUN` is the command."""
    command = " ".join([sys.executable, "-m", "batchgen", *trial.words])
    verify = f"{sys.executable} -m batchgen verify out"
    env = {
        "RUN": command,
        "VERIFY": verify,
        "PYTHONPATH": str(ROOT),
        "OPENAI_API_KEY": KEY,
        "HOME": str(home),
        "PATH": os.defpath,
    }
    trial.output.mkdir()
    subprocess.run(["unshare", "-rm", "sh", "-c", script], cwd=trial.folder, env=env, check=True, timeout=PATIENCE)


@pytest.mark.slow
@namespaces
def test_a_disk_that_fills_up_costs_no_paid_image(fresh: Path, tmp_path: Path, launcher: Launcher) -> None:
    """Exit 8 with path and bytes; what was paid waits on another disk; with room again it goes on from there."""
    with world(fresh, launcher, 1, jobs=12, fixed_bytes=noise(256)) as trial:
        inside(trial, FULL, tmp_path)
        ended = {name: (fresh / name).read_text().strip() for name in ("first", "second", "third")}
        told = (fresh / "first.out").read_text() + (fresh / "first.err").read_text()
        assert ended == {"first": "8", "second": "0", "third": "0"}, told + (fresh / "second.err").read_text()
        assert "free some space" in told
        assert "Traceback" not in told
        trial.output.rmdir()
        (fresh / "kept").rename(trial.output)
        trial.reconcile()
        assert sum(entry["pictures"] for entry in trial.bill) == trial.wanted


@namespaces
def test_a_folder_that_nobody_may_write_to(fresh: Path, tmp_path: Path, launcher: Launcher) -> None:
    """Exit 8 names the folder, and nothing is sent."""
    with world(fresh, launcher, 2, jobs=2) as trial:
        inside(trial, READ_ONLY, tmp_path)
        told = (fresh / "told").read_text()
        assert (fresh / "status").read_text().strip() == "8", told
        assert "out" in told
        assert "read-only" in told
        assert trial.calls == 0


@pytest.mark.slow
@namespaces
def test_an_archive_that_nobody_may_write_to_is_verified(fresh: Path, tmp_path: Path, launcher: Launcher) -> None:
    """Images are read again where the ledger takes no notes."""
    with world(fresh, launcher, 2, jobs=2) as trial:
        inside(trial, ARCHIVED, tmp_path)
        told = (fresh / "told").read_text()
        assert (fresh / "status").read_text().strip() == "0", told
        assert f"{trial.wanted} images" in told


@pytest.mark.sample(1)
@pytest.mark.parametrize("files", [64, 256])
def test_few_open_files_mean_fewer_calls_at_once(fresh: Path, launcher: Launcher, files: int) -> None:
    """Everything is drawn all the same, and whoever runs it is told."""
    with world(fresh, launcher, 3, jobs=20, latency=(0.05, 0.1)) as trial:
        child = trial.start(None, "--concurrency", "40", limits={"NOFILE": files})
        assert child.wait() == 0, child.said
        assert f"the limit on open files is {files}" in child.said
        trial.finish()
        trial.reconcile()


@pytest.mark.sample(2)
@pytest.mark.parametrize("files", [12, 18, 8, 9, 10, 11, 13, 14, 15, 16, 17, 19, 20, 22, 24, 26])
def test_too_few_open_files_end_a_run_with_words(fresh: Path, launcher: Launcher, files: int) -> None:
    """Exit 8 says what to raise, and with enough of them the same command goes on."""
    with world(fresh, launcher, 3, jobs=2) as trial:
        child = trial.start(None, limits={"NOFILE": files})
        assert child.wait() == 8, child.said
        assert "ulimit -n" in child.said
        assert "bug" not in child.said
        assert "Warning" not in child.said
        if (trial.output / "ledger.db").exists():
            trial.in_flight |= trial.look().ids("dispatched")
        trial.finish()
        trial.reconcile()


@pytest.mark.sample(1)
@pytest.mark.parametrize(("size", "jobs"), [(20_000, 8), (150_000, 8), (400_000, 40)])
def test_files_that_may_not_grow(fresh: Path, launcher: Launcher, size: int, jobs: int) -> None:
    """Whatever hits the limit first, ledger or image: exit 8, and without the limit it goes on."""
    with world(fresh, launcher, 4, jobs=jobs, fixed_bytes=noise(256)) as trial:
        child = trial.start(limits={"FSIZE": size})
        assert child.wait() == 8, child.said
        assert "out/" in child.told + child.said
        assert "Traceback" not in child.said
        if (trial.output / "ledger.db").exists():
            trial.in_flight |= trial.look().ids("dispatched")
        trial.finish()
        trial.reconcile()


@pytest.mark.parametrize("begin", ["BEGIN IMMEDIATE", "BEGIN"], ids=["writer", "reader"])
def test_a_ledger_that_somebody_else_holds(fresh: Path, launcher: Launcher, begin: str) -> None:
    """A backup or a shell in the ledger is waited for: nothing is sent without a durable intent, nothing fails."""
    with world(fresh, launcher, 5, jobs=10, latency=(0.1, 0.2)) as trial:
        child = trial.begun(calls=2)
        with closing(sqlite3.connect(trial.output / "ledger.db", timeout=PATIENCE, isolation_level=None)) as db:
            db.execute(begin)
            db.execute("SELECT count(*) FROM attempts").fetchone()
            time.sleep(1)
            trial.look()
            calls = trial.calls
            time.sleep(0.5)
            if begin == "BEGIN IMMEDIATE":
                assert trial.calls == calls
            db.execute("ROLLBACK")
        assert child.wait() == 0
        trial.reconcile()


def scribble(path: Path, chance: Random) -> None:
    """Overwrite a page in the middle with chance."""
    data = bytearray(path.read_bytes())
    page = 4096 * chance.randrange(1, len(data) // 4096)
    data[page : page + 4096] = chance.randbytes(4096)
    path.write_bytes(data)


def cut(path: Path, chance: Random) -> None:
    """Cut the end off, at no boundary."""
    os.truncate(path, chance.randrange(100, path.stat().st_size - 4096))


def newer(path: Path, _chance: Random) -> None:
    """Make it a file of a later version."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 999")


def foreign(path: Path, _chance: Random) -> None:
    """Make it another program's file."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA application_id = 1")


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("harm", "times", "said"),
    [(scribble, 8, "damaged"), (cut, 6, "damaged"), (newer, 1, "newer"), (foreign, 1, "another program")],
)
def test_a_ledger_that_cannot_be_trusted(
    fresh: Path, launcher: Launcher, harm: Callable[[Path, Random], None], times: int, said: str
) -> None:
    """Exit 8, nothing is sent, and the file stays as it is; the words say what to do."""
    chance = Random(6)
    with world(fresh, launcher, 6, jobs=6) as trial:
        trial.finish()
        calls, path = trial.calls, trial.output / "ledger.db"
        whole = path.read_bytes()
        (fresh / "jobs.csv").write_text("number\n" + "\n".join(map(str, range(9))))
        for _ in range(times):
            path.write_bytes(whole)
            harm(path, chance)
            harmed = path.read_bytes()
            child = trial.start()
            assert child.wait() == 8, child.told + child.said
            assert said in child.said
            assert path.read_bytes() == harmed
            assert trial.calls == calls
        path.write_bytes(whole)
        assert trial.start().wait() == 0
        assert trial.calls == calls + 3


def test_a_ledger_that_is_gone_is_adopted(fresh: Path, launcher: Launcher) -> None:
    """Without its ledger a folder of images is refused; adopted, it is complete and nothing is paid again."""
    with world(fresh, launcher, 7, jobs=6) as trial:
        trial.finish()
        calls = trial.calls
        for path in trial.output.glob("ledger.db*"):
            path.unlink()
        assert trial.start().wait() == 2
        assert launcher.start("adopt", "out", cwd=fresh).wait() == 0
        assert trial.start().wait() == 0
        assert trial.calls == calls


def moved(trial: World) -> None:
    """Take two images away, as whoever publishes them may."""
    for path in sorted((trial.output / "images").iterdir())[:2]:
        path.unlink()


def test_images_that_others_took_away(fresh: Path, launcher: Launcher) -> None:
    """They are not paid again unless that is asked for; verify names them."""
    with world(fresh, launcher, 8, jobs=4) as trial:
        trial.finish()
        calls = trial.calls
        moved(trial)
        assert trial.start().wait() == 0
        assert trial.calls == calls
        verify = launcher.start("verify", "out", cwd=fresh)
        assert verify.wait() != 0
        assert "job-0-0.png" in verify.told + verify.said
        assert trial.start(None, "--regenerate-missing").wait() == 0
        assert trial.calls == calls + 1
        assert launcher.start("verify", "out", cwd=fresh).wait() == 0
