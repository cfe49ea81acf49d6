"""report.xlsx: the tables for people with spreadsheets; every text is text, whatever it begins with."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from batchgen.money import MICRO
from batchgen.reporter.tables import MICRO_DOLLARS, Cell, Column
from batchgen.text import safe

# Excel holds 32,767 characters in a cell and a million rows in a sheet. A row of thirty cells costs a fifth of a
# millisecond, twenty times one of CSV: no run shall wait long for its workbook.
LONGEST = 32_767
MOST_ROWS = 20_000
MARK = " … (cut)"
DOLLARS = "$#,##0.00####"
WHOLE = "#,##0"
WIDTHS = {"prompt": 60, "message": 40, "path": 36, "job_id": 24, "id": 24, "what": 36}
USUAL_WIDTH = 14
# A name that only looks like an address or a formula is to stay what it is.
_PLAIN = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}


def available() -> bool:
    """Whether the library for spreadsheets is installed (the extra `xlsx`)."""
    return find_spec("xlsxwriter") is not None


def shown_as(column: Column[Any]) -> str:
    """Name a column for people with spreadsheets, who see dollars and not micro-dollars."""
    return column.name.removesuffix("_micro_usd") + "_usd" if column.unit == MICRO_DOLLARS else column.name


class Sheet:
    """One table of a workbook. It ends after 20,000 rows with a row that says so; the CSV files have no end."""

    def __init__(self, page: Any, columns: Sequence[Column[Any]], formats: Mapping[str, Any]) -> None:
        """Name the columns of a sheet of XlsxWriter, and keep their names in sight."""
        self._page = page
        self._columns = columns
        self._row = 0
        self._cut = False
        for place, column in enumerate(columns):
            looks = DOLLARS if column.unit == MICRO_DOLLARS else WHOLE if column.kind is int else ""
            page.set_column(place, place, WIDTHS.get(column.name, USUAL_WIDTH), formats.get(looks))
            page.write_string(0, place, _writable(shown_as(column)), formats["head"])
        page.freeze_panes(1, 0)

    def add(self, rows: Sequence[Any]) -> None:
        """Append rows while there is room."""
        fitting = rows[: MOST_ROWS - self._row]
        for row in fitting:
            self._row += 1
            for place, column in enumerate(self._columns):
                self._write(place, column, column.get(row))
        if len(fitting) < len(rows) and not self._cut:
            self._cut = True
            words = f"only the first {MOST_ROWS:,} rows are here; the CSV file has them all"
            self._page.write_string(self._row + 1, 0, words)

    def _write(self, place: int, column: Column[Any], cell: Cell) -> None:
        if isinstance(cell, str):
            if cell:
                self._page.write_string(self._row, place, _writable(cell))
        elif cell is not None:
            self._page.write_number(self._row, place, cell / MICRO if column.unit == MICRO_DOLLARS else cell)

    def finish(self) -> None:
        """Let people filter by every column."""
        self._page.autofilter(0, 0, self._row, len(self._columns) - 1)


class WorkbookFile:
    """A workbook being written; its sheets stand in the order in which they were asked for."""

    def __init__(self, to: Path) -> None:
        """Start with no sheet; rows wait in files beside the workbook, and only the packed file is held in memory.

        A packer that finds the disk full at its end would complain of it wherever Python lets go of it.
        """
        from xlsxwriter import Workbook

        self._to = to
        self._packed = BytesIO()
        self._book = Workbook(self._packed, {"constant_memory": True, "tmpdir": str(to.parent), **_PLAIN})
        self._formats = {code: self._book.add_format({"num_format": code}) for code in (DOLLARS, WHOLE)}
        self._formats["head"] = self._book.add_format({"bold": True, "bottom": 1})
        self._sheets: list[Sheet] = []

    def sheet(self, title: str, columns: Sequence[Column[Any]]) -> Sheet:
        sheet = Sheet(self._book.add_worksheet(title), columns, self._formats)
        self._sheets.append(sheet)
        return sheet

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Write the file; after an error too, as there is no other way to let go of what is open."""
        from xlsxwriter.exceptions import FileCreateError

        for sheet in self._sheets:
            sheet.finish()
        try:
            with suppress(*(() if kind is None else (Exception,))):
                self._book.close()
        except FileCreateError as refused:
            raise OSError(*refused.args[0].args) from refused
        if kind is None:
            self._to.write_bytes(self._packed.getbuffer())


def _writable(text: str) -> str:
    """Text that XML can hold: lines and tabs stay, other invisible characters are escaped, a cut is marked."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() or c in "\n\t" else safe(c) for c in text)
    return text if len(text) <= LONGEST else text[: LONGEST - len(MARK)] + MARK
