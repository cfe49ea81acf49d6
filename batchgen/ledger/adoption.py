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
from batchgen.money import ZERO, MicroUSD


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


_CALL = """
INSERT INTO attempts (id, catalogue, run_id, job_key, model, provider, slots, asked, paths, purpose, state,
    low, expected, high, price, reserved, started)
VALUES (:id, :catalogue, :run_id, :key, :model, :provider, :slots, 1, '[]', 'first', 'dispatched',
    :cost, :cost, :cost, '{}', 0, :began)
"""
_END = """
UPDATE attempts SET state = 'settled', cost = :cost, estimated = :estimated, ended = :drawn, brought = 1,
    phase = 'complete', code = 'ok', note = 'adopted'
WHERE id = :id
"""
_ONE_MORE = """
UPDATE attempts SET slots = json_insert(slots, '$[#]', ?), asked = asked + 1, brought = brought + 1, low = low + ?,
    expected = expected + ?, high = high + ?, cost = cost + ?, estimated = max(estimated, ?)
WHERE catalogue = ? AND job_key = ? AND id = ? AND note = 'adopted'
"""
"""A call that brought several images is one call again."""


def _adopt(db: sqlite3.Connection, catalogue: str, found: Adopted, run_id: str, now: datetime) -> bool:
    key = found.wanted.job.key
    if db.execute(
        "SELECT 1 FROM images WHERE catalogue = ? AND job_key = ? AND slot = ? AND state = 'stored'",
        (catalogue, key, found.slot),
    ).fetchone():
        return False
    cost = ZERO if _is_booked_elsewhere(db, catalogue, found) else found.cost
    ours = (catalogue, key, found.attempt)
    if db.execute(_ONE_MORE, (found.slot, *(cost,) * 4, int(found.estimated), *ours)).rowcount:
        attempt_id = found.attempt
    else:
        attempt_id = _new_id(db, catalogue, found, run_id)
        for step in (_CALL, _END):
            db.execute(step, _call(attempt_id, catalogue, run_id, found, cost, now))
    size = (found.bytes, found.width, found.height)
    image = StoredImage(found.slot, found.path, found.sha256, *size, found.format, e_tag=found.e_tag)
    ImageWriter(db, catalogue, key, run_id, now).store(attempt_id, image, cost)
    return True


def _new_id(db: sqlite3.Connection, catalogue: str, found: Adopted, run_id: str) -> str:
    """Return the id of the call that drew an image, or one of its own where nobody knows it, or it is taken."""
    key = found.wanted.job.key
    if found.attempt and not db.execute("SELECT 1 FROM attempts WHERE id = ?", (found.attempt,)).fetchone():
        return found.attempt
    count = db.execute("SELECT count(*) FROM attempts WHERE catalogue = ? AND job_key = ?", (catalogue, key)).fetchone()
    return f"adopted-{run_id}-{key[:16]}-{found.slot}-{count[0]}"


def _call(
    attempt_id: str, catalogue: str, run_id: str, found: Adopted, cost: MicroUSD, now: datetime
) -> dict[str, object]:
    drawn = found.drawn or now
    began = found.began if found.began and found.began <= drawn else drawn
    return {
        "id": attempt_id,
        "catalogue": catalogue,
        "run_id": run_id,
        "key": found.wanted.job.key,
        "model": found.wanted.model,
        "provider": found.wanted.provider,
        "slots": dump([found.slot]),
        "cost": cost,
        "estimated": int(found.estimated),
        "began": stamp(began),
        "drawn": stamp(drawn),
    }


def _is_booked_elsewhere(db: sqlite3.Connection, catalogue: str, found: Adopted) -> bool:
    """Whether this ledger knows what the image cost from another folder, from which it was moved or copied."""
    same = db.execute(
        "SELECT 1 FROM images WHERE catalogue IN (SELECT DISTINCT catalogue FROM runs WHERE catalogue != ?)"
        " AND job_key = ? AND slot = ? AND sha256 = ?",
        (catalogue, found.wanted.job.key, found.slot, found.sha256),
    )
    return bool(same.fetchone())
