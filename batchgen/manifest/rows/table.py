"""Rows of text, one at a time, and what every format of row files shares.

Every cell is the text that was written; nothing is guessed, stripped or converted. A row that cannot be used is a
`Problem`; a file that cannot be opened, or whose head is wrong, raises `InputError` before any row is read.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import IO, NamedTuple

from batchgen.errors import InputError, Place, Problem
from batchgen.manifest.names import did_you_mean, shown

MAX_LINE = 4_000_000
"""Longest line of a row file, in characters."""
MAX_COLUMNS = 10_000


class Row(NamedTuple):
    """The cells of one row by column, and the line where it begins."""

    values: Mapping[str, str]
    line: int


@dataclass(frozen=True, slots=True)
class Table:
    """A file of rows. `columns` is None where only the rows themselves say what they have (JSONL).

    `read` starts from the first row each time that it is called.
    """

    file: str
    columns: tuple[str, ...] | None
    read: Callable[[], Iterator[Row | Problem]]


def header(names: Iterable[str], file: str, line: int = 1) -> tuple[str, ...]:
    """Column names without outer blanks; `InputError` when one is empty or stands twice."""
    columns = tuple(name.strip() for name in names)
    place = Place(file, line)
    problems: list[Problem] = []
    if len(columns) > MAX_COLUMNS:
        raise InputError(Problem(f"more than {MAX_COLUMNS:,} columns", place))
    first: dict[str, int] = {}
    for number, name in enumerate(columns, start=1):
        if not name:
            problems.append(Problem(f"column {number} has no name; name it, or remove it", place))
        elif name in first:
            problems.append(Problem(f"columns {first[name]} and {number} are both named {shown(name)}", place))
        first.setdefault(name, number)
    if problems:
        raise InputError(*problems)
    return columns


def lines(stream: IO[str]) -> Iterator[str]:
    """Give lines as they stand, bounded in length; raises `BadLineError` with the line that cannot be taken."""
    number = 0
    try:
        while line := stream.readline(MAX_LINE):
            number += 1
            if len(line) == MAX_LINE and line[-1] not in "\r\n":
                raise BadLineError(f"the line is longer than {MAX_LINE:,} characters", number)
            if "\0" in line:
                raise BadLineError("the line holds a NUL character; is this a text file?", number)
            yield line
    except UnicodeDecodeError as error:
        raise BadLineError(
            "the file is not UTF-8 from here on; save it as UTF-8", _undecodable(Path(stream.name))
        ) from error


class BadLineError(ValueError):
    """A line after which a file cannot be read on."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def open_text(path: Path) -> IO[str]:
    """Open a text file for `lines`: UTF-8 with or without a byte order mark, line ends untouched."""
    return path.open(encoding="utf-8-sig", errors="strict", newline="")


def _undecodable(path: Path) -> int:
    """Find the first line that is not UTF-8; decoding in blocks does not tell."""
    with path.open("rb") as stream:
        number = 0
        while line := stream.readline(MAX_LINE):
            number += 1
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return max(number, 1)


def why_no_file(wanted: str, base: Path) -> str | None:
    """Why there is no such file to read, with the nearest name that is there; None when it can be read."""
    path = base / wanted
    folder = path.parent
    try:
        kind = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as error:
        return f"{shown(wanted, 200)} cannot be read: {getattr(error, 'strerror', error)}"
    else:
        if S_ISREG(kind):
            return None
        return f"{shown(wanted, 200)} is {'a folder' if S_ISDIR(kind) else 'no ordinary file'}"  # a pipe may never end
    beside = [p.name for p in folder.iterdir() if p.is_file()] if folder.is_dir() else []
    if not folder.is_dir():
        return f"there is no folder {shown(str(Path(wanted).parent), 200)} for {shown(Path(wanted).name)}"
    return f"there is no file {shown(wanted, 200)}{did_you_mean(Path(wanted).name, beside)}"
