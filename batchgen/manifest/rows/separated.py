"""CSV and TSV rows, by the standard library's reader: nothing is inferred, every cell is the text that was written."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Never

from batchgen.errors import InputError, Place, Problem
from batchgen.manifest.rows.head_line import SAMPLE, head_index
from batchgen.manifest.rows.table import Head, Layout, Read, Table, Unreadable, head, repeated, telling, without_names
from batchgen.manifest.rows.text_file import BadLineError, TextFile, text_file

NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_EXCEL = "sep="
"""How Excel names the separator in a line of its own."""
SAMPLE_LINES = 2000


@dataclass(frozen=True, slots=True)
class Dialect:
    """How cells are told apart."""

    delimiter: str
    quotes: bool

    def reader(self, lines: Iterable[str]) -> Any:
        """Return the standard library's reader of these lines."""
        quoting: Any = csv.QUOTE_MINIMAL if self.quotes else csv.QUOTE_NONE
        return csv.reader(lines, delimiter=self.delimiter, strict=True, quoting=quoting)

    def uneven(self, cells: int, width: int) -> str:
        """Say what is wrong with a row of so many cells."""
        count = "1 cell" if cells == 1 else f"{cells} cells"
        what = NAMES.get(self.delimiter, repr(self.delimiter))
        if cells < width:
            hint = "is a cell missing?"
        else:
            hint = f"put quotation marks around a cell that holds {what}" if self.quotes else f"a cell holds {what}"
        return f"{count} for {width} columns; {hint}"


@dataclass(frozen=True, slots=True)
class _Record:
    """A record of the sample, and the line where it begins."""

    cells: Sequence[str]
    line: int


def open_csv(path: Path, file: str, layout: Layout) -> Table:
    """Open a file whose cells are separated by commas, or by what shows itself or is asked for."""
    return _open(path, file, layout, Dialect(",", quotes=layout.quotes is not False))


def open_tsv(path: Path, file: str, layout: Layout) -> Table:
    """Open a file whose cells are separated by tabs; quotation marks are letters in it unless asked otherwise."""
    return _open(path, file, layout, Dialect("\t", quotes=bool(layout.quotes)))


def _open(path: Path, file: str, layout: Layout, usual: Dialect) -> Table:
    """Open a file; raises `InputError` when no line names the columns."""
    text = text_file(path, file, layout.encoding)
    skip, said = (layout.header_row or 1) - 1, ""
    try:
        with text.lines(skip) as lines:
            sample = list(islice(lines, SAMPLE_LINES))
    except BadLineError as error:
        sample = _before(text, skip, error.line)
        if not sample:
            _refuse(str(error), file, error.line)
    if sample and sample[0].casefold().startswith(_EXCEL) and (mark := sample[0].rstrip("\r\n")[len(_EXCEL) :]):
        said, sample, skip = mark[0], sample[1:], skip + 1
    whole = len(sample) < SAMPLE_LINES
    dialect = _dialect(layout.delimiter or said, usual, sample, whole=whole)
    records = _sampled(dialect, sample, skip, whole=whole)
    if not records:
        _refuse_head(dialect, sample, file, skip)
    number = 0 if layout.header_row else head_index([record.cells for record in records])
    named, rows = records[number], [record.cells for record in records[number + 1 :]]
    found = head(named.cells, file, named.line, rows)
    told = (
        text.told,
        _told_dialect(dialect, usual, layout),
        f"the columns are named in line {named.line}; what stands above is left out" if number else "",
        repeated(found),
        without_names(found),
        _told_quotes(dialect, layout, rows),
    )
    return Table(file, found.names, lambda: _records(text, found, dialect, named.line - 1), telling(file, 1, *told))


def _before(text: TextFile, skip: int, line: int) -> list[str]:
    """Return the lines before one that cannot be read, if any can be."""
    try:
        with text.lines(skip) as lines:
            return list(islice(lines, min(SAMPLE_LINES, line - 1 - skip)))
    except BadLineError:
        return []


def _dialect(asked: str, usual: Dialect, sample: Sequence[str], *, whole: bool) -> Dialect:
    """Take the separator that is asked for; another than the usual one where only that gives columns."""
    if asked:
        return Dialect(asked, usual.quotes)
    if _gives_columns(usual, sample, whole=whole):
        return usual
    others = [Dialect(mark, usual.quotes) for mark in NAMES if mark != usual.delimiter]
    fitting = [dialect for dialect in others if _gives_columns(dialect, sample, whole=whole)]
    return fitting[0] if len(fitting) == 1 else usual


def _gives_columns(dialect: Dialect, sample: Sequence[str], *, whole: bool) -> bool:
    """Whether a separator gives several columns, and every row of the sample has a cell for each, or no more."""
    records = [record.cells for record in _sampled(dialect, sample, 0, whole=whole)]
    if not records:
        return False
    number = head_index(records)
    width = len(records[number])
    filled = (len(cells) for cells in records[number + 1 :] if any(cells))
    return width > 1 and all(count == width for count in filled)


def _sampled(dialect: Dialect, sample: Sequence[str], skipped: int, *, whole: bool) -> list[_Record]:
    """Return the first records of a file, as far as they can be read; the first is not blank.

    The last one may be cut where the sample does not hold the whole file.
    """
    records, reader = list[_Record](), dialect.reader(iter(sample))
    try:
        while len(records) < SAMPLE:
            line = reader.line_num + 1
            cells = next(reader)
            if cells or records:
                records.append(_Record(cells, skipped + line))
    except StopIteration:
        return records if whole else records[:-1]
    except csv.Error:
        pass
    return records


def _refuse_head(dialect: Dialect, sample: Sequence[str], file: str, skipped: int) -> Never:
    """Say why no line names the columns."""
    reader, line = dialect.reader(iter(sample)), 1
    try:
        for _ in reader:
            line = reader.line_num + 1
    except csv.Error as error:
        _refuse(_explained(error), file, skipped + line)
    if skipped:
        _refuse(f"there is no line {skipped + 1}, which is to name the columns", file, 1)
    _refuse("the file is empty; its first line names the columns", file, 1)


def _told_dialect(dialect: Dialect, usual: Dialect, layout: Layout) -> str:
    if layout.delimiter or dialect == usual:
        return ""
    return f"the columns are separated by {NAMES.get(dialect.delimiter, repr(dialect.delimiter))}"


def _told_quotes(dialect: Dialect, layout: Layout, rows: Sequence[Sequence[str]]) -> str:
    """Tell that quotation marks are letters where they look as if they were meant to hold cells together."""
    if dialect.quotes or layout.quotes is not None:
        return ""
    if not any(len(cell) > 1 and cell[0] == cell[-1] == '"' for cells in rows for cell in cells):
        return ""
    return "quotation marks are letters of their cells here; `quotes: true` beside `file` reads them as in CSV"


def _records(text: TextFile, found: Head, dialect: Dialect, skip: int) -> Iterator[Read]:
    with text.lines(skip) as lines:
        reader = dialect.reader(lines)
        start = skip + 1
        uneven = dialect.uneven
        try:
            next(reader)
            start = skip + reader.line_num + 1
            for cells in reader:
                if cells:
                    yield found.row(cells, start, uneven)
                start = skip + reader.line_num + 1
        except (csv.Error, BadLineError) as error:
            line = getattr(error, "line", start)
            yield Unreadable(f"{_explained(error)}; nothing after this line was read", Place(found.file, line))


def _explained(error: Exception) -> str:
    text = str(error)
    if "field larger than field limit" in text:
        return f"a cell is longer than {csv.field_size_limit():,} characters; is a quotation mark left open?"
    if "unexpected end of data" in text:
        return "a quotation mark is opened here and never closed"
    if "expected after" in text:
        return 'text follows a closing quotation mark; write a quotation mark inside a cell as ""'
    return text


def _refuse(message: str, file: str, line: int) -> Never:
    raise InputError(Problem(message, Place(file, line)))
