"""A finished manifest without its calls: one image is really drawn, and every other job gets a copy of what it has."""

import shutil
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

NAMES = 60_000
"""Names that one file gets: some file systems give no more than 65,000."""


def finish(output: Path) -> int:
    """Give every job in version 0.1.0's ledger what its one drawn job has; the number of jobs."""
    with closing(sqlite3.connect(output / "ledger.db")) as db, db:
        key, attempt, path = db.execute(
            "SELECT job_key, attempt_id, path FROM images WHERE state = 'stored'"
        ).fetchone()
        (drawn,) = db.execute("SELECT id FROM jobs WHERE key = ?", (key,)).fetchone()
        left = db.execute("SELECT key, id FROM jobs WHERE key != ?", (key,)).fetchall()
        ids = [f"{number:024x}" for number in range(len(left))]
        places = [path.replace(drawn, name) for _, name in left]
        keys = [job for job, _ in left]
        _copy(db, "attempts", ("id", "job_key"), attempt, zip(ids, keys, strict=True))
        _copy(db, "images", ("attempt_id", "job_key", "path"), attempt, zip(ids, keys, places, strict=True))
        db.execute("UPDATE spent SET cost = cost * :jobs, images = images * :jobs", {"jobs": len(left) + 1})
    source = output / path
    for number, place in enumerate(places, 2):
        if number % NAMES:
            (output / place).hardlink_to(source)
        else:
            source = Path(shutil.copy(source, output / place))
    return len(places) + 1


def _copy(
    db: sqlite3.Connection, table: str, own: tuple[str, ...], attempt: str, rows: Iterable[tuple[str, ...]]
) -> None:
    """Copy an attempt's row of a table for each of `rows`, which hold the columns that are not the same: `own`."""
    same = [name for _, name, *_ in db.execute(f"PRAGMA table_info({table})") if name not in own]
    columns, marks = ", ".join((*own, *same)), ", ".join(["?"] * len(own))
    db.executemany(
        f"INSERT INTO {table} ({columns}) SELECT {marks}, {', '.join(same)} FROM {table} WHERE {own[0]} = '{attempt}'",
        rows,
    )
