"""Row files -> rows of text, one at a time: CSV and TSV here, other formats in the modules beside this one.

Every cell is the text that was written; nothing is guessed, stripped or converted. A row that cannot be used is a
`Problem`; a file that cannot be opened, or whose head is wrong, raises `InputError` before any row is read.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple, Never

from batchgen.errors import InputError, Place, Problem
from batchgen.manifest.words import did_you_mean, listed, shown

MAX_LINE = 4_000_000
"""Longest line of a row file, in characters."""
MAX_COLUMNS = 10_000
SUFFIXES = frozenset({".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".xlsx"})


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


def open_table(path: Path, file: str) -> Table:
    """Open a row file by its suffix. `file` is its name in messages; raises `InputError`."""
    suffix = path.suffix.lower()
    try:
        if suffix in {".csv", ".tsv"}:
            return _separated(path, file, "\t" if suffix == ".tsv" else ",")
        if suffix in {".jsonl", ".ndjson"}:
            from batchgen.manifest.jsonl import open_jsonl

            return open_jsonl(path, file)
        if suffix == ".parquet":
            from batchgen.manifest.columnar import open_parquet

            return open_parquet(path, file)
        if suffix == ".xlsx":
            from batchgen.manifest.columnar import open_xlsx

            return open_xlsx(path, file)
    except OSError as error:
        raise InputError(Problem(f"cannot be read: {error.strerror or error}", Place(file))) from error
    raise InputError(Problem(f"rows come from {listed(SUFFIXES)}, not from `{suffix or path.name}`", Place(file)))


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
            problems.append(Problem(f"column {number} has no name", place))
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


def _separated(path: Path, file: str, delimiter: str) -> Table:
    with open_text(path) as stream:
        reader = csv.reader(lines(stream), delimiter=delimiter, strict=True)
        try:
            head = next((cells for cells in reader if cells), None)
        except (csv.Error, BadLineError) as error:
            _refuse(str(error), file, getattr(error, "line", reader.line_num))
        if head is None:
            _refuse("the file is empty; its first line names the columns", file, 1)
    columns = header(head, file, reader.line_num)
    if len(columns) == 1 and any(mark in columns[0] for mark in ";\t") and delimiter == ",":
        _refuse("the columns are not separated by commas; save the file as comma separated, or name it .tsv", file, 1)
    return Table(file, columns, lambda: _records(path, file, delimiter, columns))


def _records(path: Path, file: str, delimiter: str, columns: tuple[str, ...]) -> Iterator[Row | Problem]:
    width = len(columns)
    with open_text(path) as stream:
        reader = csv.reader(lines(stream), delimiter=delimiter, strict=True)
        start = 1
        try:
            next(cells for cells in reader if cells)
            start = reader.line_num + 1
            for cells in reader:
                if len(cells) == width:
                    yield Row(dict(zip(columns, cells, strict=True)), start)
                elif cells:
                    yield Problem(f"{_cells(len(cells))} for {width} columns", Place(file, start))
                start = reader.line_num + 1
        except (csv.Error, BadLineError) as error:
            line = getattr(error, "line", start)
            yield Problem(f"{_explained(error)}; nothing after this line was read", Place(file, line))


def _cells(count: int) -> str:
    return "1 cell" if count == 1 else f"{count} cells"


def _explained(error: Exception) -> str:
    text = str(error)
    if "field larger than field limit" in text:
        return f"a cell is longer than {csv.field_size_limit():,} characters; is a quotation mark left open?"
    if "unexpected end of data" in text:
        return "a quotation mark is opened here and never closed"
    if "expected after" in text:
        return 'text follows a closing quotation mark; write a quotation mark inside a cell as ""'
    return text


def missing_file(wanted: str, base: Path) -> str:
    """Say that a file is not there, with the nearest name that is."""
    folder = (base / wanted).parent
    beside = [p.name for p in folder.iterdir() if p.is_file()] if folder.is_dir() else []
    if not folder.is_dir():
        return f"there is no folder {shown(str(Path(wanted).parent), 200)} for {shown(Path(wanted).name)}"
    return f"there is no file {shown(wanted, 200)}{did_you_mean(Path(wanted).name, beside)}"


def _refuse(message: str, file: str, line: int) -> Never:
    raise InputError(Problem(message, Place(file, line)))
