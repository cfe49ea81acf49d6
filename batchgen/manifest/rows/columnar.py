"""Rows from Parquet and XLSX, whose cells have types: each becomes the text a person would read in it."""

from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from batchgen.errors import InputError, Place, Problem
from batchgen.manifest.names import shown
from batchgen.manifest.rows.table import Row, Table, header

BATCH = 1024


def open_parquet(path: Path, file: str) -> Table:
    """Open a Parquet file; raises `InputError` when it is none, or when pyarrow is missing."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise InputError(Problem("Parquet rows need pyarrow: pip install pyarrow", Place(file))) from error
    try:
        with pq.ParquetFile(path.absolute()) as parquet:
            columns = header(parquet.schema_arrow.names, file)
    except pa.ArrowException as error:
        raise InputError(Problem("this is not a Parquet file", Place(file))) from error
    return Table(file, columns, lambda: _parquet_rows(path, file, columns))


def _parquet_rows(path: Path, file: str, columns: tuple[str, ...]) -> Iterator[Row | Problem]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    line = 0
    try:
        with pq.ParquetFile(path.absolute()) as parquet:
            for batch in parquet.iter_batches(BATCH):
                for cells in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    line += 1
                    yield _row(columns, cells, file, line)
    except pa.ArrowException:
        yield Problem("the Parquet file is damaged; nothing after this row was read", Place(file, line + 1))


def open_xlsx(path: Path, file: str) -> Table:
    """Open the first sheet of a workbook, its first row naming the columns; raises `InputError`."""
    try:
        import openpyxl  # noqa: F401 - only whether it is there
    except ImportError as error:
        message = "XLSX rows need an extra: pip install 'batchgen-images[xlsx]'"
        raise InputError(Problem(message, Place(file))) from error
    first = next(_sheet(path, file), None)
    if isinstance(first, Problem):
        raise InputError(first)
    if first is None:
        raise InputError(Problem("the first sheet is empty; its first row names the columns", Place(file)))
    named = [_cell(value) for value in first]
    while named and not named[-1]:
        named.pop()
    columns = header(named, file)
    return Table(file, columns, lambda: _xlsx_rows(path, file, columns))


def _xlsx_rows(path: Path, file: str, columns: tuple[str, ...]) -> Iterator[Row | Problem]:
    width = len(columns)
    for line, cells in enumerate(_sheet(path, file), start=1):
        if isinstance(cells, Problem):
            yield cells
        elif any(cell is not None for cell in cells[width:]):
            yield Problem(f"a cell beyond the {width} named columns", Place(file, line))
        elif line > 1 and any(cell is not None for cell in cells):
            yield _row(columns, (*cells[:width], *(None,) * (width - len(cells))), file, line)


def _sheet(path: Path, file: str) -> Iterator[tuple[Any, ...] | Problem]:
    """Give the rows of the first sheet; whatever openpyxl finds wrong with a file is one `Problem`."""
    import openpyxl

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
        try:
            yield from book.worksheets[0].iter_rows(values_only=True)
        finally:
            book.close()
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 - a broken workbook raises whatever zip, XML or openpyxl stumbles over
        yield Problem(f"this is not a readable XLSX workbook ({type(error).__name__})", Place(file))


def _row(columns: tuple[str, ...], cells: tuple[Any, ...], file: str, line: int) -> Row | Problem:
    try:
        return Row({name: _cell(value) for name, value in zip(columns, cells, strict=True)}, line)
    except (ValueError, UnicodeDecodeError) as error:
        return Problem(str(error), Place(file, line))


def _cell(value: Any) -> str:
    """Write a typed cell: whole numbers without a point, dates as ISO 8601, truth as TRUE and FALSE."""
    match value:
        case str():
            return value
        case None:
            return ""
        case bool():
            return "TRUE" if value else "FALSE"
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case int() | float() | Decimal():
            return str(value)
        case datetime() | date() | time():
            return value.isoformat()
        case bytes():
            return value.decode()
        case _:
            pass
    raise ValueError(f"a cell holds {shown(type(value).__name__)}; a cell is text or a number")
