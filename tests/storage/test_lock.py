"""Laws of the lock: one run at a time per output folder."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from batchgen.errors import Locked
from batchgen.storage import Folder

HOLD = """
import subprocess, sys
from pathlib import Path
from batchgen.errors import Locked
from batchgen.storage import Folder
try:
    with Folder(Path(sys.argv[1])).lock():
        child = subprocess.Popen(["sleep", "30"], stdout=subprocess.DEVNULL, close_fds=False)
        print(f"held {child.pid}", flush=True)
        sys.stdin.read()
        child.kill()
        child.wait()
except Locked:
    print("locked", flush=True)
"""


def start(root: Path) -> "subprocess.Popen[str]":
    """Start a process that tries to hold the lock until its input ends."""
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, root], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_a_second_run_is_told_who_is_at_work(folder: Folder) -> None:
    """It does nothing, and gets the lock when the first is done."""
    with folder.lock(), pytest.raises(Locked, match=f"process {os.getpid()}"), folder.lock():
        pass
    with folder.lock():
        pass


def test_waiting_gets_the_lock_in_the_end(folder: Folder) -> None:
    """As soon as the other run ends."""
    order: list[str] = []

    def second() -> None:
        with folder.lock(wait=True):
            order.append("second")

    with folder.lock():
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.1)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_of_ten_starts_one_runs(tmp_path: Path) -> None:
    """The others know at once."""
    burst = [start(tmp_path) for _ in range(10)]
    said = [process.stdout.readline().split()[0] for process in burst if process.stdout]
    for process in burst:
        process.communicate()
    assert sorted(said) == ["held", *["locked"] * 9]


def test_the_lock_dies_with_its_process(folder: Folder) -> None:
    """After SIGKILL it is free, and a child program that lives on does not keep it."""
    process = start(folder.root)
    assert process.stdout is not None
    child = int(process.stdout.readline().split()[1])
    with pytest.raises(Locked), folder.lock():
        pass
    process.kill()
    process.communicate()
    try:
        with folder.lock():
            pass
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_lock_file_that_was_deleted_guards_nothing(folder: Folder) -> None:
    """Whoever waited for it takes the new one."""
    with folder.lock():
        (folder.root / ".lock").unlink()
        with folder.lock():
            pass
