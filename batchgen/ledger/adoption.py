"""Taking images in that were paid for under a ledger that is lost."""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from batchgen.ledger.database import Database
from batchgen.ledger.image_writer import ImageWriter, share_anew
from batchgen.ledger.job_records import Wanted
from batchgen.ledger.jobs import Jobs
from batchgen.ledger.runs import Runs
from batchgen.ledger.text import dump, stamp
from batchgen.model import StoredImage
from batchgen.money import ZERO, MicroUSD


@dataclass(frozen=True, slots=True)
class Adopted:
    """An image that was paid for under a ledger that is lost, as its sidecar, a log or an old report tells.

    `attempt` is the id of the call that drew it, and `began` when that was made, where they are known; `drawn` is when
    the image came.
    """

    wanted: Wanted
    image: StoredImage
    cost: MicroUSD = ZERO
    estimated: bool = True
    attempt: str = ""
    began: datetime | None = None
    drawn: datetime | None = None


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
            drawn = defaultdict[tuple[str, str], dict[int, Adopted]](dict)  # by their slots, of each call
            for one in images:
                drawn[one.wanted.job.key, one.attempt].setdefault(one.image.slot, one)
            taken = 0
            for one in images:
                key = one.wanted.job.key
                writer = ImageWriter(db, self._database.catalogue, key, run_id, now)
                taken += _adopt(writer, one, drawn[key, one.attempt], now)
        return taken


_CALL = """
INSERT INTO attempts (id, catalogue, run_id, job_key, model, provider, slots, asked, paths, purpose, state,
    low, expected, high, price, reserved, started)
VALUES (:id, :catalogue, :run_id, :key, :model, :provider, :slots, 1, '[]', 'first', 'dispatched',
    :cost, :cost, :cost, '{}', 0, :began)
"""
_END = """
UPDATE attempts SET state = 'settled', cost = :cost, estimated = :estimated, ended = :drawn, brought = :brought,
    phase = 'complete', code = 'ok', note = 'adopted', reserved = 0, at_risk = 0
WHERE id = :id
"""
_ONE_MORE = """
UPDATE attempts SET slots = json_insert(slots, '$[#]', ?), asked = asked + 1, brought = brought + 1, low = low + ?,
    expected = expected + ?, high = high + ?, cost = cost + ?, estimated = max(estimated, ?)
WHERE catalogue = ? AND job_key = ? AND id = ? AND note = 'adopted'
    AND NOT EXISTS (SELECT 1 FROM json_each(slots) WHERE value = ?)
"""
"""A call that brought several images is one call again."""
_KNOWN = """
SELECT brought, slots, state != 'settled' AND NOT (state = 'pending' AND route != 'batch') AS is_left FROM attempts
WHERE catalogue = ? AND job_key = ? AND id = ? AND (ended IS NULL OR state IN ('at_risk', 'settled'))
"""
"""The call that drew an image, where an older copy of its ledger has it: settled, or still to be settled."""


def _adopt(writer: ImageWriter, found: Adopted, siblings: Mapping[int, Adopted], now: datetime) -> bool:
    """Take an image in; False when one is stored in its slot. `siblings` are what its call brought, by their slots."""
    db, ours = writer.db, (writer.catalogue, writer.job_key, found.attempt)
    stored = "SELECT 1 FROM images WHERE catalogue = ? AND job_key = ? AND slot = ? AND state = 'stored'"
    if db.execute(stored, (*ours[:2], found.image.slot)).fetchone():
        return False
    cost = ZERO if _is_booked_elsewhere(writer, found) else found.cost
    if db.execute(_ONE_MORE, (found.image.slot, *(cost,) * 4, int(found.estimated), *ours, found.image.slot)).rowcount:
        attempt_id = found.attempt
    elif known := db.execute(_KNOWN, ours).fetchone():
        _join(writer, known, found, siblings, now)
        return True
    else:
        attempt_id = _new_id(writer, found)
        for step in (_CALL, _END):
            db.execute(step, _call(attempt_id, writer, found, cost, now))
    writer.store(attempt_id, found.image, cost)
    return True


def _join(
    writer: ImageWriter, known: sqlite3.Row, found: Adopted, siblings: Mapping[int, Adopted], now: datetime
) -> None:
    """Give an image to the call that drew it; what that cost is booked once, and not by each that brings it.

    A call all of whose images are here cost what they did: the files of its batch may be gone already. Any other that
    is open is settled when it is collected, with all that it brought, and so is a task of a cluster.
    """
    brought = known["brought"]
    costs = [one.cost for one in siblings.values()]
    if known["is_left"] and all(costs) and siblings.keys() == set(json.loads(known["slots"])):
        brought, cost = len(siblings), MicroUSD(sum(costs))
        writer.db.execute(_END, _call(found.attempt, writer, found, cost, now) | {"brought": brought})
    writer.store(found.attempt, found.image, ZERO)
    if brought:
        share_anew(writer.db, found.attempt)


def _new_id(writer: ImageWriter, found: Adopted) -> str:
    """Return the id of the call that drew an image, or one of its own where nobody knows it, or it is taken."""
    if found.attempt and not writer.db.execute("SELECT 1 FROM attempts WHERE id = ?", (found.attempt,)).fetchone():
        return found.attempt
    calls = "SELECT count(*) FROM attempts WHERE catalogue = ? AND job_key = ?"
    (count,) = writer.db.execute(calls, (writer.catalogue, writer.job_key)).fetchone()
    return f"adopted-{writer.run_id}-{writer.job_key[:16]}-{found.image.slot}-{count}"


def _call(attempt_id: str, writer: ImageWriter, found: Adopted, cost: MicroUSD, now: datetime) -> dict[str, object]:
    drawn = found.drawn or now
    began = found.began if found.began and found.began <= drawn else drawn
    return {
        "id": attempt_id,
        "catalogue": writer.catalogue,
        "run_id": writer.run_id,
        "key": writer.job_key,
        "model": found.wanted.model,
        "provider": found.wanted.provider,
        "slots": dump([found.image.slot]),
        "cost": cost,
        "estimated": int(found.estimated),
        "brought": 1,
        "began": stamp(began),
        "drawn": stamp(drawn),
    }


def _is_booked_elsewhere(writer: ImageWriter, found: Adopted) -> bool:
    """Whether this ledger knows what the image cost from another folder, from which it was moved or copied."""
    same = writer.db.execute(
        "SELECT 1 FROM images WHERE catalogue IN (SELECT DISTINCT catalogue FROM runs WHERE catalogue != ?)"
        " AND job_key = ? AND slot = ? AND sha256 = ?",
        (writer.catalogue, writer.job_key, found.image.slot, found.image.sha256),
    )
    return bool(same.fetchone())
