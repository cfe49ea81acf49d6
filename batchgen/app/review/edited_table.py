"""Tables that a user edited and hands back: bounded, each cell as it was before it was made harmless for a sheet."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from batchgen.errors import InputError, Place, Problem
from batchgen.manifest.rows.table import Row
from batchgen.manifest.rows.tables import open_table
from batchgen.reporter.csvfile import unguarded

MOST_BYTES = 64 * 1024 * 1024


def checked(path: Path) -> Path:
    """Return the file, if it is one and not too large to be what it should be."""
    try:
        size = path.stat().st_size
    except OSError as error:
        raise InputError(Problem(f"cannot be read: {error.strerror}", Place(str(path)))) from error
    if not path.is_file():
        raise InputError(Problem("is not a file", Place(str(path))))
    if size > MOST_BYTES:
        raise InputError(Problem(f"larger than {MOST_BYTES // 2**20} MiB; this is no such file", Place(str(path))))
    return path


def rows(path: Path, needed: Sequence[str]) -> Iterator[tuple[Mapping[str, str], Place] | Problem]:
    """Rows of a table with these columns, each with its place; InputError when a column is missing."""
    table = open_table(checked(path), str(path))
    if table.columns is not None and (missing := [name for name in needed if name not in table.columns]):
        raise InputError(Problem(f"no column `{missing[0]}`; the columns are {', '.join(needed)}", Place(str(path))))
    for row in table.read():
        if isinstance(row, Problem):
            yield row
        elif isinstance(row, Row):
            yield {name: unguarded(row.values.get(name, "")) for name in needed}, Place(str(path), row.line)
