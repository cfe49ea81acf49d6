"""Writing images within a transaction: their slots, their places and their shares of what a call cost."""

import sqlite3
from collections.abc import Mapping
from datetime import datetime
from operator import attrgetter

from batchgen.ledger.text import dump, reason_columns, stamp
from batchgen.model import Reason, RemoteImage, SlotState, StoredImage
from batchgen.money import MicroUSD, split

_FACTS = attrgetter("path", "sha256", "bytes", "width", "height", "format")
Marks = Mapping[int, tuple[SlotState, Reason]]


class ImageWriter:
    """Writes images within one transaction: whose they are and when that happens does not change."""

    def __init__(self, db: sqlite3.Connection, catalogue: str, job_key: str, run_id: str | None, now: datetime) -> None:
        self.db = db
        self.catalogue = catalogue
        self.job_key = job_key
        self.run_id = run_id
        self.now = stamp(now)

    def mark(self, marks: Marks) -> None:
        """Give slots a state and its reason; a paid image that waits for its download is no longer waited for."""
        self.db.executemany(
            "INSERT INTO images (catalogue, job_key, slot, state, reason_code, reason_cause, reason_detail, run_id,"
            " changed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (catalogue, job_key, slot) DO UPDATE SET state = excluded.state,"
            " reason_code = excluded.reason_code, reason_cause = excluded.reason_cause,"
            " reason_detail = excluded.reason_detail, run_id = excluded.run_id, changed = excluded.changed, url = NULL",
            [
                (self.catalogue, self.job_key, slot, state.value, *reason_columns(reason), self.run_id, self.now)
                for slot, (state, reason) in marks.items()
            ],
        )

    def doubt(self, slots: tuple[int, ...], reason: Reason) -> None:
        """Make slots uncertain, except those that are stored or wait for their download."""
        safe = {
            slot
            for (slot,) in self.db.execute(
                "SELECT slot FROM images WHERE catalogue = ? AND job_key = ?"
                " AND (state = 'stored' OR (state = 'not_started' AND url IS NOT NULL))",
                (self.catalogue, self.job_key),
            )
        }
        self.mark({slot: (SlotState.UNCERTAIN, reason) for slot in slots if slot not in safe})

    def store(self, attempt_id: str, image: StoredImage, cost: MicroUSD) -> None:
        """Put an image in its slot; another job's image that lay at its path has moved."""
        before = self._make_way(attempt_id, image) if self._is_taken(image) else None
        whose = (self.catalogue, self.job_key, image.slot, attempt_id, self.run_id, cost)
        said = (dump(image.mismatches), self.now, image.e_tag, attempt_id, before, image.path)
        self.db.execute(
            "INSERT OR REPLACE INTO images (catalogue, job_key, slot, state, attempt_id, run_id, cost, path, sha256,"
            " bytes, width, height, format, mismatches, changed, e_tag, prompt, before)"
            " VALUES (?, ?, ?, 'stored', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
            " (SELECT prompt FROM attempts WHERE id = ?), nullif(?, ?))",
            (*whose, *_FACTS(image), *said),
        )

    def await_download(self, attempt_id: str, remote: RemoteImage) -> None:
        """Write a paid image's address down; from now on its slot is never drawn again by itself."""
        before = self._remember(attempt_id, remote.slot)
        whose = (self.catalogue, self.job_key, remote.slot, attempt_id, self.run_id)
        url, expires = remote.url.encode("utf-8", "replace").decode(), remote.expires and stamp(remote.expires)
        self.db.execute(
            "INSERT OR REPLACE INTO images (catalogue, job_key, slot, state, attempt_id, run_id, url, expires,"
            " changed, prompt, before)"
            " VALUES (?, ?, ?, 'not_started', ?, ?, ?, ?, ?, (SELECT prompt FROM attempts WHERE id = ?), ?)",
            (*whose, url, expires, self.now, attempt_id, before),
        )

    def _is_taken(self, image: StoredImage) -> bool:
        """Whether something is known of the slot or of the path of an image that came."""
        sql = (
            "SELECT EXISTS (SELECT 1 FROM images WHERE catalogue = ?1 AND job_key = ?2 AND slot = ?3)"
            " OR EXISTS (SELECT 1 FROM images WHERE catalogue = ?1 AND path = ?4)"
        )
        (taken,) = self.db.execute(sql, (self.catalogue, self.job_key, image.slot, image.path)).fetchone()
        return bool(taken)

    def _make_way(self, attempt_id: str, image: StoredImage) -> str | None:
        """Say where another job's image went that lay at the path of this one; gives what stands in the slot."""
        self.db.execute(
            "UPDATE images SET path = ifnull(:gone, path), superseded = :gone IS NOT NULL,"
            " fault = CASE WHEN :gone IS NULL THEN 'overwritten' ELSE fault END"
            " WHERE catalogue = :catalogue AND path = :path AND NOT (job_key = :key AND slot = :slot)",
            {
                "gone": image.replaces,
                "catalogue": self.catalogue,
                "path": image.path,
                "key": self.job_key,
                "slot": image.slot,
            },
        )
        before = self._remember(attempt_id, image.slot)
        if image.replaces is not None:
            self.db.execute(
                "UPDATE earlier SET path = ? WHERE catalogue = ? AND job_key = ? AND slot = ? AND path = ?",
                (image.replaces, self.catalogue, self.job_key, image.slot, image.path),
            )
        return before

    def _remember(self, attempt_id: str, slot: int) -> str | None:
        """Keep what is known of the image that another call's image takes the slot of; gives where it stands."""
        self.db.execute(
            "INSERT OR IGNORE INTO earlier SELECT catalogue, job_key, slot, attempt_id, path, sha256, format"
            " FROM images WHERE catalogue = ? AND job_key = ? AND slot = ? AND state = 'stored' AND attempt_id != ?",
            (self.catalogue, self.job_key, slot, attempt_id),
        )
        standing: tuple[str | None] | None = self.db.execute(
            "SELECT ifnull(path, before) FROM images WHERE catalogue = ? AND job_key = ? AND slot = ?"
            " AND NOT superseded",
            (self.catalogue, self.job_key, slot),
        ).fetchone()
        return standing[0] if standing else None


def slots_of(row: sqlite3.Row) -> tuple[int, ...]:
    """Return the slots that a call was made for."""
    return tuple(map(int, row["slots"].strip("[]").split(",")))


def share_anew(db: sqlite3.Connection, attempt_id: str) -> None:
    """Split what a call cost over the images that came of it, once another one is here; the remainder to the first.

    What waits or is lost takes no share. One that was drawn again came too: it is in no row, and its share is waste.
    Where more are adopted than it is known to have brought, all that are here share it.
    """
    paid, brought = db.execute("SELECT cost, brought FROM attempts WHERE id = ?", (attempt_id,)).fetchone()
    rows = db.execute(
        "SELECT slot, path IS NOT NULL FROM images WHERE attempt_id = ? ORDER BY slot", (attempt_id,)
    ).fetchall()
    here = [slot for slot, came in rows if came]
    shares = split(MicroUSD(paid), len(here) + max(0, brought - len(rows)))
    db.executemany(
        "UPDATE images SET cost = ? WHERE attempt_id = ? AND slot = ?",
        [(share, attempt_id, slot) for share, slot in zip(shares, here, strict=False)],
    )
