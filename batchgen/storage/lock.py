"""One run at a time per output folder: a lock that dies with its process."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from batchgen.errors import Locked
from batchgen.storage.durable import PRIVATE_FILE, guarded

NAME = ".lock"


@contextmanager
def lock(root: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold the lock of an output folder; Locked when another run holds it, unless told to wait for it.

    The descriptor is closed on exec, so that no child program keeps the lock, and the kernel frees it with the process.
    """
    path = root / NAME
    with guarded(path):
        descriptor = _take(path, wait=wait)
    try:
        yield
    finally:
        os.close(descriptor)


def _take(path: Path, *, wait: bool) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, PRIVATE_FILE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _still_there(descriptor, path):
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
                return descriptor
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            who = f" (process {holder})" if holder.isdecimal() else ""
            raise Locked(f"{path.parent}: another run{who} is at work here; nothing was done") from None
        except BaseException:
            os.close(descriptor)
            raise
        # Somebody deleted the lock file while we waited: what we hold guards nothing any more.
        os.close(descriptor)


def _still_there(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat(follow_symlinks=False))
    except FileNotFoundError:
        return False
