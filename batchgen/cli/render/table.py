"""Tables and paragraphs for people: plain text as wide as the terminal, of 80 columns in pipes and files."""

from collections.abc import Iterable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass

from batchgen.money import MicroUSD, exact
from batchgen.text import safe

WIDTH = 80
"""Columns of a paragraph, which is read best so, and of a table that no terminal shows."""
width = ContextVar("width", default=WIDTH)
"""Columns of a table."""
GAP = "  "
MARGIN = " " * 9
"""What stands under a line that begins with a label of one word."""
DEEPEST = 4
"""Most columns that a remark below its row is moved in by."""
LEAST = 8
"""Columns of a terminal below which no column of words is made narrower."""


@dataclass(frozen=True, slots=True)
class Column:
    """A heading and the side its cells lean on; cells are cut at `most` characters.

    A last column that is `below` stands behind the others where a row has room for it, and under them where not.
    """

    title: str
    right: bool = False
    most: int = 60
    below: bool = False


def text(name: str, most: int = 60) -> Column:
    """Describe a column of words."""
    return Column(name, most=most)


def number(name: str) -> Column:
    """Describe a column of figures."""
    return Column(name, right=True)


def remark(name: str, most: int = 400) -> Column:
    """Describe a last column of words that may be long."""
    return Column(name, most=most, below=True)


_SUMS = (text(""), number(""), remark(""))


def table(columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> str:
    """Aligned lines under a heading; every cell is made harmless. Without rows, the heading alone."""
    cells = [[safe(cell, column.most) for column, cell in zip(columns, row, strict=True)] for row in rows]
    lines = [[column.title for column in columns], *cells]
    widths = _fitted(columns, [max(map(columns_of, column)) for column in zip(*lines, strict=True)])
    return "".join(row_of(columns, widths, row) for row in lines)


def sums(lines: Iterable[tuple[str, MicroUSD, str]]) -> str:
    """List amounts, each with a label before it and a remark behind it."""
    shown = table(_SUMS, ((label, exact(amount), words) for label, amount, words in lines))
    return shown.partition("\n")[2]  # the headings are empty


def row_of(columns: Sequence[Column], widths: Sequence[int], row: Sequence[str]) -> str:
    """One row at these widths, with its line ends."""
    aside = row[-1] if columns[-1].below else ""
    upright = [
        _padded(cut(cell, width), width, right=column.right)
        for column, width, cell in zip(columns, widths, row, strict=True)
        if not column.below
    ]
    line = GAP.join(upright).rstrip()
    if not aside:
        return f"{line}\n"
    whole = GAP.join((*upright, aside))
    if columns_of(whole) <= width.get():
        return f"{whole}\n"
    return f"{line}\n"[not line :] + paragraph(aside, " " * min(widths[0] + len(GAP), DEEPEST))


def _fitted(columns: Sequence[Column], widths: Sequence[int]) -> list[int]:
    """Widths that fit a line: the widest column of words gives way first."""
    fitted = list(widths)
    mine = [index for index, column in enumerate(columns) if not column.below]
    words = [index for index in mine if not columns[index].right]
    while words and sum(fitted[index] for index in mine) + len(GAP) * (len(mine) - 1) > width.get():
        widest = max(words, key=lambda index: fitted[index])
        if fitted[widest] <= LEAST:
            break
        fitted[widest] -= 1
    return fitted


def _padded(cell: str, width: int, *, right: bool) -> str:
    space = " " * (width - columns_of(cell))
    return space + cell if right else cell + space


def columns_of(line: str) -> int:
    """How many columns of a terminal a line takes: Chinese, Japanese and Korean characters and emoji take two."""
    if line.isascii():
        return len(line)
    from rich.cells import cell_len

    return cell_len(line)


def cut(line: str, width: int) -> str:
    """Return the line, or what fits of it with a mark of the cut."""
    if columns_of(line) <= width:
        return line
    from rich.cells import set_cell_size

    return set_cell_size(line, max(width - 1, 0)).rstrip() + "…"


def paragraph(words: str, indent: str = "", first: str | None = None) -> str:
    """Words filled into lines of 80 columns behind an indent; a word that is longer, such as a path, stays whole."""
    return "".join(f"{line}\n" for line in _filled(words, indent, indent if first is None else first))


def _filled(words: str, indent: str, first: str) -> Iterator[str]:
    line, empty = first, True
    for word in words.strip().split(" "):
        longer = f"{line}{word}" if empty else f"{line} {word}"
        if empty or columns_of(longer) <= min(WIDTH, width.get()):
            line, empty = longer, False
        else:
            yield line.rstrip()
            line = indent + word
    yield line.rstrip()
