"""`run --reworded`: moderated prompts that a user edited, given back to the jobs that asked for them."""

import re
from collections.abc import Callable
from pathlib import Path

from batchgen.app.review.edited_table import rows
from batchgen.errors import InputError, Place, Problem, Severity
from batchgen.ledger import Ledger, Reworded

KEY = re.compile(r"[0-9a-f]{64}")
COLUMNS = ("job_key", "prompt")

Wording = dict[str, tuple[str, Place]]
"""The prompt for each job, by key, and where it stands."""


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
