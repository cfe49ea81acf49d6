"""Opening the file: whose it is, how old it is, whether it is whole, and where it lies."""

import fcntl
import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import cache
from importlib.resources import files
from pathlib import Path

from batchgen.errors import StorageError
from batchgen.ledger.database import MENDING, refused

APPLICATION_ID = 0x6267656E  # "bgen"
BUSY_SECONDS = 60.0
CACHED_STATEMENTS = 256
NETWORK = re.compile(r"nfs\d?|cifs|smb\w*|afs|ceph|fuse\.(sshfs|rclone|s3fs|gcsfuse|glusterfs|davfs\w*)")

NOWHERE = Path("a temporary file")
"""What stands for the name of a ledger without one."""

At = Callable[[str], None]


def migrations() -> tuple[str, ...]:
    """Return the steps from an empty file to today's schema; the schema's version is their number."""
    steps = sorted((files("batchgen.ledger") / "migrations").iterdir(), key=lambda file: file.name)
    return tuple(step.read_text("utf-8") for step in steps if step.name.endswith(".sql"))


def for_writing(path: Path, at: At, mounts: Path, steps: tuple[str, ...]) -> sqlite3.Connection:
    """Open the ledger for writing, made or migrated where needed; StorageError leaves the file untouched."""
    with _named(path):
        _check_no_link(path)
        _check_place(path, mounts)
        if not _has_content(path):
            with _one_at_a_time(path):
                _create(path, steps, at)
        _check_header(path, len(steps))
        db = _connect(f"{path.absolute().as_uri()}?mode=rw")
        try:
            _check_whole(db, path)
            if _version(db) != len(steps):
                with _one_at_a_time(path):
                    _migrate(db, path, steps, at)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            db.execute("PRAGMA foreign_keys = ON")
        except BaseException:
            db.close()
            raise
    return db


def for_reading(path: Path, steps: tuple[str, ...]) -> sqlite3.Connection:
    """Open the ledger without changing anything; a missing one is empty, an older one is migrated in memory."""
    with _named(path):
        _check_no_link(path)
        if not _has_content(path):
            return _in_memory(steps, None)
        _check_header(path, len(steps))
        db = _connect(f"{path.absolute().as_uri()}?mode=ro")
        try:
            version = _version(db)
        except sqlite3.OperationalError as error:
            if "unable to open" not in str(error) and "readonly" not in str(error):
                raise
            # A folder that cannot be written to has no room for the file that readers share.
            db.close()
            db = _connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1")
            version = _version(db)
        _check_version(path, version, len(steps))
        if version < len(steps):
            with closing(db):
                return _in_memory(steps[version:], db)
    return db


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise refused(path, error) from error


def _connect(uri: str) -> sqlite3.Connection:
    db = sqlite3.connect(
        uri,
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=CACHED_STATEMENTS,
    )
    db.row_factory = sqlite3.Row
    return db


def _in_memory(steps: tuple[str, ...], source: sqlite3.Connection | None) -> sqlite3.Connection:
    if source is None:
        return _filled("file::memory:", lambda db: _fill(db, steps))
    copied = _filled("file::memory:", source.backup)
    for step in steps:
        copied.executescript(step)
    return copied


def _filled(uri: str, fill: Callable[[sqlite3.Connection], object]) -> sqlite3.Connection:
    """Open a new database and fill it; nothing stays open where that fails."""
    db = _connect(uri)
    try:
        fill(db)
    except BaseException:
        db.close()
        raise
    return db


@cache
def _empty(steps: tuple[str, ...]) -> bytes:
    """Take the steps once in a process: a copy of what comes of them costs a tenth of taking them again."""
    with closing(_connect("file::memory:")) as db:
        _apply(db, steps, 0)
        return db.serialize()


def _fill(db: sqlite3.Connection, steps: tuple[str, ...]) -> None:
    """Make an empty file an empty ledger."""
    if not hasattr(db, "serialize"):  # SQLite before 3.36, or built without it
        _apply(db, steps, 0)
        return
    with closing(_connect("file::memory:")) as source:
        source.deserialize(_empty(steps))
        source.backup(db)


def scratch(steps: tuple[str, ...]) -> sqlite3.Connection:
    """Make an empty ledger in a file without a name, which SQLite keeps in memory as long as it is small."""
    return _filled("file:", lambda db: _fill(db, steps))


def scratch_copy(source: sqlite3.Connection) -> sqlite3.Connection:
    """Copy a ledger into a file without a name, which SQLite keeps in memory as long as it is small."""
    return _filled("file:", source.backup)


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


# Checks that touch nothing


def _has_content(path: Path) -> bool:
    return path.exists() and (path.stat().st_size > 0 or not path.is_file())


def _check_no_link(path: Path) -> None:
    """Refuse a link: one that leads nowhere would be replaced, and folders that share a ledger be taken for one."""
    if path.is_symlink():
        raise StorageError(
            f"{path}: this is a link to a ledger; name the ledger itself with `ledger:` in the manifest and remove the "
            "link; nothing was touched"
        )


def _check_header(path: Path, newest: int) -> None:
    """Look at the first bytes without SQLite, so that a foreign file is not touched at all."""
    if not path.is_file():
        raise StorageError(f"{path}: a pipe, a device or a folder stands where the ledger belongs: move it away")
    with path.open("rb") as file:
        header = file.read(100)
    if len(header) < 100 or not header.startswith(b"SQLite format 3\0"):
        raise StorageError(
            f"{path}: this is not a batchgen ledger (no SQLite file): {MENDING.format(path)}; it was not touched"
        )
    if int.from_bytes(header[68:72]) != APPLICATION_ID:
        raise StorageError(f"{path}: this is another program's database, not a batchgen ledger; it was not touched")
    _check_version(path, int.from_bytes(header[60:64]), newest)
    owner = path.stat().st_uid
    for companion in (path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        if companion.exists() and companion.stat(follow_symlinks=False).st_uid != owner:
            raise StorageError(f"{companion}: belongs to another user than the ledger itself: have a look at it first")


def _check_version(path: Path, version: int, newest: int) -> None:
    if version > newest:
        raise StorageError(
            f"{path}: this ledger was written by a newer batchgen (schema {version}, this one knows {newest}): "
            "upgrade batchgen; the file was not touched"
        )


def _check_place(path: Path, mounts: Path) -> None:
    above = path.absolute().parent
    above.mkdir(parents=True, exist_ok=True, mode=0o755)
    mode = above.stat().st_mode
    if mode & 0o002 and not mode & 0o1000:
        raise StorageError(f"{above}: everybody may write to the ledger's folder: `chmod o-w {above}`")
    with suppress(OSError):
        kind = network_type(above.resolve(), mounts.read_text("utf-8", "replace"))
        if kind:
            raise StorageError(
                f"{path}: SQLite is not safe on a network file system ({kind}): "
                "put the ledger on a local disk with `ledger:` in the manifest"
            )


def network_type(folder: Path, mounts: str) -> str | None:
    """Name the network file system that a folder lies on, from the text of /proc/mounts; None when it is local."""
    nearest, kind = "", ""
    for line in mounts.splitlines():
        _, point, type_, *_ = [*line.split(" "), "", "", ""]
        point = re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), point)
        if point and len(point) >= len(nearest) and folder.is_relative_to(point):
            nearest, kind = point, type_
    return kind if NETWORK.fullmatch(kind) else None


def _check_whole(db: sqlite3.Connection, path: Path) -> None:
    found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise StorageError(f"{path}: the ledger is damaged ({found}): {MENDING.format(path)}; it was not changed")


# Making and migrating


@contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    """Keep others out who would make or migrate this ledger; ends with the process that holds it.

    A file of its own is locked: the folder may be an output, which a run locks for as long as it works. The file goes
    at the end; whoever waited for it finds that it is gone, and makes another.
    """
    name = path.with_name(f".{path.name}.lock")
    while True:
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if name.exists() and os.path.samestat(os.fstat(descriptor), name.stat()):
                try:
                    yield
                finally:
                    name.unlink()
                return
        finally:
            os.close(descriptor)


def _create(path: Path, steps: tuple[str, ...], at: At) -> None:
    """Make the ledger under another name first: it appears whole, and only once when two runs make it together."""
    if _has_content(path):
        return
    with _appearing(path, lambda: at("ledger.create.before_name")) as db:
        _fill(db, steps)
        # Now, while nobody else can have it open: SQLite waits for nobody when the mode changes.
        db.execute("PRAGMA journal_mode = WAL")
    at("ledger.create.after_name")


def _apply(db: sqlite3.Connection, steps: tuple[str, ...], version: int) -> None:
    """Take the steps from `version` on, in one transaction."""
    script = ";\n".join(steps[version:])
    db.executescript(
        f"BEGIN IMMEDIATE;\n{script};\n"
        f"PRAGMA application_id = {APPLICATION_ID};\nPRAGMA user_version = {len(steps)};\nCOMMIT;"
    )


def _migrate(db: sqlite3.Connection, path: Path, steps: tuple[str, ...], at: At) -> None:
    version = _version(db)
    _check_version(path, version, len(steps))
    if version == len(steps):
        return
    copy(db, path.with_name(f"{path.name}.v{version}.bak"))
    at("ledger.migrate.before_commit")
    _apply(db, steps, version)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    at("ledger.migrate.after_commit")


def copy(db: sqlite3.Connection, target: Path) -> None:
    """Write a consistent copy of the whole ledger, durably; an existing copy is replaced whole."""
    with _appearing(target) as other:
        db.backup(other)


@contextmanager
def _appearing(target: Path, before_name: Callable[[], None] = lambda: None) -> Iterator[sqlite3.Connection]:
    """Write a database under another name; it appears under its own, durably, when it is whole."""
    new = target.with_name(f".{target.name}.{os.getpid()}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with closing(_connect(f"{new.absolute().as_uri()}?mode=rw")) as db:
            yield db
        os.fsync(descriptor)
        before_name()
        new.replace(target)
        _sync_folder(target.absolute().parent)
    finally:
        os.close(descriptor)
        new.unlink(missing_ok=True)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
