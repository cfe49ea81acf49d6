"""The files that tables are written to: CSV and Apache Parquet.

CSV is UTF-8, with one line feed after each row, and no cell that a spreadsheet or a terminal takes for an order.
Parquet has one row group per batch, so that memory stays flat.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from batchgen.reporter.tables import Cell, Column, Taker

# Characters with which a spreadsheet takes a cell for a formula (OWASP, CWE-1236), full-width twins included.
FORMULA = frozenset("=+-@\t\r\n|%\uff1d\uff0b\uff0d\uff20")


# Control characters but tab and line breaks: a terminal obeys them when somebody looks at the file.
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n\r"}


def guarded(cells: Iterable[Cell]) -> list[Cell]:
    """Set an apostrophe before text that would be a formula; numbers stay numbers."""
    # In one comprehension, because a long table has tens of millions of cells.
    return [f"'{cell}" if cell.__class__ is str and cell and cell[0] in FORMULA else cell for cell in cells]


def unguarded(cell: str) -> str:
    """Return text as it was before `guarded`."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in FORMULA else cell


def header(columns: Sequence[Column[Any]]) -> str:
    """Name the columns: the first line of a file."""
    return _line([column.name for column in columns])


def lines(columns: Sequence[Column[Any]], rows: Iterable[Any]) -> Iterator[str]:
    """Rows as lines, one at a time, however many there are; a cell without value is empty."""
    getters = [column.get for column in columns]
    return (_line([get(row) for get in getters]) for row in rows)


def whole(columns: Sequence[Column[Any]], rows: Iterable[Any]) -> bytes:
    """Write a short file at once."""
    return "".join((header(columns), *lines(columns, rows))).encode(errors="backslashreplace")


@contextmanager
def csv_file(path: Path, columns: Sequence[Column[Any]]) -> Iterator[Taker]:
    """Write a CSV file: the names of its columns, and the rows that are given meanwhile."""
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        file.write(header(columns))
        yield lambda rows: file.writelines(lines(columns, rows))


@contextmanager
def csv_if_any(path: Path, columns: Sequence[Column[Any]]) -> Iterator[Taker]:
    """Write a CSV file that is only there when it has rows."""
    with csv_file(path, columns) as take:
        yield take
    if path.stat().st_size == len(whole(columns, ())):
        path.unlink()


@contextmanager
def parquet_file(path: Path, columns: Sequence[Column[Any]]) -> Iterator[Taker]:
    """Write a Parquet file; whole numbers are 64-bit integers, text is raw, units are with the fields."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {str: pa.string(), int: pa.int64(), float: pa.float64()}
    schema = pa.schema(
        [pa.field(one.name, kinds[one.kind], metadata={"unit": one.unit} if one.unit else None) for one in columns]
    )

    def add(rows: Sequence[Any]) -> None:
        data = [[column.get(row) for row in rows] for column in columns]
        arrays = [pa.array(values, type=field.type) for values, field in zip(data, schema, strict=True)]
        writer.write_table(pa.Table.from_arrays(arrays, schema=schema))

    with pq.ParquetWriter(path.absolute(), schema, compression="zstd") as writer:  # `a:b` would be an address
        yield add


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text


# Only with this line end does every version of the csv module quote lone carriage returns and line feeds alike.
_writer = csv.writer(_Echo(), lineterminator="\r\n")


def _line(cells: Iterable[Cell]) -> str:
    line = str(_writer.writerow(guarded(cells))).removesuffix("\r\n")
    return f"{line if line.isprintable() else line.translate(_CONTROL)}\n"
