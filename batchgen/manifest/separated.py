"""CSV and TSV rows, by the standard library's reader: nothing is inferred, every cell is the text that was written."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Never

from batchgen.errors import InputError, Place, Problem
from batchgen.manifest.rows import BadLineError, Row, Table, header, lines, open_text


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


def _refuse(message: str, file: str, line: int) -> Never:
    raise InputError(Problem(message, Place(file, line)))
