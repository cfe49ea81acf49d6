"""Row files by their suffix."""

from pathlib import Path

from batchgen.errors import InputError, Place, Problem
from batchgen.manifest.names import listed
from batchgen.manifest.rows.columnar import open_parquet, open_xlsx
from batchgen.manifest.rows.jsonl import open_jsonl
from batchgen.manifest.rows.separated import open_separated
from batchgen.manifest.rows.table import Table

SUFFIXES = frozenset({".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".xlsx"})


def open_table(path: Path, file: str) -> Table:
    """Open a row file by its suffix. `file` is its name in messages; raises `InputError`."""
    suffix = path.suffix.lower()
    try:
        if suffix in {".csv", ".tsv"}:
            return open_separated(path, file, "\t" if suffix == ".tsv" else ",")
        if suffix in {".jsonl", ".ndjson"}:
            return open_jsonl(path, file)
        if suffix == ".parquet":
            return open_parquet(path, file)
        if suffix == ".xlsx":
            return open_xlsx(path, file)
    except OSError as error:
        raise InputError(Problem(f"cannot be read: {error.strerror or error}", Place(file))) from error
    raise InputError(Problem(f"rows come from {listed(SUFFIXES)}, not from `{suffix or path.name}`", Place(file)))
