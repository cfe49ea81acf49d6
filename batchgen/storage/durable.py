"""File operations that keep their word: no symlink is followed, nothing is overwritten, what is done is on the disk."""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import takewhile
from pathlib import Path

from batchgen.errors import TOO_MANY_FILES, Occupied, StorageError

PRIVATE_DIR, PRIVATE_FILE = 0o700, 0o600
PUBLIC_DIR, PUBLIC_FILE = 0o755, 0o644

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW

TEMPORARY = ".tmp"
NO_FILE = "a pipe, a device or a folder stands where a plain file belongs: remove it"

_WHAT_TO_DO = {
    errno.ENOSPC: "the disk is full: free some space, the same command goes on",
    errno.EDQUOT: "the disk quota is used up: free some space, the same command goes on",
    errno.EROFS: "the file system is read-only: choose another output folder",
    errno.EACCES: "permission denied: the folder must be writable for this user",
    errno.EPERM: "not permitted: the folder must be writable for this user",
    errno.EMFILE: TOO_MANY_FILES,
    errno.ENFILE: "the machine has too many open files: lower the concurrency",
    errno.EFBIG: "the file would be larger than this file system or `ulimit -f` allows",
    errno.EIO: "the disk reports an error: check the disk before running again",
    errno.ENAMETOOLONG: "the name is too long for this file system: shorten `output.path`",
    errno.ELOOP: "a symbolic link stands where a plain folder or file belongs: remove it",
    errno.ENOTDIR: "a file or a symbolic link stands where a folder belongs: remove it",
    errno.ENXIO: NO_FILE,
    errno.EEXIST: "another file stands there: move it away, or change `output.path`",
}


def refused(error: OSError, path: Path | str, needed: int | None = None) -> StorageError:
    """Return the error for people: which path, how many bytes were to be written, and what to do."""
    size = f" ({needed:,} bytes to write)" if needed is not None else ""
    advice = _WHAT_TO_DO.get(error.errno or 0, error.strerror or str(error))
    kind = Occupied if error.errno == errno.EEXIST else StorageError
    return kind(f"{path}{size}: {advice}")


class guarded:  # noqa: N801 - it reads like a function, and is entered several times a call
    """Turn what the operating system says into a StorageError that names `path`."""

    __slots__ = ("_needed", "_path")

    def __init__(self, path: Path | str, needed: int | None = None) -> None:
        """Name the path, and how many bytes are to be written there."""
        self._path, self._needed = path, needed

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Translate; everything else passes through."""
        if isinstance(error, OSError):
            raise refused(error, self._path, self._needed) from error


def parts_of(relative: str) -> tuple[str, ...]:
    """Return the components of a relative POSIX path; StorageError when it could lead outside."""
    parts = tuple([part for part in relative.split("/") if part not in {"", "."}])
    if not parts or relative.startswith("/") or ".." in parts or "\0" in relative:
        raise StorageError(f"{relative!r} is not a path below the output folder")
    return parts


@contextmanager
def folder(root: Path, parts: tuple[str, ...], mode: int | None = None, *, durable: bool = True) -> Iterator[int]:
    """Return a descriptor of the folder `root/parts`, reached without following a symlink below `root`.

    With a mode, missing folders are made, durably unless told otherwise; without one, a missing folder is an OSError.
    """
    descriptor = _root(root, make=mode is not None)
    try:
        for part in parts:
            below = step(descriptor, part, mode, durable=durable)
            os.close(descriptor)
            descriptor = below
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def folder_of(root: Path, path: str, mode: int | None = None) -> Iterator[tuple[int, str]]:
    """Return the folder of a file below `root`, as `folder` does, and the file's name in it."""
    *above, name = parts_of(path)
    with folder(root, tuple(above), mode) as here:
        yield here, name


@contextmanager
def below(parent: int, name: str) -> Iterator[int]:
    """Open a folder that is there, unless it is a link."""
    descriptor = os.open(name, _DIRECTORY, dir_fd=parent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _root(root: Path, *, make: bool) -> int:
    try:
        return os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        if not make:
            raise
    make_root(root)
    return os.open(root, os.O_RDONLY | os.O_DIRECTORY)


def make_root(root: Path) -> None:
    """Make a folder and the missing ones above it, with our modes whatever the umask."""
    missing = takewhile(lambda path: not path.exists(), (root, *root.parents))
    for path in reversed(tuple(missing)):
        with suppress(FileExistsError):
            path.mkdir(PUBLIC_DIR)
            path.chmod(PUBLIC_DIR)


def step(parent: int, name: str, mode: int | None, *, durable: bool) -> int:
    """Open a folder below one that is open, unless it is a link; with a mode, a missing one is made."""
    try:
        return os.open(name, _DIRECTORY, dir_fd=parent)
    except FileNotFoundError:
        if mode is None:
            raise
    return make_folder(parent, name, mode, durable=durable)[0]


def make_folder(parent: int, name: str, mode: int, *, durable: bool) -> tuple[int, bool]:
    """Make and open a folder that is most likely missing; one that is there is opened, unless it is a link.

    Returns its descriptor, and whether it is new.
    """
    try:
        os.mkdir(name, mode, dir_fd=parent)
    except FileExistsError:
        return os.open(name, _DIRECTORY, dir_fd=parent), False
    made = os.open(name, _DIRECTORY, dir_fd=parent)
    os.fchmod(made, mode)
    if durable:
        os.fsync(parent)
    return made, True


def create(parent: int, name: str, mode: int) -> int:
    """Open a new file for writing, with this mode; FileExistsError when anything stands there, a symlink too."""
    descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode, dir_fd=parent)
    os.fchmod(descriptor, mode)
    return descriptor


def open_plain(parent: int, name: str, flags: int = os.O_RDONLY, mode: int = PRIVATE_FILE) -> int:
    """Open a plain file that is there; OSError for a link, a pipe, a device or a folder, and none is waited for."""
    descriptor = os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK, mode, dir_fd=parent)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, NO_FILE, name)


def look(parent: int, name: str) -> os.stat_result | None:
    """Say what a plain file is, without opening it; None when it is anything else or not there."""
    try:
        found = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return found if stat.S_ISREG(found.st_mode) else None


def replace_file(parent: int, name: str, data: bytes, mode: int, *, durable: bool = True) -> None:
    """Write a small file that is whole at every instant; what has its name makes room, a link too."""
    temporary = f".{name}.{os.getpid()}{TEMPORARY}"
    if exists(parent, temporary):
        os.unlink(temporary, dir_fd=parent)
    descriptor = create(parent, temporary, mode)
    try:
        write_whole(descriptor, data, durable=durable)
        os.rename(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
    except BaseException:
        os.unlink(temporary, dir_fd=parent)
        raise
    if durable:
        os.fsync(parent)


def remove_plain(parent: int, name: str) -> None:
    """Remove a plain file; nothing happens where none has this name."""
    if look(parent, name) is not None:
        os.unlink(name, dir_fd=parent)


def write_whole(descriptor: int, data: bytes, *, durable: bool = True) -> None:
    """Write a new file that is open, durably unless told otherwise, and close it."""
    try:
        write_all(descriptor, data)
        if durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, *pieces: bytes) -> None:
    """Write every byte, however many calls that takes."""
    written = os.writev(descriptor, pieces)
    if written == sum(map(len, pieces)):
        return
    view = memoryview(b"".join(pieces))[written:]
    while view:
        view = view[os.write(descriptor, view) :]


def sync(parent: int, name: str) -> None:
    """Have the disk confirm a file's bytes."""
    descriptor = open_plain(parent, name)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def exists(parent: int, name: str) -> bool:
    """Whether anything has this name, be it a dangling symlink."""
    try:
        os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def names(parent: int) -> tuple[str, ...]:
    """List a folder, sorted."""
    return tuple(sorted(os.listdir(parent)))


def digest(parent: int, name: str) -> str:
    """Compute a plain file's sha256, in hex."""
    with os.fdopen(open_plain(parent, name), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def same_file(one: int, name: str, other: int, other_name: str) -> bool:
    """Whether two names stand for the same file; a symlink is itself."""
    first = os.stat(name, dir_fd=one, follow_symlinks=False)
    return os.path.samestat(first, os.stat(other_name, dir_fd=other, follow_symlinks=False))


def same_bytes(one: int, name: str, other: int, other_name: str) -> bool:
    """Whether two names stand for the same file, or for the same bytes; a symlink never does."""
    if same_file(one, name, other, other_name):
        return True
    first = os.stat(name, dir_fd=one, follow_symlinks=False)
    second = os.stat(other_name, dir_fd=other, follow_symlinks=False)
    if first.st_size != second.st_size or not (stat.S_ISREG(first.st_mode) and stat.S_ISREG(second.st_mode)):
        return False
    return digest(one, name) == digest(other, other_name)


def give_name(source: int, old: str, target: int, new: str) -> None:
    """Let a file appear under a second name; FileExistsError when anything has that name already.

    Where the file system knows no second names, the file is moved.
    """
    try:
        os.link(old, new, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}:
            raise
        if exists(target, new):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new) from error
        os.rename(old, new, src_dir_fd=source, dst_dir_fd=target)
