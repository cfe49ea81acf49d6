"""report.xlsx: the tables for people with spreadsheets; every text is text, whatever it begins with."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from io import BytesIO
from itertools import islice
from typing import TYPE_CHECKING, Any

from batchgen.report.tables import Cell, Column
from batchgen.text import safe

if TYPE_CHECKING:
    from openpyxl.worksheet._write_only import WriteOnlyWorksheet

# Excel holds 32,767 characters in a cell and 1,048,576 rows in a sheet; far below that it already opens slowly.
LONGEST = 32_767
MOST_ROWS = 20_000
MARK = " … (cut)"


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table; the rows are pulled when the book is rendered."""

    title: str
    columns: Sequence[Column[Any]]
    rows: Iterable[Any]


def available() -> bool:
    """Whether the library for spreadsheets is installed (the extra `xlsx`)."""
    return find_spec("openpyxl") is not None


def render(sheets: Iterable[Sheet]) -> bytes:
    """The book. A sheet ends after 20,000 rows with a row that says so; the CSV files have no end."""
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    for sheet in sheets:
        page = book.create_sheet(sheet.title)
        page.freeze_panes = "A2"
        _append(page, [column.name for column in sheet.columns])
        rows = iter(sheet.rows)
        for row in islice(rows, MOST_ROWS):
            _append(page, [column.get(row) for column in sheet.columns])
        if next(rows, None) is not None:
            _append(page, [f"only the first {MOST_ROWS:,} rows are here; the CSV file has them all"])
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def _append(page: "WriteOnlyWorksheet", cells: Iterable[Cell]) -> None:
    from openpyxl.cell import WriteOnlyCell

    row = []
    for value in cells:
        cell = WriteOnlyCell(page, _writable(value) if isinstance(value, str) else value)
        if isinstance(value, str):
            cell.data_type = "s"  # what begins with = would be a formula otherwise, what begins with # an error
        row.append(cell)
    page.append(row)


def _writable(text: str) -> str:
    """Text that XML can hold: lines and tabs stay, other invisible characters are escaped, a cut is marked."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() or c in "\n\t" else safe(c) for c in text)
    return text if len(text) <= LONGEST else text[: LONGEST - len(MARK)] + MARK
