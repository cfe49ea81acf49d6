"""What was guessed of an export, in a few lines."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from batchgen.text import counted, safe

if TYPE_CHECKING:
    from batchgen.app.preview.from_export import Written

_LONGEST = 60


def told(written: "Written") -> str:
    """Name the file that was written, its columns, and the rows that are left out."""
    return "\n".join(_lines(written))


def _lines(written: "Written") -> Iterator[str]:
    guess = written.guess
    yield f"wrote {safe(written.path, 1000)}"
    yield f"\nGuessed from {counted(guess.rows, 'row')}; every guess can be changed in the manifest:"
    yield from (f"  {problem.message}" for problem in written.told)
    for column in guess.columns:
        yield f"  {column.role:<12} {safe(column.column, _LONGEST)}: {column.why}"
    if not guess.ids:
        yield "  id           no column tells all rows apart; ids are digits of each job's key"
    elif len(guess.ids) > 1:
        yield f"  id           {' and '.join(safe(name, _LONGEST) for name in guess.ids)} together"
    for word, entries in (("only", guess.only), ("left out", guess.exclude)):
        for name, value, why in entries:
            yield f"  {word:<12} {safe(name, _LONGEST)} is {safe(value, _LONGEST) or 'blank'}: {why}"
