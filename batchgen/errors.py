"""Errors named by what follows from them, each with the exit status it leads to.

A failed job is a value (`batchgen.model.Outcome`); an exception here means that a command cannot go on.
"""

import errno
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import ClassVar

from batchgen.numerous import numerous


class Exit(IntEnum):
    """Exit statuses; scripts rely on the numbers."""

    OK = 0
    BUG = 1
    INPUT = 2
    SOME_FAILED = 3
    LIMIT = 4
    ACCOUNT = 5
    UNAVAILABLE = 6
    HELD = 7
    STORAGE = 8
    SUBMITTED = 9
    LOCKED = 75
    SIGINT = 130
    SIGTERM = 143


class Severity(StrEnum):
    """Whether a problem stops a run."""

    ERROR = "error"
    WARNING = "warning"


@numerous
@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file a person should look; line and column count from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong (or doubtful) in what the user wrote: where it stands, what is wrong and what to do."""

    message: str
    place: Place | None = None
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        return f"{where}{self.severity}: {self.message}"


def by_place(problem: Problem) -> tuple[str, int, int]:
    """Sort key: what has no place first, then file by file from top to bottom."""
    place = problem.place
    return (place.file, place.line, place.column) if place else ("", 0, 0)


class BatchgenError(Exception):
    """A command cannot go on; the message says why and what to do."""

    exit: ClassVar[Exit] = Exit.BUG


class InputError(BatchgenError):
    """The user's input must be fixed first; nothing was spent. Carries every problem found, at most 50.

    `more` are the errors that it leaves out.
    """

    exit = Exit.INPUT
    most = 50

    def __init__(self, *problems: Problem | str, more: int = 0) -> None:
        """Take problems, or plain sentences that belong to no place in a file; `more` were found and are not here."""
        found = tuple(p if isinstance(p, Problem) else Problem(p) for p in problems)
        self.problems = found[: self.most]
        self.more = more + sum(problem.severity is Severity.ERROR for problem in found[self.most :])
        super().__init__("\n".join(str(p) for p in self.problems))


class AccountError(BatchgenError):
    """Key, quota, billing or permission: a human has to look at the account."""

    exit = Exit.ACCOUNT


class UnavailableError(BatchgenError):
    """A provider does not answer for now, or with nothing that can be read: the same command goes on later."""

    exit = Exit.UNAVAILABLE


class StorageError(BatchgenError):
    """Local storage refused: disk full, folder not writable, ledger corrupt, newer or foreign."""

    exit = Exit.STORAGE


class StoreError(StorageError):
    """A store elsewhere refuses: what is paid for waits in the spool."""


class Unreachable(StoreError):
    """A store elsewhere does not answer, or refuses for now: the same may work later, and nothing is lost."""


class Occupied(StorageError):
    """Something else stands where an image belongs: that image waits in the spool, and the others go on."""


class Locked(BatchgenError):
    """Another run holds the lock of this output folder."""

    exit = Exit.LOCKED


TOO_MANY_FILES = "too many open files: raise `ulimit -n` or lower the concurrency"
NO_MEMORY = (
    "there is not enough memory: close other programs, lower the concurrency under limits:, or raise the limit that is "
    "set for this process (ulimit -v, a container's limit)"
)
_NO_ROOM = re.compile(
    r"can't start new thread|cannot allocate memory|failed to map segment|out of memory", re.IGNORECASE
)


def out_of_memory(error: BaseException) -> bool:
    """Whether memory is what was missing, however it is called and whatever it led to."""
    return any(_lacks_memory(one) for one in _behind(error, set()))


def _lacks_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    return isinstance(error, RuntimeError | ImportError) and bool(_NO_ROOM.search(str(error)))


def _behind(error: BaseException | None, seen: set[int]) -> Iterator[BaseException]:
    """Return an error, all in its group, and what led to each."""
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    yield error
    inside = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    for one in (*inside, error.__cause__, error.__context__):
        yield from _behind(one, seen)
