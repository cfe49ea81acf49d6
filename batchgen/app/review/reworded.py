"""Tables that a user edited and hands back, each cell as it was before it was made harmless for a sheet.

`run --reworded` reads moderated prompts of one, and gives them back to the jobs that asked for them.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from batchgen.errors import InputError, Place, Problem, Severity
from batchgen.ledger import Ledger, Reworded
from batchgen.manifest.rows.table import Row
from batchgen.manifest.rows.tables import open_table
from batchgen.reporter.table_files import unguarded

MOST_BYTES = 64 * 1024 * 1024
KEY = re.compile(r"[0-9a-f]{64}")
COLUMNS = ("job_key", "prompt")

Wording = dict[str, tuple[str, Place]]
"""The prompt for each job, by key, and where it stands."""


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


def read(path: Path) -> Wording:
    """Read an edited `moderated.csv`; InputError with every row that cannot be used."""
    wording, problems = Wording(), list[Problem]()
    for row in rows(path, COLUMNS):
        if isinstance(row, Problem):
            problems.append(row)
            continue
        cells, place = row
        key, prompt = cells["job_key"].strip(), cells["prompt"]
        if not KEY.fullmatch(key):
            problems.append(Problem("`job_key` is 64 hexadecimal digits, as the report wrote it", place))
        elif not prompt.strip():
            problems.append(Problem("the prompt is empty; leave the row out to keep the job as it is", place))
        else:
            wording[key] = prompt, place
    if problems:
        raise InputError(*problems)
    return wording


def give(wording: Wording, ledger: Ledger, tell: Callable[[Problem], object]) -> frozenset[str]:
    """Write other words down, in one transaction; the keys of the jobs that they are to be drawn with."""
    given = ledger.reviews.reword({key: prompt for key, (prompt, _) in wording.items()})
    changed = set[str]()
    for (key, (_, place)), outcome in zip(wording.items(), given, strict=True):
        if outcome is Reworded.CHANGED:
            changed.add(key)
        elif outcome is Reworded.UNKNOWN:
            tell(Problem("left out: the ledger knows no job with this key", place, Severity.WARNING))
    return frozenset(changed)
