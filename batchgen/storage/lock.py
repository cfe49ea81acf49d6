"""One run at a time per output folder: a lock that dies with its process."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from batchgen.errors import Locked
from batchgen.storage.durable import PRIVATE_FILE, guarded

NAME = ".lock"
_NO_LOCKS = frozenset({errno.EBADF, errno.EINVAL, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS})
"""What a file system says that locks files and no folders, such as NFS."""


@dataclass(frozen=True, slots=True)
class Held:
    """A lock that is held: `descriptor` guards for as long as it is what stands at `path`."""

    descriptor: int
    path: Path

    def still(self) -> bool:
        """Look whether what is locked is still what everybody else would lock. One call of the system."""
        return _is_at(self.descriptor, self.path)


@contextmanager
def lock(root: Path, *, wait: bool = False) -> Iterator[Held]:
    """Hold the lock of an output folder; Locked when another run holds it, unless told to wait for it.

    The folder itself is locked, which nobody can remove and make anew unnoticed, and a file in it that names the
    process. The file alone guards where the file system locks no folders. Descriptors are closed on exec, so that no
    child program keeps the lock, and the kernel frees them with the process.
    """
    with ExitStack() as held:
        with guarded(root):
            folder = _locked_folder(root, wait=wait)
        if folder is not None:
            held.callback(os.close, folder)
        with guarded(root / NAME):
            file = _locked_file(root, wait=wait)
        held.callback(os.close, file)
        yield Held(file, root / NAME) if folder is None else Held(folder, root)


def _locked_folder(root: Path, *, wait: bool) -> int | None:
    """Lock the folder itself; None where the file system knows no such lock."""
    while True:
        descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        with _closing(descriptor) as taken:
            try:
                if _took(descriptor, root, wait=wait):
                    taken.pop_all()
                    return descriptor
            except OSError as error:
                if error.errno in _NO_LOCKS:
                    return None
                raise


def _locked_file(root: Path, *, wait: bool) -> int:
    path = root / NAME
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, PRIVATE_FILE)
        with _closing(descriptor) as taken:
            if _took(descriptor, path, wait=wait):
                os.fchmod(descriptor, PRIVATE_FILE)
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
                taken.pop_all()
                return descriptor


def _took(descriptor: int, path: Path, *, wait: bool) -> bool:
    """Lock what is open; False when somebody put something else there meanwhile, so that it would guard nothing."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        root = path.parent if path.name == NAME else path
        raise Locked(f"{root}: another run{_holder(root)} is at work here; nothing was done") from None
    return _is_at(descriptor, path)


def _holder(root: Path) -> str:
    """Name the process that holds the lock, as far as its file tells."""
    try:
        descriptor = os.open(root / NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return ""
    try:
        said = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
    except OSError:
        said = ""
    finally:
        os.close(descriptor)
    return f" (process {said})" if said.isdecimal() else ""


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except (FileNotFoundError, NotADirectoryError):
        return False


def _closing(descriptor: int) -> ExitStack:
    """Close a descriptor at the end of a context, unless it was taken over."""
    stack = ExitStack()
    stack.callback(os.close, descriptor)
    return stack
