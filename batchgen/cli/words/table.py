"""A table for people, as plain text that any terminal, pipe or file takes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from batchgen.text import safe

GAP = "  "


@dataclass(frozen=True, slots=True)
class Column:
    """A heading and the side its cells lean on; cells are cut at `most` characters."""

    title: str
    right: bool = False
    most: int = 60


def text(name: str, most: int = 60) -> Column:
    """Describe a column of words."""
    return Column(name, most=most)


def number(name: str) -> Column:
    """Describe a column of figures."""
    return Column(name, right=True)


def table(columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> str:
    """Aligned lines under a heading; every cell is made harmless. Without rows, the heading alone."""
    cells = [[safe(cell, column.most) for column, cell in zip(columns, row, strict=True)] for row in rows]
    lines = [[column.title for column in columns], *cells]
    widths = [max(len(row[i]) for row in lines) for i in range(len(columns))]
    return "".join(_line(columns, widths, row) for row in lines)


def _line(columns: Sequence[Column], widths: Sequence[int], row: Sequence[str]) -> str:
    padded = (
        cell.rjust(width) if column.right else cell.ljust(width)
        for column, width, cell in zip(columns, widths, row, strict=True)
    )
    return GAP.join(padded).rstrip() + "\n"
