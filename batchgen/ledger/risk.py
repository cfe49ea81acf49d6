"""Calls that nobody saw the end of, paid images that still wait, and the decisions about both."""

import sqlite3
from collections.abc import Iterator, Sequence
from datetime import datetime

from batchgen.ledger.attempts import ImageWriter, open_attempt, share_anew, slots_of
from batchgen.ledger.database import Database
from batchgen.ledger.records import AttemptRow, Decision, Held, PendingDownload
from batchgen.ledger.rows import ATTEMPTS, attempt_from
from batchgen.ledger.text import dump, moment, plain, request_from, stamp, words
from batchgen.model import SlotState, StoredImage
from batchgen.money import ZERO, MicroUSD


def attempt(book: Database, attempt_id: str) -> AttemptRow | None:
    """Look one call up."""
    with book.reading() as db:
        row = db.execute(f"{ATTEMPTS} AND a.id = :id", {"catalogue": book.catalogue, "id": attempt_id}).fetchone()
    return row and attempt_from(row)


def orphans(book: Database) -> tuple[AttemptRow, ...]:
    """List the calls that are under way as far as the ledger knows."""
    with book.reading() as db:
        rows = db.execute(
            f"{ATTEMPTS} AND a.state = 'dispatched' ORDER BY a.started", {"catalogue": book.catalogue}
        ).fetchall()
    return tuple(map(attempt_from, rows))


def to_at_risk(book: Database, attempt_id: str, why: str, now: datetime) -> None:
    """Turn a reservation into risk."""
    with book.writing("risk") as db:
        row = open_attempt(db, book.catalogue, attempt_id)
        db.execute(
            "UPDATE attempts SET state = 'at_risk', at_risk = at_risk + reserved, reserved = 0, ended = ?, code = ?,"
            " message = ? WHERE id = ?",
            (stamp(now), "orphan", plain(why), attempt_id),
        )
        page = ImageWriter(db, book.catalogue, row["job_key"], row["run_id"], now)
        page.doubt(slots_of(row), plain(f"may have been charged: {why}"))


# Images that wait at an address


def downloads(book: Database) -> tuple[PendingDownload, ...]:
    """List what is paid and not here, the soonest to expire first."""
    with book.reading() as db:
        rows = db.execute(
            "SELECT i.*, a.slots, a.paths, a.provider, a.cost AS paid, a.run_id AS drawn_by, j.id AS job_id, j.request,"
            " (SELECT iif(json_valid(command), json_extract(command, '$.base_url'), NULL) FROM runs r"
            " WHERE r.catalogue = i.catalogue AND r.run_id = a.run_id) AS base_url FROM images i"
            " JOIN attempts a ON a.id = i.attempt_id"
            " JOIN jobs j ON j.catalogue = i.catalogue AND j.key = i.job_key"
            " WHERE i.catalogue = ? AND i.url IS NOT NULL AND i.state = 'not_started'"
            " ORDER BY i.expires IS NULL, i.expires, a.started, i.slot",
            (book.catalogue,),
        ).fetchall()
        return tuple(_pending(db, row) for row in rows)


def _pending(db: sqlite3.Connection, row: sqlite3.Row) -> PendingDownload:
    place = place_of(row, row["slot"])
    return PendingDownload(
        attempt_id=row["attempt_id"],
        run_id=row["drawn_by"],
        job_key=row["job_key"],
        job_id=row["job_id"],
        slot=row["slot"],
        url=row["url"],
        expires=moment(row["expires"]),
        place=place,
        call_cost=MicroUSD(row["paid"]),
        provider=row["provider"],
        base_url=row["base_url"],
        tries=row["tries"],
        reason=row["reason"],
        request=request_from(row["request"]),
        replaces=_in_its_place(db, row, place),
    )


def _in_its_place(db: sqlite3.Connection, row: sqlite3.Row, place: str) -> str | None:
    """Find the job whose image a waiting one takes the place of: any other one, or itself drawn again."""
    stem = f"images/{place.rpartition('.')[0]}"
    job_status = db.execute(
        "SELECT path, job_key FROM images"
        " WHERE catalogue = ? AND state = 'stored' AND path > ? AND path < ?"  # `/` comes next after `.`
        " AND NOT (job_key = ? AND slot = ?)",
        (row["catalogue"], f"{stem}.", f"{stem}/", row["job_key"], row["slot"]),
    )
    for other in job_status:
        if other["path"].rpartition(".")[0] == stem:
            return str(other["job_key"])
    before = "SELECT 1 FROM attempts WHERE catalogue = ? AND job_key = ? AND state = 'settled' AND id <> ?"
    again = db.execute(before, (row["catalogue"], row["job_key"], row["attempt_id"])).fetchone()
    return str(row["job_key"]) if again else None


def place_of(row: sqlite3.Row, slot: int) -> str:
    """Where a call wanted the image of a slot to go, with `ext` for the extension."""
    return words(row["paths"])[slots_of(row).index(slot)]


def downloaded(book: Database, download: PendingDownload, image: StoredImage, now: datetime) -> None:
    """Store an image that was waited for; from now on it bears a share of what its call cost."""
    with book.writing("downloaded") as db:
        page = ImageWriter(db, book.catalogue, download.job_key, download.run_id, now)
        page.store(download.attempt_id, image, ZERO)
        share_anew(db, download.attempt_id)


def postponed(book: Database, download: PendingDownload, why: str) -> None:
    """Count a failed download."""
    with book.writing("postponed") as db:
        db.execute(
            "UPDATE images SET tries = tries + 1, reason = ? WHERE catalogue = ? AND job_key = ? AND slot = ?",
            (plain(why), book.catalogue, download.job_key, download.slot),
        )


def lost(book: Database, download: PendingDownload, why: str, now: datetime) -> None:
    """Give a paid image up."""
    with book.writing("lost") as db:
        page = ImageWriter(db, book.catalogue, download.job_key, download.run_id, now)
        page.mark({download.slot: (SlotState.LOST_PAID, why)})


# Jobs that are held


def held(book: Database) -> tuple[Held, ...]:
    """List jobs with uncertain images."""
    with book.reading() as db:
        return tuple(_held(db, book.catalogue))


def _held(db: sqlite3.Connection, catalogue: str) -> Iterator[Held]:
    rows = db.execute(
        "SELECT j.id, j.key, json_group_array(i.slot) AS slots, min(i.changed) AS since, max(i.reason) AS why,"
        " (SELECT ifnull(sum(at_risk), 0) FROM attempts a WHERE a.catalogue = j.catalogue AND a.job_key = j.key)"
        " AS at_risk FROM images i JOIN jobs j ON j.catalogue = i.catalogue AND j.key = i.job_key"
        " WHERE i.catalogue = ? AND i.state = 'uncertain' GROUP BY j.key ORDER BY since, j.seq",
        (catalogue,),
    )
    for row in rows:
        since = moment(row["since"])
        assert since is not None
        slots = tuple(sorted(slots_of(row)))
        yield Held(row["id"], row["key"], slots, MicroUSD(row["at_risk"]), since, row["why"])


def resolve(book: Database, job_ids: Sequence[str], decision: Decision, now: datetime) -> tuple[Held, ...]:
    """Free uncertain images for another try, or give them up."""
    state = SlotState.NOT_STARTED if decision is Decision.RETRY else SlotState.FAILED
    with book.writing("resolve") as db:
        decided = tuple(one for one in _held(db, book.catalogue) if one.job_id in set(job_ids))
        for one in decided:
            page = ImageWriter(db, book.catalogue, one.job_key, None, now)
            page.mark(dict.fromkeys(one.slots, (state, f"resolved by hand ({decision}): {one.why}")))
        keys = dump([one.job_key for one in decided])
        db.execute(
            "UPDATE attempts SET note = ? WHERE catalogue = ? AND state = 'at_risk'"
            " AND job_key IN (SELECT value FROM json_each(?))",
            (f"resolved by hand: {decision}", book.catalogue, keys),
        )
    return decided
