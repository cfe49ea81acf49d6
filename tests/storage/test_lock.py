"""Laws of the lock: one run at a time per output folder."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from batchgen.errors import Locked, StorageError
from batchgen.storage import Workspace

HOLD = """
import subprocess, sys
from pathlib import Path
from batchgen.errors import Locked
from batchgen.storage import Workspace
try:
    with Workspace(Path(sys.argv[1])).lock():
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


def test_a_second_run_is_told_who_is_at_work(workspace: Workspace) -> None:
    """It does nothing, and gets the lock when the first is done."""
    with workspace.lock(), pytest.raises(Locked, match=f"process {os.getpid()}"), workspace.lock():
        pass
    with workspace.lock():
        pass


def test_waiting_gets_the_lock_in_the_end(workspace: Workspace) -> None:
    """As soon as the other run ends."""
    order: list[str] = []

    def second() -> None:
        with workspace.lock(wait=True):
            order.append("second")

    with workspace.lock():
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


def test_the_lock_dies_with_its_process(workspace: Workspace) -> None:
    """After SIGKILL it is free, and a child program that lives on does not keep it."""
    process = start(workspace.root)
    assert process.stdout is not None
    child = int(process.stdout.readline().split()[1])
    with pytest.raises(Locked), workspace.lock():
        pass
    process.kill()
    process.communicate()
    try:
        with workspace.lock():
            pass
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_lock_file_that_was_deleted_opens_no_door(workspace: Workspace) -> None:
    """The folder itself is locked: a second run stays out, whatever became of the file."""
    with workspace.lock():
        (workspace.root / ".lock").unlink()
        with pytest.raises(Locked), Workspace(workspace.root).lock():
            pass
        assert workspace.still_held()
    with Workspace(workspace.root).lock():
        pass


def test_a_folder_that_was_replaced_is_noticed(workspace: Workspace) -> None:
    """A run whose folder somebody moved away finds out, and so does one whose folder came back as another."""
    assert not workspace.still_held()
    with workspace.lock():
        workspace.check_held()
        moved = workspace.root.rename(workspace.root.with_name("moved"))
        assert not workspace.still_held()
        workspace.root.mkdir()
        with pytest.raises(StorageError, match="moved or replaced"):
            workspace.check_held()
        with Workspace(workspace.root).lock():  # another run in the new folder harms nobody
            pass
        (workspace.root / ".lock").unlink()
        workspace.root.rmdir()
        moved.rename(workspace.root)
        workspace.check_held()
    assert not workspace.still_held()


def test_whoever_waited_for_a_folder_that_is_gone_takes_the_new_one(workspace: Workspace) -> None:
    """A lock on what nobody finds any more guards nothing."""
    order: list[str] = []
    waiting = Workspace(workspace.root)

    def second() -> None:
        with waiting.lock(wait=True):
            order.append(str(waiting.still_held()))

    with workspace.lock():
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.1)
        workspace.root.rename(workspace.root.with_name("moved"))
        workspace.root.mkdir()
    thread.join()
    assert order == ["True"]


def test_a_pipe_is_no_lock(workspace: Workspace) -> None:
    """It is refused and not waited for."""
    workspace.root.mkdir()
    os.mkfifo(workspace.root / ".lock")
    with pytest.raises(StorageError), workspace.lock():
        pass
