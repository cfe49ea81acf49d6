"""Rows as Apache Parquet, one row group per batch, so that memory stays flat."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from batchgen.reporter.tables import Column


class ParquetFile:
    """A Parquet file being written; whole numbers are 64-bit integers, text is raw, units are with the fields."""

    def __init__(self, path: Path, columns: Sequence[Column[Any]]) -> None:
        """Start the file; `columns` are its schema."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._columns = columns
        kinds = {str: pa.string(), int: pa.int64(), float: pa.float64()}
        self._schema = pa.schema(
            [pa.field(one.name, kinds[one.kind], metadata={"unit": one.unit} if one.unit else None) for one in columns]
        )
        self._writer = pq.ParquetWriter(path.absolute(), self._schema, compression="zstd")  # `a:b` would be an address

    def add(self, rows: Sequence[Any]) -> None:
        """Append one row group."""
        import pyarrow as pa

        data = [[column.get(row) for row in rows] for column in self._columns]
        arrays = [pa.array(values, type=field.type) for values, field in zip(data, self._schema, strict=True)]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._writer.close()
