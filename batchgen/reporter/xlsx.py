"""report.xlsx: the tables for people with spreadsheets; every text is text, whatever it begins with."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from batchgen.reporter.tables import Cell, Column
from batchgen.text import safe

# Excel holds 32,767 characters in a cell. A row costs a quarter of a millisecond, fifty times one of CSV: no run shall
# wait long for its workbook.
LONGEST = 32_767
MOST_ROWS = 5_000
MARK = " … (cut)"


def available() -> bool:
    """Whether the library for spreadsheets is installed (the extra `xlsx`)."""
    return find_spec("openpyxl") is not None


class Sheet:
    """One table of a book. It ends after 5,000 rows with a row that says so; the CSV files have no end."""

    def __init__(self, page: Any, columns: Sequence[Column[Any]]) -> None:
        """Name the columns of a sheet of openpyxl, and keep their names in sight."""
        self._page = page
        self._columns = columns
        self._room = MOST_ROWS
        self._cut = False
        page.freeze_panes = "A2"
        self._append(column.name for column in columns)

    def add(self, rows: Sequence[Any]) -> None:
        """Append rows while there is room."""
        fitting = rows[: self._room]
        for row in fitting:
            self._append(column.get(row) for column in self._columns)
        if len(fitting) < len(rows) and not self._cut:
            self._cut = True
            self._append([f"only the first {MOST_ROWS:,} rows are here; the CSV file has them all"])
        self._room -= len(fitting)

    def _append(self, cells: Iterable[Cell]) -> None:
        self._page.append([self._cell(value) if isinstance(value, str) else value for value in cells])

    def _cell(self, text: str) -> Any:
        from openpyxl.cell import WriteOnlyCell

        cell = WriteOnlyCell(self._page, _writable(text))
        cell.data_type = "s"  # what begins with = would be a formula otherwise, what begins with # an error
        return cell


class Book:
    """A workbook being written; its sheets stand in the order in which they were asked for."""

    def __init__(self) -> None:
        """Start with no sheet."""
        from openpyxl import Workbook

        self._book = Workbook(write_only=True)

    def sheet(self, title: str, columns: Sequence[Column[Any]]) -> Sheet:
        """Add a sheet for a table."""
        return Sheet(self._book.create_sheet(title), columns)

    def save(self, to: Path | IO[bytes]) -> None:
        """Write the file."""
        self._book.save(to)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        from openpyxl.utils.exceptions import WorkbookAlreadySaved

        for page in self._book.worksheets:
            with suppress(WorkbookAlreadySaved):  # a book given up half-way keeps its sheets' files open
                page.close()


def _writable(text: str) -> str:
    """Text that XML can hold: lines and tabs stay, other invisible characters are escaped, a cut is marked."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() or c in "\n\t" else safe(c) for c in text)
    return text if len(text) <= LONGEST else text[: LONGEST - len(MARK)] + MARK
