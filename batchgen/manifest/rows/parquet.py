"""Rows from Parquet, whose cells have types: each becomes the text a person would read in it."""

from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from json import dumps
from pathlib import Path
from typing import Any

from batchgen.errors import InputError, Place, Problem
from batchgen.manifest.names import shown
from batchgen.manifest.rows.cells import of_several
from batchgen.manifest.rows.table import Head, Layout, Read, Table, Unreadable, head, repeated, telling, without_names

BATCH = 1024


def open_parquet(path: Path, file: str, _: Layout) -> Table:
    """Open a Parquet file; raises `InputError` when it is none, or when pyarrow is missing."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise InputError(Problem("Parquet rows need pyarrow: pip install pyarrow", Place(file))) from error
    try:
        with pq.ParquetFile(path.absolute()) as parquet:
            found = head(_flat(parquet.schema_arrow.empty_table()).column_names, file, 1, ())
    except pa.ArrowException as error:
        raise InputError(Problem("this is not a Parquet file", Place(file))) from error
    return Table(file, found.names, lambda: _rows(path, found), telling(file, 1, repeated(found), without_names(found)))


def _flat(table: Any) -> Any:
    """Take objects apart into columns that are named after both: `size.width`."""
    while _has_objects(table.schema):
        table = table.flatten()
    return table


def _rows(path: Path, found: Head) -> Iterator[Read]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    line = 0
    try:
        with pq.ParquetFile(path.absolute()) as parquet:
            for batch in parquet.iter_batches(BATCH):
                for cells in zip(*(column.to_pylist() for column in _columns(batch)), strict=True):
                    line += 1
                    yield _row(cells, found, line)
    except pa.ArrowException:
        yield Unreadable("the Parquet file is damaged; nothing after this row was read", Place(found.file, line + 1))


def _columns(batch: Any) -> Any:
    import pyarrow as pa

    return _flat(pa.Table.from_batches([batch])).columns if _has_objects(batch.schema) else batch.columns


def _has_objects(schema: Any) -> bool:
    import pyarrow as pa

    return any(pa.types.is_struct(kind) for kind in schema.types)


def _row(cells: tuple[Any, ...], found: Head, line: int) -> Read:
    try:
        return found.row([text_of(value) for value in cells], line, "{} cells for {} columns".format)
    except (ValueError, UnicodeDecodeError) as error:
        return Problem(str(error), Place(found.file, line))


def _decoded(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise ValueError("a cell holds bytes that are no UTF-8 text") from None


def text_of(value: Any) -> str:
    """Write a typed cell: whole numbers without a point, dates as ISO 8601, truth as TRUE and FALSE."""
    match value:
        case str() | None:
            return value or ""
        case bool():
            return "TRUE" if value else "FALSE"
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case int() | float() | Decimal():
            return str(value)
        case datetime() | date() | time():
            return value.isoformat()
        case bytes():
            return _decoded(value)
        case list():
            nested = any(isinstance(item, list | dict | tuple) for item in value)
            return dumps(value, ensure_ascii=False, default=text_of) if nested else of_several(map(text_of, value))
        case _:
            pass
    raise ValueError(f"a cell holds {shown(type(value).__name__)}; a cell is text or a number, or a list of them")
