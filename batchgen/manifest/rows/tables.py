"""Row files by their suffix: each format has a reader, and all readers give the same rows for the same content."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from batchgen.errors import InputError, Place, Problem
from batchgen.manifest.names import listed
from batchgen.manifest.rows.jsonl import open_jsonl, open_lines
from batchgen.manifest.rows.parquet import open_parquet
from batchgen.manifest.rows.separated import open_csv, open_tsv
from batchgen.manifest.rows.table import USUAL, FileStamp, Layout, Table
from batchgen.manifest.rows.xlsx import open_xlsx

_WORKBOOK = "save it as .xlsx or .csv"
_WAYS_OUT = {
    **dict.fromkeys((".xls", ".xlsb", ".xlsm", ".ods", ".numbers"), _WORKBOOK),
    **dict.fromkeys((".zip", ".gz", ".7z"), "unpack it first"),
    ".xml": "export it as .csv",
    ".json": "write one object a line, as .jsonl",
}
_FORMATS = (
    (
        b"PK\x03\x04",
        {".xlsx"},
        "this is a ZIP archive; a workbook in it is called .xlsx, another archive is unpacked first",
    ),
    (b"\xd0\xcf\x11\xe0", set[str](), f"this is a workbook of the old kind, or one with a password; {_WORKBOOK}"),
    (b"%PDF", set[str](), "this is a PDF; export the table as .csv or .xlsx"),
    (b"PAR1", {".parquet"}, "this is a Parquet file; call it .parquet"),
    (b"\x1f\x8b", set[str](), "this is packed with gzip; unpack it first"),
)
"""What files begin with, the suffixes that are right then, and what else to do."""
_PAGES = (b"<!doctype", b"<html", b"<head", b"<table", b"<?xml")
_PAGE = "this is a web page or XML and no table; was it saved without signing in? Export it as .csv or .xlsx"


def way_out(path: Path) -> str:
    """Say what to do with a file of a format that nobody reads; nothing where that is not known."""
    hint = _WAYS_OUT.get(path.suffix.lower())
    return f"; {hint}" if hint else ""


def _other_format(path: Path) -> str:
    """Say what a file is that only bears the name of a table."""
    with path.open("rb") as stream:
        head = stream.read(64)
    suffix = path.suffix.lower()
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(_PAGES) and suffix != ".txt":
        return _PAGE
    return next((why for mark, right, why in _FORMATS if head.startswith(mark) and suffix not in right), "")


Open = Callable[[Path, str, Layout], Table]
"""Opens a file of one format by its path and its name in messages; `InputError` for what is no such file."""


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
        why = f"rows come from {listed(SUFFIXES)}, not from `{path.suffix.lower() or path.name}`{way_out(path)}"
        raise InputError(Problem(why, Place(file)))
    try:
        if other := _other_format(path):
            raise InputError(Problem(other, Place(file)))
        opened = FileStamp.of(path)
        return replace(reader.open(path, file, layout), opened=opened)
    except OSError as error:
        raise InputError(Problem(f"cannot be read: {error.strerror or error}", Place(file))) from error
