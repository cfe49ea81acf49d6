"""What people said of images: approved ones are frozen, rejected ones are drawn again, moderated ones get new words.

A decision is in force while the image it was made of is the one in its slot.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import PurePosixPath

from batchgen.ledger.database import LedgerPart
from batchgen.ledger.text import dump, plain, request_from, stamp
from batchgen.model import ImageRequest

IN_FORCE = (
    "r.catalogue = i.catalogue AND r.job_key = i.job_key AND r.slot = i.slot AND r.attempt_id = i.attempt_id"
    " AND i.state = 'stored'"
)
"""Joins `reviews r` to `images i`."""


_APPROVED = f"{IN_FORCE} AND r.decision = 'approved' AND NOT i.superseded"
"""Joins them where an image is frozen: approved, and in its place."""


DOUBT = (
    "EXISTS (SELECT 1 FROM attempts a, json_each(a.slots) asked WHERE a.catalogue = i.catalogue"
    " AND a.job_key = i.job_key AND (a.ended IS NULL OR a.state = 'at_risk') AND a.seq > r.after_seq"
    " AND asked.value = i.slot)"
)
"""Whether a call for the slot that was made since the decision may have been charged."""


class Review(StrEnum):
    """What a person decides about a stored image."""

    APPROVED = "approved"  # frozen: never overwritten, moved or drawn again
    REJECTED = "rejected"  # to be drawn again, with the note as further words


@dataclass(frozen=True, slots=True)
class Judged:
    """A decision about the image with these bytes in a slot of a job; None takes an earlier one back."""

    job_key: str
    slot: int
    sha256: str
    decision: Review | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Approved:
    """A job with approved images in their places; `prompt` the first was drawn with where it was not the job's."""

    key: str
    request: ImageRequest
    images: int
    prompt: str | None = None


class Reworded(StrEnum):
    """What became of other words for the moderated images of a job."""

    CHANGED = "changed"  # they will be drawn with them
    SAME = "same"  # nothing to draw: the words are those that were refused, or nothing is moderated
    UNKNOWN = "unknown"  # no job has this key


class Reviews(LedgerPart):
    """What people said of the images of one output."""

    def record(
        self, decisions: Sequence[Judged], awaited: Callable[[], Collection[str]] = frozenset
    ) -> tuple[str, ...]:
        """Write decisions down in one transaction, later ones over earlier ones.

        Gives for each why it was left out: an image that is not stored, or another one by now. Empty: it was taken.
        `awaited` tells places (without extension) that a paid image is on its way to: nothing is frozen there. It is
        asked within the transaction, so that no call can be reserved in between.
        """
        now = self._database.now()
        with self._database.writing("review") as db:
            places = awaited()
            return tuple(_review(db, self._database.catalogue, one, places, stamp(now)) for one in decisions)

    def decided_since(self, moment: datetime) -> bool:
        """Whether anybody decided about an image since a moment."""
        asked = "SELECT 1 FROM reviews WHERE catalogue = :catalogue AND decided >= :since LIMIT 1"
        return self._database.value(asked, since=stamp(moment)) is not None

    def any_approved(self) -> bool:
        """Whether any approved image is in its place."""
        asked = f"SELECT 1 FROM reviews r CROSS JOIN images i ON {_APPROVED} WHERE r.catalogue = :catalogue LIMIT 1"  # noqa: S608
        return self._database.value(asked) is not None

    def keeps_others(self, run_id: str) -> bool:
        """Whether an approved image keeps a job other than a run wanted it: the next walk says so."""
        found = self._database.value(
            f"SELECT 1 FROM reviews r CROSS JOIN images i ON {_APPROVED}"  # noqa: S608 - our own words
            " CROSS JOIN jobs j ON j.catalogue = i.catalogue AND j.key = i.job_key AND j.last_run IS NOT :run"
            " CROSS JOIN jobs w ON w.catalogue = j.catalogue AND w.id = j.id AND w.last_run = :run"
            " WHERE r.catalogue = :catalogue LIMIT 1",
            run=run_id,
        )
        return found is not None

    def approved(self, ids: Sequence[str]) -> dict[str, tuple[Approved, ...]]:
        """Find jobs with approved images in their places by id, those that were wanted last first."""
        rows = self._database.rows(
            "SELECT j.id, j.key, j.request, count(*) AS images, i.prompt, min(i.slot),"  # noqa: S608 - our own words
            " (SELECT seq FROM runs WHERE runs.catalogue = j.catalogue AND run_id = j.last_run) AS wanted"
            " FROM json_each(:ids) AS id CROSS JOIN jobs j ON j.catalogue = :catalogue AND j.id = id.value"
            " CROSS JOIN reviews r ON r.catalogue = j.catalogue AND r.job_key = j.key"
            f" CROSS JOIN images i ON {_APPROVED} GROUP BY j.key ORDER BY wanted DESC, j.rowid DESC",
            ids=dump(ids),
        )
        found = defaultdict[str, list[Approved]](list)
        for row in rows:
            found[row["id"]].append(Approved(row["key"], request_from(row["request"]), row["images"], row["prompt"]))
        return {name: tuple(jobs) for name, jobs in found.items()}

    def frozen(self, places: Sequence[str]) -> frozenset[str]:
        """Find which of these places (paths without extension) hold an approved image. Give it batches."""
        with self._database.reading() as db:
            return frozen(db, self._database.catalogue, places)

    def rejected(self) -> dict[str, int]:
        """Count rejected images in their places, by the ids of their jobs."""
        rows = self._database.rows(
            f"SELECT j.id, count(*) FROM reviews r CROSS JOIN images i ON {IN_FORCE} AND NOT i.superseded"  # noqa: S608
            " CROSS JOIN jobs j ON j.catalogue = i.catalogue AND j.key = i.job_key"
            " WHERE r.catalogue = :catalogue AND r.decision = 'rejected' GROUP BY j.id"
        )
        return dict(map(tuple, rows))

    def doubted(self) -> frozenset[tuple[str, int]]:
        """Find rejected images (key, slot) for which others may have been paid already."""
        rows = self._database.rows(
            f"SELECT i.job_key, i.slot FROM reviews r CROSS JOIN images i ON {IN_FORCE}"  # noqa: S608 - our own words
            f" WHERE r.catalogue = :catalogue AND r.decision = 'rejected' AND {DOUBT}"
        )
        return frozenset((row["job_key"], row["slot"]) for row in rows)

    def reword(self, prompts: Mapping[str, str]) -> tuple[Reworded, ...]:
        """Give the moderated images of jobs, by key, other words, and free them for another try; one transaction."""
        now = self._database.now()
        with self._database.writing("reword") as db:
            return tuple(
                _reword(db, self._database.catalogue, key, prompt, stamp(now)) for key, prompt in prompts.items()
            )


def frozen(db: sqlite3.Connection, catalogue: str, places: Sequence[str]) -> frozenset[str]:
    """Find which of these places hold an approved image, within a transaction."""
    rows = db.execute(
        "SELECT place.value, i.path FROM json_each(:places) AS place"  # noqa: S608 - our own words
        " CROSS JOIN images i INDEXED BY images_by_path ON i.catalogue = :catalogue"
        " AND i.path > place.value || '.' AND i.path < place.value || '/'"  # `/` comes next after `.`
        f" CROSS JOIN reviews r ON {_APPROVED}",
        {"catalogue": catalogue, "places": dump(places)},
    ).fetchall()
    return frozenset(place for place, path in rows if path.rpartition(".")[0] == place)


def _review(db: sqlite3.Connection, catalogue: str, one: Judged, awaited: Collection[str], now: str) -> str:
    row = db.execute(
        "SELECT state, sha256, path, superseded, attempt_id FROM images"
        " WHERE catalogue = ? AND job_key = ? AND slot = ?",
        (catalogue, one.job_key, one.slot),
    ).fetchone()
    if row is None or row["state"] != "stored":
        return "no such image is stored here"
    if row["sha256"] != one.sha256:
        return "the image is another one by now"
    if row["superseded"]:
        return f"the image stepped aside for another one and lies in {row['path']}"
    if one.decision is Review.APPROVED and str(PurePosixPath(row["path"]).with_suffix("")) in awaited:
        return "another image for its place is paid and on its way: run once, then look again"
    if one.decision is None:
        db.execute(
            "DELETE FROM reviews WHERE catalogue = ? AND job_key = ? AND slot = ? AND attempt_id = ?",
            (catalogue, one.job_key, one.slot, row["attempt_id"]),
        )
        return ""
    db.execute(
        "INSERT INTO reviews (catalogue, job_key, slot, attempt_id, decision, note, decided, after_seq)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, (SELECT ifnull(max(seq), 0) FROM attempts))"
        " ON CONFLICT (catalogue, job_key, slot) DO UPDATE SET"
        " attempt_id = excluded.attempt_id, decision = excluded.decision, note = excluded.note,"
        " decided = excluded.decided, after_seq = excluded.after_seq"
        # The same word once more is no new decision.
        " WHERE (attempt_id, decision, note) != (excluded.attempt_id, excluded.decision, excluded.note)",
        (catalogue, one.job_key, one.slot, row["attempt_id"], one.decision.value, plain(one.note), now),
    )
    return ""


def _reword(db: sqlite3.Connection, catalogue: str, key: str, prompt: str, now: str) -> Reworded:
    job = db.execute("SELECT prompt FROM jobs WHERE catalogue = ? AND key = ?", (catalogue, key)).fetchone()
    if job is None:
        return Reworded.UNKNOWN
    rows = db.execute(
        "SELECT slot, state, prompt FROM images WHERE catalogue = ? AND job_key = ?"
        " AND (state = 'moderated' OR (state = 'not_started' AND url IS NULL AND prompt IS NOT NULL))",
        (catalogue, key),
    ).fetchall()
    if same_words(job["prompt"], prompt):
        return Reworded.SAME
    others = [row["slot"] for row in rows if not same_words(row["prompt"] or "", prompt)]
    db.executemany(
        "UPDATE images SET state = 'not_started', reason_code = 'reworded', reason_cause = '', reason_detail = '',"
        " prompt = ?, changed = ?"
        " WHERE catalogue = ? AND job_key = ? AND slot = ?",
        [(prompt, now, catalogue, key, slot) for slot in others],
    )
    begun = any(row["state"] == "not_started" for row in rows)  # by an earlier run that did not come to its end
    return Reworded.CHANGED if others or begun else Reworded.SAME


def same_words(one: str, other: str) -> bool:
    """Whether two prompts say the same; blanks and line ends, which spreadsheets change, say nothing."""
    return one.split() == other.split()
