"""Rows of text, one at a time, and what every format of row files shares.

Every cell is the text that was written; nothing is guessed, stripped or converted. A row that cannot be used is a
`Problem`, one without content is `Skipped`; a file that cannot be opened, or whose head is wrong, raises `InputError`
before any row is read.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from itertools import count
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import NamedTuple

from batchgen.errors import InputError, Place, Problem, Severity
from batchgen.manifest.names import did_you_mean, known_word, shown

MAX_COLUMNS = 10_000
NAMELESS = "column {number} has no name; name it, or remove it"


@dataclass(frozen=True, slots=True)
class Layout:
    """What a manifest says of a row file beside its name; None leaves it to the reader."""

    delimiter: str | None = None
    encoding: str | None = None
    header_row: int | None = None
    quotes: bool | None = None
    sheet: str | None = None

    @property
    def given(self) -> frozenset[str]:
        """The words that are set."""
        return frozenset(field.name for field in fields(self) if getattr(self, field.name) is not None)


USUAL = Layout()


class Row(NamedTuple):
    """The cells of one row by column, and the line where it begins."""

    values: Mapping[str, str]
    line: int


class SkipKind(StrEnum):
    """Why a row or a combination makes no job."""

    EMPTY = "empty"
    EXCLUDED = "excluded"
    SAME = "same"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A row or combination that makes no job, and why: empty, excluded, wrong, or the same job as one before."""

    why: str
    place: Place | None = None
    kind: SkipKind = SkipKind.EXCLUDED


@dataclass(frozen=True, slots=True)
class Unreadable(Problem):
    """A problem after which nothing more of a file can be read: rows are missing, nobody knows how many."""


Read = Row | Problem | Skipped


@dataclass(frozen=True, slots=True)
class Table:
    """A file of rows. `columns` is None where only the rows themselves say what they have (JSONL).

    `read` starts from the first row each time that it is called. `told` is what was detected, as warnings. `opened` is
    the file before anything of it was read; None where its rows stand in the manifest.
    """

    file: str
    columns: tuple[str, ...] | None
    read: Callable[[], Iterator[Read]]
    told: tuple[Problem, ...] = ()
    opened: "FileStamp | None" = None


class FileStamp(NamedTuple):
    """A file as it is at one moment: whatever is written to it changes this."""

    path: Path
    inode: int
    size: int
    modified: int
    changed: int

    @classmethod
    def of(cls, path: Path) -> "FileStamp":
        """Look at a file; OSError when it is not there."""
        stat = path.stat()
        return cls(path, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


def renamed(table: Table, names: Mapping[str, str]) -> Table:
    """Give columns further names; a row that lacks a column lacks its further name."""

    def read() -> Iterator[Read]:
        for row in table.read():
            if isinstance(row, Row):
                values = row.values
                also = {name: values[column] for name, column in names.items() if column in values}
                yield Row({**values, **also}, row.line)
            else:
                yield row

    columns = table.columns
    return replace(table, columns=columns and (*columns, *names), read=read)


def telling(file: str, line: int, *words: str) -> tuple[Problem, ...]:
    """Make warnings of what was detected; empty words tell nothing."""
    return tuple(Problem(text, Place(file, line), Severity.WARNING) for text in words if text)


def empty_row(file: str, line: int) -> Skipped:
    """Return a row without content."""
    return Skipped("the row is empty", Place(file, line), SkipKind.EMPTY)


def in_lines(lines: Sequence[int], most: int = 8) -> str:
    """Name lines for a sentence, a long list cut."""
    named = ", ".join(map(str, lines[:most]))
    more = f" and {len(lines) - most:,} more" if len(lines) > most else ""
    return f"{'lines' if len(lines) > 1 else 'line'} {named}{more}"


def is_blank(cells: Iterable[str]) -> bool:
    """Whether no cell holds more than blanks."""
    return not any(map(str.strip, cells))


@dataclass(frozen=True, slots=True)
class Head:
    """The columns of a table of cells: their names, and which cells of a row they are.

    `width` counts the cells of a row; cells that belong to no column have no name and are blank. `again` are the names
    that stand more than once; the further columns have a number behind theirs.
    """

    file: str
    names: tuple[str, ...]
    kept: tuple[int, ...]
    width: int
    again: tuple[str, ...] = ()

    def row(self, cells: Sequence[str], line: int, uneven: Callable[[int, int], str]) -> Read:
        """Take the cells of one row; `uneven` says what is wrong when there are not as many as columns."""
        if len(cells) == self.width == len(self.names) and any(map(str.strip, cells)):
            return Row(dict(zip(self.names, cells, strict=True)), line)
        return self._other(cells, line, uneven)

    def _other(self, cells: Sequence[str], line: int, uneven: Callable[[int, int], str]) -> Read:
        if is_blank(cells):
            return empty_row(self.file, line)
        if len(cells) <= max(self.kept, default=-1) or not is_blank(cells[self.width :]):
            return Problem(uneven(len(cells), self.width), Place(self.file, line))
        for number in sorted(set(range(min(self.width, len(cells)))).difference(self.kept)):
            if cells[number].strip():
                return Problem(NAMELESS.format(number=number + 1), Place(self.file, line))
        return Row({name: cells[number] for name, number in zip(self.names, self.kept, strict=True)}, line)


def head(cells: Sequence[str], file: str, line: int, sample: Iterable[Sequence[str]]) -> Head:
    """Read the names of the columns; one without a name is left out where no row of the sample has a cell there.

    `InputError` for columns without a name, and for a word of the request that stands twice.
    """
    names, place = [name.strip() for name in cells], Place(file, line)
    if len(names) > MAX_COLUMNS:
        raise InputError(Problem(f"more than {MAX_COLUMNS:,} columns", place))
    filled = {number for row in sample for number, cell in enumerate(row) if cell.strip()}
    kept = tuple(number for number, name in enumerate(names) if name)
    first: dict[str, int] = {}
    problems = [
        Problem(f"{NAMELESS.format(number=number + 1)}; `header_row` says which line names the columns", place)
        for number, name in enumerate(names)
        if not name and (number in filled or not kept)
    ]
    again = list[str]()
    for number in kept:
        if (name := names[number]) in first:
            if known_word(name) is not None:
                twice = f"columns {first[name] + 1} and {number + 1} are both named {shown(name)}"
                problems.append(Problem(twice, place))
            again.append(name)
            names[number] = _numbered(name, names)
        first.setdefault(name, number)
    if problems:
        raise InputError(*problems)
    return Head(file, tuple(names[number] for number in kept), kept, len(names), tuple(dict.fromkeys(again)))


def _numbered(name: str, taken: Collection[str]) -> str:
    """Name a further column: the first name with a number that no other one has."""
    return next(new for n in count(2) if (new := f"{name} ({n})") not in taken)


def repeated(found: Head) -> str:
    """Tell which names stand for several columns; empty without any."""
    if not found.again:
        return ""
    name = found.again[0]
    more = f", and {len(found.again) - 1:,} more names" if len(found.again) > 1 else ""
    return f"several columns are named {shown(name)}{more}: the second is {shown(f'{name} (2)')}"


def without_names(found: Head) -> str:
    """Tell which columns are left out as they have no name; empty without any."""
    left = found.width - len(found.names)
    if not left:
        return ""
    return (
        f"{left:,} columns have no name and no cells; they are left out"
        if left > 1
        else (
            f"column {next(n for n in range(found.width) if n not in found.kept) + 1} has no name and no cells; "
            "it is left out"
        )
    )


def _meant(wanted: str) -> str:
    """Say what to write where a name is none of a file; empty where it may be one."""
    if "://" in wanted:
        return "it is an address: download what is there, and name the file"
    if any(sign < " " for sign in wanted):
        return "in double quotes a backslash begins a special character; write folders with `/`"
    slashes = wanted.replace("\\", "/")
    return "" if slashes == wanted else f"folders are separated by `/`: write {slashes}"


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
        what = "a folder; name a file in it" if S_ISDIR(kind) else "not an ordinary file"  # a pipe may never end
        return f"{shown(wanted, 200)} is {what}"
    if hint := _meant(wanted):
        return f"there is no file {shown(wanted, 200)}; {hint}"
    beside = [p.name for p in folder.iterdir() if p.is_file()] if folder.is_dir() else []
    if not folder.is_dir():
        return f"there is no folder {shown(str(Path(wanted).parent), 200)} for {shown(Path(wanted).name)}"
    return f"there is no file {shown(wanted, 200)}{did_you_mean(Path(wanted).name, beside)}"
