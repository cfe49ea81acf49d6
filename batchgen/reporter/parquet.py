"""Rows as Apache Parquet, one row group per batch, so that memory stays flat."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from batchgen.reporter.tables import Column, Taker


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
