"""CSV and TSV rows, by the standard library's reader: nothing is inferred, every cell is the text that was written."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Never

from batchgen.errors import InputError, Place, Problem
from batchgen.manifest.rows.table import BadLineError, Row, Table, header, lines, open_text

_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs"}
_OTHERS = ";\t"


def open_separated(path: Path, file: str, delimiter: str) -> Table:
    """Open a CSV or TSV file; raises `InputError` when its first line does not name the columns."""
    with open_text(path) as stream:
        reader = csv.reader(lines(stream), delimiter=delimiter, strict=True)
        try:
            head = next((cells for cells in reader if cells), None)
        except (csv.Error, BadLineError) as error:
            _refuse(str(error), file, getattr(error, "line", reader.line_num))
        if head is None:
            _refuse("the file is empty; its first line names the columns", file, 1)
    columns = header(head, file, reader.line_num)
    if len(columns) == 1 and (
        other := next((mark for mark in _OTHERS if mark in columns[0] and mark != delimiter), "")
    ):
        taken, instead = _NAMES[delimiter], "; or name it .tsv" if other == "\t" else ""
        _refuse(f"the columns are separated by {_NAMES[other]}, not by {taken}; save it with {taken}{instead}", file, 1)
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
                    yield Problem(_uneven(len(cells), width, delimiter), Place(file, start))
                start = reader.line_num + 1
        except (csv.Error, BadLineError) as error:
            line = getattr(error, "line", start)
            yield Problem(f"{_explained(error)}; nothing after this line was read", Place(file, line))


def _uneven(cells: int, width: int, delimiter: str) -> str:
    count = "1 cell" if cells == 1 else f"{cells} cells"
    what = _NAMES[delimiter]
    hint = f"put quotation marks around a cell that holds {what}" if cells > width else "is a cell missing?"
    return f"{count} for {width} columns; {hint}"


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
