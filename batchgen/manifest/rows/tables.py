"""Row files by their suffix: each format has a reader, and all readers give the same rows for the same content."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from batchgen.errors import InputError, Place, Problem
from batchgen.manifest.names import listed
from batchgen.manifest.rows.jsonl import open_jsonl
from batchgen.manifest.rows.layout import USUAL, Layout
from batchgen.manifest.rows.lines import open_lines
from batchgen.manifest.rows.parquet import open_parquet
from batchgen.manifest.rows.separated import open_csv, open_tsv
from batchgen.manifest.rows.table import Table
from batchgen.manifest.rows.xlsx import open_xlsx


class Open(Protocol):
    """Opens a file of one format; `file` is its name in messages. Raises `InputError` for what is no such file."""

    def __call__(self, path: Path, file: str, layout: Layout, /) -> Table: ...


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads one format; `takes` are the words of a layout that mean something for it."""

    open: Open
    takes: frozenset[str] = frozenset()


_SEPARATED = frozenset({"delimiter", "encoding", "header_row", "quotes"})
READERS: Mapping[str, Reader] = {
    ".csv": Reader(open_csv, _SEPARATED),
    ".tsv": Reader(open_tsv, _SEPARATED),
    ".txt": Reader(open_lines, _SEPARATED),
    ".jsonl": Reader(open_jsonl, frozenset({"encoding"})),
    ".ndjson": Reader(open_jsonl, frozenset({"encoding"})),
    ".parquet": Reader(open_parquet),
    ".xlsx": Reader(open_xlsx, frozenset({"header_row", "sheet"})),
}
SUFFIXES = frozenset(READERS)


def open_table(path: Path, file: str, layout: Layout = USUAL) -> Table:
    """Open a row file by its suffix. `file` is its name in messages; raises `InputError`."""
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        why = f"rows come from {listed(SUFFIXES)}, not from `{path.suffix.lower() or path.name}`"
        raise InputError(Problem(why, Place(file)))
    try:
        return reader.open(path, file, layout)
    except OSError as error:
        raise InputError(Problem(f"cannot be read: {error.strerror or error}", Place(file))) from error
