"""Rows from a sheet of an XLSX workbook, whose cells are read as the sheet shows them.

A workbook is an archive of XML that says how large it is. Nothing of that is believed: it is unpacked once, in pieces,
before anything is built from it, and the sheet's own word for its size is not asked for.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any
from zipfile import ZipFile

from batchgen.errors import InputError, Place, Problem
from batchgen.manifest.names import did_you_mean, listed, shown
from batchgen.manifest.rows import table
from batchgen.manifest.rows.head_line import SAMPLE, head_index, trimmed
from batchgen.manifest.rows.number_format import as_shown
from batchgen.text import size_of

MOST_UNPACKED = 2_000_000_000
"""Bytes of all members together; a sheet of a million rows and 50 columns has about as many."""
MOST_SHARED = 200_000_000
"""Bytes of the texts that cells share, which are held in memory."""
MOST_TEXT = 4_000_000
"""Bytes of one text; a cell holds 32,767 characters."""
MOST_ROWS = 1_048_576
"""Rows of a sheet, as spreadsheets allow."""
CHUNK = 1 << 18
_HIDDEN = re.compile(rb'<(?:\w+:)?row\s[^>]*\bhidden="(?:1|true)"')


@dataclass(frozen=True, slots=True)
class _Line:
    """A row of a sheet: its cells as shown, and what cannot be shown."""

    number: int
    cells: Sequence[str]
    wrong: str = ""


def open_xlsx(path: Path, file: str, layout: table.Layout) -> table.Table:
    """Open a sheet of a workbook, one of its first rows naming the columns; raises `InputError`."""
    try:
        import openpyxl  # noqa: F401 - only whether it is there
    except ImportError as error:
        message = "XLSX rows need an extra: pip install 'batchgen-images[xlsx]'"
        raise InputError(Problem(message, Place(file))) from error
    hidden = _unpack(path, file)
    sheet, others, member = _choose(path, file, layout.sheet)
    first = layout.header_row or 1
    lines_from = (line for line in _lines(path, file, sheet) if isinstance(line, Problem) or line.number >= first)
    sample = list(islice(lines_from, SAMPLE))
    if sample and isinstance(sample[0], Problem):
        raise InputError(sample[0])
    lines = [line for line in sample if isinstance(line, _Line)]
    if not any(not table.is_blank(line.cells) for line in lines):
        message = f"the sheet {shown(sheet)} is empty; its first row names the columns"
        raise InputError(Problem(message, Place(file)))
    at = 0 if layout.header_row else head_index([line.cells for line in lines])
    named = lines[at]
    cells = trimmed(named.cells)
    found = table.head(cells, file, named.number, [line.cells[: len(cells)] for line in lines[at + 1 :]])
    told = (
        f"the sheet {shown(sheet)} is read; `sheet` names another: {listed(others)}"
        if others and layout.sheet is None
        else "",
        f"the columns are named in row {named.number}; what stands above is left out" if at else "",
        table.repeated(found),
        table.without_names(found),
        f"hidden rows are read like any other, and there are {count:,}; `only` and `exclude` leave rows out"
        if (count := hidden.get(member))
        else "",
    )
    return table.Table(
        file, found.names, lambda: _rows(path, sheet, found, named.number), table.telling(file, 1, *told)
    )


def _rows(path: Path, sheet: str, found: table.Head, skip: int) -> Iterator[table.Read]:
    for line in _lines(path, found.file, sheet):
        if isinstance(line, Problem):
            yield line
        elif line.number > skip:
            if line.wrong:
                yield Problem(line.wrong, Place(found.file, line.number))
            elif not line.cells:
                yield table.empty_row(found.file, line.number)
            else:
                missing = [""] * (found.width - len(line.cells))
                yield found.row([*line.cells, *missing], line.number, "a cell beyond the {1} named columns".format)


def _choose(path: Path, file: str, asked: str | None) -> tuple[str, tuple[str, ...], str]:
    """Give the sheet that is meant, the others, and its member of the archive.

    It is the first that is not hidden and has rows, unless one is named.

    A sheet of a single line is only taken where all are.
    """
    import openpyxl

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
        sheets = [sheet.title for sheet in book.worksheets if asked or sheet.sheet_state == "visible"]
        members = {sheet.title: getattr(sheet, "_worksheet_path", "") for sheet in book.worksheets}
        book.close()
    except OSError:
        raise
    except Exception as error:
        raise InputError(_broken(error, file)) from error
    if asked is not None:
        if asked not in sheets:
            hint = did_you_mean(asked, sheets) or f"; there are {listed(sheets)}"
            raise InputError(Problem(f"there is no sheet {shown(asked)}{hint}", Place(file)))
        return asked, (), members[asked]
    if not sheets:
        raise InputError(Problem("the workbook has no sheet", Place(file)))
    filled = {sheet: _filled(path, file, sheet) for sheet in sheets}
    with_rows = [sheet for sheet in sheets if filled[sheet]]
    chosen = next((sheet for sheet in with_rows if filled[sheet] > 1), with_rows[0] if with_rows else sheets[0])
    return chosen, tuple(sheet for sheet in with_rows if sheet != chosen), members[chosen]


def _filled(path: Path, file: str, sheet: str) -> int:
    """Count the first rows with content: a cover has one line, and no row below it."""
    lines = islice(_lines(path, file, sheet), SAMPLE)
    return sum(isinstance(line, Problem) or not table.is_blank(line.cells) for line in lines)


def _lines(path: Path, file: str, sheet: str) -> Iterator[_Line | Problem]:
    """Give the rows of a sheet; whatever openpyxl finds wrong with a file is one `Unreadable`."""
    import openpyxl

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
        try:
            found = book[sheet]
            found.reset_dimensions()
            for number, cells in enumerate(found.iter_rows(), start=1):
                if number > MOST_ROWS:
                    message = f"the sheet claims more than {MOST_ROWS:,} rows; nothing after this row was read"
                    yield table.Unreadable(message, Place(file, number))
                    return
                yield _line(number, cells)
        finally:
            book.close()
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 - as above
        yield _broken(error, file)


def _line(number: int, cells: Sequence[Any]) -> _Line:
    try:
        return _Line(number, [as_shown(c.value, c.number_format) if c.value is not None else "" for c in cells])
    except (ValueError, UnicodeDecodeError) as error:
        return _Line(number, (), str(error))


def _broken(error: Exception, file: str) -> table.Unreadable:
    return table.Unreadable(f"this is not a readable XLSX workbook ({type(error).__name__}); save it anew", Place(file))


def _unpack(path: Path, file: str) -> dict[str, int]:
    """Count the hidden rows of every member, unpacked once and in pieces; refuse what would fill the memory.

    `InputError` says what.
    """
    room = MOST_UNPACKED
    hidden = dict[str, int]()
    try:
        with ZipFile(path) as archive:
            for name in archive.namelist():
                with archive.open(name) as member:
                    most = min(room, MOST_SHARED) if name.endswith("sharedStrings.xml") else room
                    size, hidden[name] = _measured(member, most, xml=name.endswith((".xml", ".rels")))
                    room -= size
    except OSError:
        raise
    except _TooLargeError as error:
        raise InputError(Problem(f"the workbook {error}", Place(file))) from None
    except Exception as error:  # zlib's own error is of no kind that could be named
        raise InputError(_broken(error, file)) from error
    return hidden


class _TooLargeError(Exception):
    """A workbook that is made to fill the memory."""


def _measured(member: IO[bytes], most: int, *, xml: bool) -> tuple[int, int]:
    """Count the bytes of a member, and its hidden rows; `_TooLargeError` for too many, or one text that is too long."""
    size = text = hidden = 0
    begun = b""
    while chunk := member.read(CHUNK):
        size += len(chunk)
        if size > most:
            raise _TooLargeError(f"unpacks to more than {size_of(most)}")
        tag = chunk.rfind(b"<")
        text = len(chunk) - tag if tag >= 0 else text + len(chunk)
        if xml and text > MOST_TEXT:
            raise _TooLargeError(f"holds a text of more than {size_of(MOST_TEXT)}")
        if xml and b"<!DOCTYPE" in chunk:
            raise _TooLargeError("declares a document type, which no spreadsheet does")
        if xml:
            whole = begun + chunk
            cut = max(whole.rfind(b"<"), 0)
            hidden += len(_HIDDEN.findall(whole, 0, cut))
            begun = whole[cut:]
    return size, hidden
