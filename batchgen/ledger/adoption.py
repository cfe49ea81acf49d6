"""Taking images in that were paid for under a ledger that is lost."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime

from batchgen.ledger.database import Database
from batchgen.ledger.image_writer import ImageWriter
from batchgen.ledger.jobs import Jobs
from batchgen.ledger.records import Adopted
from batchgen.ledger.runs import Runs
from batchgen.ledger.text import dump, stamp
from batchgen.model import StoredImage
from batchgen.money import ZERO


class Adoption:
    """The way of images into a new ledger."""

    def __init__(self, database: Database, runs: Runs, jobs: Jobs) -> None:
        self._database = database
        self._runs = runs
        self._jobs = jobs

    def adopt(self, images: Sequence[Adopted]) -> int:
        """Take images in that a lost ledger knew, in one transaction; how many of them were new."""
        run_id = self._runs.current
        now = self._database.now()
        self._jobs.remember([image.wanted for image in images])
        with self._database.writing("adopt") as db:
            return sum(_adopt(db, self._database.catalogue, image, run_id, now) for image in images)


def _adopt(db: sqlite3.Connection, catalogue: str, found: Adopted, run_id: str, now: datetime) -> bool:
    key = found.wanted.job.key
    if db.execute(
        "SELECT 1 FROM images WHERE catalogue = ? AND job_key = ? AND slot = ? AND state = 'stored'",
        (catalogue, key, found.slot),
    ).fetchone():
        return False
    cost = ZERO if _is_booked_elsewhere(db, catalogue, found) else found.cost
    count = db.execute("SELECT count(*) FROM attempts WHERE catalogue = ? AND job_key = ?", (catalogue, key)).fetchone()
    attempt_id = f"adopted-{run_id}-{key[:16]}-{found.slot}-{count[0]}"
    drawn = stamp(found.drawn or now)
    db.execute(
        "INSERT INTO attempts (id, catalogue, run_id, job_key, model, provider, slots, asked, paths, purpose, state,"
        " low, expected, high, price, reserved, started)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, 1, '[]', 'first', 'dispatched', ?, ?, ?, '{}', ?, ?)",
        (
            attempt_id,
            catalogue,
            run_id,
            key,
            found.wanted.model,
            found.wanted.provider,
            dump([found.slot]),
            *(cost,) * 4,
            drawn,
        ),
    )
    db.execute(
        "UPDATE attempts SET state = 'settled', cost = ?, estimated = ?, reserved = 0, ended = ?, brought = 1,"
        " phase = 'complete', code = 'ok', note = 'adopted' WHERE id = ?",
        (cost, int(found.estimated), drawn, attempt_id),
    )
    size = (found.bytes, found.width, found.height)
    image = StoredImage(found.slot, found.path, found.sha256, *size, found.format, e_tag=found.e_tag)
    ImageWriter(db, catalogue, key, run_id, now).store(attempt_id, image, cost)
    return True


def _is_booked_elsewhere(db: sqlite3.Connection, catalogue: str, found: Adopted) -> bool:
    """Whether this ledger knows what the image cost from another folder, from which it was moved or copied."""
    same = db.execute(
        "SELECT 1 FROM images WHERE catalogue IN (SELECT DISTINCT catalogue FROM runs WHERE catalogue != ?)"
        " AND job_key = ? AND slot = ? AND sha256 = ?",
        (catalogue, found.wanted.job.key, found.slot, found.sha256),
    )
    return bool(same.fetchone())
