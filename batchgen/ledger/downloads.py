"""Paid images that wait at an address."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from batchgen.ledger.database import LedgerPart
from batchgen.ledger.image_writer import ImageWriter, share_anew, slots_of
from batchgen.ledger.text import reader, reason_columns, reason_from, words
from batchgen.model import NO_REASON, ImageRequest, Reason, SlotState, StoredImage
from batchgen.money import ZERO, MicroUSD


@dataclass(frozen=True, slots=True)
class PendingDownload:
    """A paid image that waits at an address; `path` as in `AttemptRow.paths`. `tries` counts failed downloads.

    `base_url` is where its provider was when it was drawn, if it had an address of its own. `request` is what was asked
    for; `replaces` is the key of the job whose image may stand where this one goes. `call_cost` is of its whole call.
    `refused`: our rules kept it from its address before; it counts as lost until they let it come.
    """

    attempt_id: str
    run_id: str
    job_key: str
    job_id: str
    slot: int
    url: str
    expires: datetime | None
    place: str
    call_cost: MicroUSD
    provider: str
    request: ImageRequest
    base_url: str | None = None
    tries: int = 0
    reason: Reason = NO_REASON
    replaces: str | None = None
    refused: bool = False

    def path(self, ext: str) -> str:
        """Where the image goes, below `images/`, for a real extension without dot."""
        stem, _, _ = self.place.rpartition(".")
        return f"{stem}.{ext}"


_read = reader(PendingDownload)


class Downloads(LedgerPart):
    """The paid images of one output that wait at an address."""

    def waiting(self) -> tuple[PendingDownload, ...]:
        """Paid images that wait at an address, the soonest to expire first."""
        return self._rows("i.state = 'not_started'", "INDEXED BY images_pending")

    def refused(self) -> tuple[PendingDownload, ...]:
        """Paid images that our rules kept away from their addresses: other rules may let them come."""
        return self._rows("i.state = 'lost_paid'")

    def _rows(self, which: str, index: str = "") -> tuple[PendingDownload, ...]:
        with self._database.reading() as db:
            rows = self._database.rows(
                "SELECT i.attempt_id, a.run_id, i.job_key, j.id AS job_id, i.slot, i.url, i.expires, a.provider,"  # noqa: S608
                " a.cost AS call_cost, i.tries, j.request, i.state = 'lost_paid' AS refused, i.catalogue, a.slots,"
                " a.paths, i.reason_code, i.reason_cause, i.reason_detail,"
                " (SELECT iif(json_valid(command), json_extract(command, '$.base_url'), NULL) FROM runs r"
                " WHERE r.catalogue = i.catalogue AND r.run_id = a.run_id) AS base_url"
                f" FROM images i {index} JOIN attempts a ON a.id = i.attempt_id"
                " JOIN jobs j ON j.catalogue = i.catalogue AND j.key = i.job_key"
                f" WHERE i.catalogue = :catalogue AND i.url IS NOT NULL AND {which}"
                " ORDER BY i.expires IS NULL, i.expires, a.seq, i.slot"
            )
            return tuple(_pending(db, row) for row in rows)

    def store(self, download: PendingDownload, image: StoredImage) -> None:
        """Note that a waiting image is in place; its call's cost is split anew."""
        now = self._database.now()
        with self._database.writing("downloaded") as db:
            writer = ImageWriter(db, self._database.catalogue, download.job_key, download.run_id, now)
            writer.store(download.attempt_id, image, ZERO)
            share_anew(db, download.attempt_id)

    def postpone(self, download: PendingDownload, reason: Reason) -> None:
        """Note that a download failed and may be tried again, also where our rules had refused it before."""
        code, cause, detail = reason_columns(reason)
        sql = (
            "UPDATE images SET state = 'not_started', tries = tries + 1, reason_code = :code, reason_cause = :cause,"
            " reason_detail = :detail WHERE catalogue = :catalogue AND job_key = :key AND slot = :slot"
        )
        told = {"code": code, "cause": cause, "detail": detail}
        self._database.change("postponed", sql, key=download.job_key, slot=download.slot, **told)

    def lose(self, download: PendingDownload, reason: Reason, *, refused: bool = False) -> None:
        """Note that a paid image can never be had; one that our rules refuse keeps its address."""
        now = self._database.now()
        with self._database.writing("lost") as db:
            writer = ImageWriter(db, self._database.catalogue, download.job_key, download.run_id, now)
            writer.mark({download.slot: (SlotState.LOST_PAID, reason)})
            if refused:
                db.execute(
                    "UPDATE images SET url = ? WHERE catalogue = ? AND job_key = ? AND slot = ?",
                    (download.url, self._database.catalogue, download.job_key, download.slot),
                )


def _pending(db: sqlite3.Connection, row: sqlite3.Row) -> PendingDownload:
    place = words(row["paths"])[slots_of(row).index(row["slot"])]
    reason = reason_from(row["reason_code"], row["reason_cause"], row["reason_detail"])
    return _read(row, place=place, reason=reason, replaces=_in_its_place(db, row, place))


def _in_its_place(db: sqlite3.Connection, row: sqlite3.Row, place: str) -> str | None:
    """Find the job whose image a waiting one takes the place of: any other one, or itself drawn again."""
    stem = f"images/{place.rpartition('.')[0]}"
    others = db.execute(
        "SELECT path, job_key FROM images"
        " WHERE catalogue = ? AND state = 'stored' AND path > ? AND path < ?"  # `/` comes next after `.`
        " AND NOT (job_key = ? AND slot = ?)",
        (row["catalogue"], f"{stem}.", f"{stem}/", row["job_key"], row["slot"]),
    )
    for other in others:
        if other["path"].rpartition(".")[0] == stem:
            return str(other["job_key"])
    before = "SELECT 1 FROM attempts WHERE catalogue = ? AND job_key = ? AND state = 'settled' AND id <> ?"
    again = db.execute(before, (row["catalogue"], row["job_key"], row["attempt_id"])).fetchone()
    return str(row["job_key"]) if again else None
