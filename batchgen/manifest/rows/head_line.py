"""Which line of a sheet names its columns: most often the first, below a title where somebody wrote one."""

from collections.abc import Sequence

from batchgen.manifest.names import REQUEST
from batchgen.manifest.rows.table import is_blank

SAMPLE = 60
"""Records that are looked at before a file is read."""


def head_index(records: Sequence[Sequence[str]]) -> int:
    """Find the record that names the columns; the first with cells where nothing else is unmistakable."""
    full = (number for number, cells in enumerate(records) if not is_blank(cells) and not _are_remarks(cells))
    first = next(full, next((number for number, cells in enumerate(records) if not is_blank(cells)), 0))
    for number in range(first + 1, len(records)):
        if not is_blank(records[number]) and _is_head(records, number):
            return number if _are_titles(records, first, number) else first
    return first


def _are_remarks(cells: Sequence[str]) -> bool:
    """Whether every cell of several is a remark, as templates of marketplaces have them above their names."""
    filled = [cell for cell in map(str.strip, cells) if cell]
    return len(filled) > 1 and all(cell.startswith("#") for cell in filled)


def _is_head(records: Sequence[Sequence[str]], number: int) -> bool:
    """Whether a record has several names, each once, and every one after it has no more cells."""
    names = trimmed(records[number])
    below = [cells for cells in records[number + 1 :] if not is_blank(cells)]
    distinct = len({name.strip() for name in names}) == len(names) >= 2 and all(map(str.strip, names))
    return distinct and bool(below) and all(len(trimmed(cells)) <= len(names) for cells in below)


def _are_titles(records: Sequence[Sequence[str]], first: int, number: int) -> bool:
    """Whether what stands above a head can only be a title: a line or two of fewer cells, set apart."""
    names = len(trimmed(records[number]))
    above = [cells for cells in records[first:number] if not is_blank(cells)]
    set_apart = is_blank(records[number - 1]) or all(len(cells) == len(records[number]) for cells in above)
    full = all(len(trimmed(cells)) == names for cells in records[number + 1 :] if not is_blank(cells))
    for cells in above:
        filled = [cell.strip() for cell in cells if cell.strip()]
        few = len(filled) == 1 or (len(filled) == 2 and names >= 4 and set_apart)
        if not few or any(cell.casefold().replace(" ", "_") in REQUEST for cell in filled):
            return False
        if not set_apart and any(" " not in cell for cell in filled):  # a column of its own, with commas in its cells
            return False
    return set_apart or (full and names >= 3)


def trimmed(cells: Sequence[str]) -> Sequence[str]:
    """Leave out the blank cells at the end of a row."""
    end = len(cells)
    while end and not cells[end - 1].strip():
        end -= 1
    return cells[:end]
