"""The line of a file that a problem is about, with a mark below its column."""

from itertools import islice
from pathlib import Path

from batchgen.cli.render.table import columns_of, cut
from batchgen.errors import Place
from batchgen.text import safe

WIDTH = 100
"""Columns of a line that are shown."""
BEFORE = 40
"""Columns shown before the mark where a line is longer."""
TEXT = frozenset({".yaml", ".yml", ".csv", ".tsv", ".jsonl", ".json", ".txt"})


def excerpt(place: Place) -> str:
    """Show the line with its number; empty where there is none to show."""
    line = _line(place)
    if not line.strip():
        return ""
    start = max(0, place.column - 1 - BEFORE) if len(line) > WIDTH else 0
    shown = cut(safe(line[start:], 10 * WIDTH), WIDTH)
    number = f"{place.line:>5} | "
    if not place.column:
        return number + shown
    indent = columns_of(safe(line[start : place.column - 1], 10 * WIDTH))
    return f"{number}{shown}\n{' ' * 5} | {' ' * indent}^"


def _line(place: Place) -> str:
    """Return the line as it is; nothing where it cannot be read, or is of no text file."""
    path = Path(place.file)
    if not place.line or path.suffix.lower() not in TEXT or not path.is_file():
        return ""
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            return next(islice(file, place.line - 1, None), "").rstrip("\r\n").replace("\t", " ")
    except OSError:
        return ""
