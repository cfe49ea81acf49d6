"""What the trials of processes and of kills share."""

import atexit
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tests.process.launcher import Child, Launcher

RAM = Path("/dev/shm")


@contextmanager
def ram_folder(otherwise: Path) -> Iterator[Path]:
    """Give an empty folder on a RAM disk where there is one: a kill needs no real disk, and many trials need speed."""
    if not RAM.is_dir():
        yield otherwise
        return
    folder = Path(tempfile.mkdtemp(prefix="batchgen-", dir=RAM))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def watched(child: Child) -> int:
    """Return the most memory of its own, in kB, that a process held beyond what it was born with."""
    most, born = 0, None
    while not child.ended:
        try:
            held = int(re.findall(r"VmHWM:\s+(\d+)", Path(f"/proc/{child.pid}/status").read_text())[0])
        except (FileNotFoundError, ProcessLookupError, IndexError):
            break
        born = held if born is None else born
        most = max(most, held - born)
        time.sleep(0.005)
    return most


@cache
def the_launcher() -> Launcher:
    """Return the one launcher of this test process, for every folder of tests: loading everything takes seconds."""
    folder = Path(tempfile.mkdtemp(prefix="batchgen-said-"))
    launcher = Launcher(folder)
    launcher.open()
    atexit.register(shutil.rmtree, folder)
    atexit.register(launcher.close)
    return launcher
