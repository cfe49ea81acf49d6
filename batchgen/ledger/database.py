"""The open file: transactions, and SQLite's complaints in words for people."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from shutil import disk_usage
from typing import Any

from batchgen.errors import StorageError
from batchgen.runtime.clock import Clock

MENDING = "restore a copy, try `sqlite3 {} .recover`, or move it away and let `batchgen adopt` make one from the images"
"""What to do about a ledger that cannot be read; takes its path."""
LEAST_ROOM = 64 * 1024
"""Bytes without which SQLite cannot open a ledger that others may read meanwhile."""
COMPLAINTS = (sqlite3.Error, OSError)
"""What SQLite or the disk says, and people are told in words."""


def refused(path: Path, error: Exception) -> StorageError:
    """Say which file, what is wrong and what to do."""
    text = str(error)
    if isinstance(error, sqlite3.OperationalError) and "locked" in text:
        advice = "another program has kept the ledger locked for a minute: close it (a sqlite3 shell, a backup)"
    elif "full" in text or "No space" in text or "quota" in text or ("disk I/O" in text and _is_full(path)):
        advice = "the disk is full, the ledger could not be written: free some space, the same command goes on"
    elif "readonly" in text or "Read-only" in text or "unable to open" in text or "Permission" in text:
        advice = f"the ledger cannot be opened ({text}): check the permissions of the file and its folder"
    elif "malformed" in text or "not a database" in text or "corrupt" in text:
        advice = f"the ledger is damaged ({text}): {MENDING.format(path)}; it was not changed"
    elif "disk I/O" in text or "Input/output" in text:
        advice = "the disk reports an error: check the disk before running again"
    else:
        advice = f"the ledger could not be used: {text}"
    return StorageError(f"{path}: {advice}")


def _is_full(path: Path) -> bool:
    """Whether there is no room for the index of the log, which SQLite calls an error of the disk."""
    try:
        return disk_usage(path.parent).free < LEAST_ROOM
    except OSError:
        return False


@dataclass(slots=True)
class _Group:
    """What shares a transaction; `broken` is what made SQLite give it up."""

    names: list[str] = field(default_factory=list)
    broken: BaseException | None = None


class Database:
    """A connection, and what every part of the ledger needs beside it."""

    def __init__(
        self, db: sqlite3.Connection, path: Path, catalogue: str, clock: Clock, at: Callable[[str], None]
    ) -> None:
        self.db = db
        self.path = path
        self.catalogue = catalogue
        self.clock = clock
        self.at = at
        """Is told of each durable step; a test may let one fail there."""
        self._group: _Group | None = None

    def now(self) -> datetime:
        """Tell the time by the clock that was given."""
        return self.clock.now()

    @contextmanager
    def translating(self) -> Iterator[None]:
        """Turn what SQLite or the disk says into a StorageError that names the file."""
        try:
            yield
        except COMPLAINTS as error:
            raise refused(self.path, error) from error

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Read in one consistent view, or in the one that is held already."""
        if self.db.in_transaction:
            yield self.db
            return
        try:
            self.db.execute("BEGIN")
            try:
                yield self.db
            finally:
                self.roll_back()
        except COMPLAINTS as error:
            raise refused(self.path, error) from error

    def rows(self, sql: str, **values: object) -> list[sqlite3.Row]:
        """Read rows; `:catalogue` is that of the output."""
        with self.reading() as db:
            return db.execute(sql, {"catalogue": self.catalogue, **values}).fetchall()

    def stream(self, sql: str, **values: object) -> Iterator[sqlite3.Row]:
        """Give rows while they are read, so that memory stays flat."""
        with self.translating(), closing(self.db.execute(sql, {"catalogue": self.catalogue, **values})) as cursor:
            yield from cursor

    def row(self, sql: str, **values: object) -> Any:
        """Read the first row; None where there is none."""
        return next(iter(self.rows(sql, **values)), None)

    def value(self, sql: str, **values: object) -> Any:
        """Read the first value of the first row; None where there is none."""
        with self.reading() as db:
            row = db.execute(sql, {"catalogue": self.catalogue, **values}).fetchone()
        return None if row is None else row[0]

    def column(self, sql: str, **values: object) -> frozenset[Any]:
        """Read the first column, each value once."""
        return frozenset(row[0] for row in self.rows(sql, **values))

    def change(self, name: str, sql: str, /, **values: object) -> int:
        """Write by one statement; how many rows that changed."""
        with self.writing(name) as db:
            return db.execute(sql, {"catalogue": self.catalogue, **values}).rowcount

    def change_each(self, name: str, sql: str, values: Iterable[Sequence[object]]) -> None:
        """Write by one statement, once for each of these values, in one transaction."""
        with self.writing(name) as db:
            db.executemany(sql, values)

    def writing(self, name: str) -> "_Alone | _Member":
        """Write in one transaction that excludes every other writer; durable when this, or its group, ends."""
        return _Alone(self, name) if self._group is None else _Member(self, name, self._group)

    @contextmanager
    def group(self) -> Iterator[None]:
        """Let all that is written while inside share one transaction, which is durable when this returns.

        Each writes as it does alone, and sees what those before it wrote; one that fails takes back its own part only.
        When the transaction itself fails, StorageError is raised here, and nothing of it was written.
        """
        group = self._group = _Group()
        try:
            yield
            with self.translating():
                if group.broken:
                    raise group.broken
                if group.names:
                    self.db.execute("COMMIT")
        finally:
            self._group = None
            self.roll_back()
        with self.translating():
            for name in group.names:
                self.at(f"ledger.{name}.after_commit")

    def roll_back(self) -> None:
        """Leave a transaction that did not come to its end; SQLite has left it by itself after some errors."""
        if self.db.in_transaction:
            self.db.execute("ROLLBACK")


class LedgerPart:
    """A part of the ledger: what it reads and writes goes through the database."""

    def __init__(self, database: Database) -> None:
        self._database = database


class _Alone:
    """A transaction of its own. Like its kin below no generator: each call writes twice."""

    __slots__ = ("_database", "_name")

    def __init__(self, database: Database, name: str) -> None:
        self._database, self._name = database, name

    def __enter__(self) -> sqlite3.Connection:
        database = self._database
        try:
            database.at(f"ledger.{self._name}.before_begin")
            database.db.execute("BEGIN IMMEDIATE")
        except COMPLAINTS as error:
            raise refused(database.path, error) from error
        return database.db

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        database = self._database
        try:
            try:
                if error is None:
                    database.at(f"ledger.{self._name}.before_commit")
                    database.db.execute("COMMIT")
            finally:
                database.roll_back()
            if error is None:
                database.at(f"ledger.{self._name}.after_commit")
        except COMPLAINTS as own:
            raise refused(database.path, own) from own
        if isinstance(error, COMPLAINTS):
            raise refused(database.path, error) from error


class _Member:
    """A part of a group's transaction; what fails takes back its own part only."""

    __slots__ = ("_database", "_group", "_name")

    def __init__(self, database: Database, name: str, group: _Group) -> None:
        self._database, self._name, self._group = database, name, group

    def __enter__(self) -> sqlite3.Connection:
        database = self._database
        try:
            database.at(f"ledger.{self._name}.before_begin")
            if self._group.broken:
                raise self._group.broken
            if not database.db.in_transaction:
                database.db.execute("BEGIN IMMEDIATE")
            database.db.execute("SAVEPOINT member")
        except COMPLAINTS as error:
            raise refused(database.path, error) from error
        return database.db

    def __exit__(self, kind: object, error: BaseException | None, _trace: object) -> None:
        if error is None:
            error = self._complete()
        if error is None:
            return
        self._take_back(error)
        if isinstance(error, COMPLAINTS):
            raise refused(self._database.path, error) from error
        if kind is None:
            raise error

    def _complete(self) -> BaseException | None:
        """Complete the part; what stands in the way of that is returned."""
        try:
            self._database.at(f"ledger.{self._name}.before_commit")
            self._database.db.execute("RELEASE member")
        except BaseException as error:  # noqa: BLE001 - a member takes back its part, whatever it was
            return error
        self._group.names.append(self._name)
        return None

    def _take_back(self, error: BaseException) -> None:
        """Take back what was written; after some errors SQLite has left the whole transaction by itself."""
        try:
            self._database.db.execute("ROLLBACK TO member")
            self._database.db.execute("RELEASE member")
        except sqlite3.Error:
            self._group.broken = error
