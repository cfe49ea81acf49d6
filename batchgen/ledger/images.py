"""Where stored images lie, and what is wrong with their files."""

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from batchgen.ledger.attempts import slots_of
from batchgen.ledger.database import Database
from batchgen.ledger.records import Aside, RecordedImage
from batchgen.ledger.reviews import IN_FORCE
from batchgen.ledger.text import dump, words

_BY_PATH = "INDEXED BY images_by_path"
"""Without a word, SQLite looks at every image of the catalogue for each path."""
_FROZEN = f"(SELECT 1 FROM reviews r WHERE {IN_FORCE} AND r.decision = 'approved')"  # noqa: S608 - our own words


def fault(book: Database, image: RecordedImage, fault: str) -> None:
    """Note what is wrong with a file."""
    with book.writing("fault") as db:
        db.execute(
            "UPDATE images SET fault = ? WHERE catalogue = ? AND job_key = ? AND slot = ?",
            (fault, book.catalogue, image.job_key, image.slot),
        )


def moved(book: Database, job_key: str, slot: int, path: str) -> None:
    """Give a stored image another path."""
    with book.writing("moved") as db:
        db.execute(
            "UPDATE images SET path = ?, fault = '' WHERE catalogue = ? AND job_key = ? AND slot = ?",
            (path, book.catalogue, job_key, slot),
        )


def owner(book: Database, path: str) -> str | None:
    """Find the key of the job whose stored image stands at a path."""
    with book.reading() as db:
        row = db.execute(
            f"SELECT job_key FROM images {_BY_PATH} WHERE catalogue = ? AND path = ? AND state = 'stored'"  # noqa: S608
            " ORDER BY fault = 'overwritten', changed DESC",
            (book.catalogue, path),
        ).fetchone()
    return row and str(row["job_key"])


def job_status(book: Database, places: Sequence[str]) -> dict[str, str]:
    """Find the keys of the jobs whose stored images stand at places, whatever their formats."""
    with book.reading() as db:
        rows = db.execute(
            "SELECT place.value, i.path, i.job_key FROM json_each(?) AS place"  # noqa: S608 - our own words
            f" CROSS JOIN images i {_BY_PATH} ON i.catalogue = ?"
            " AND i.path > place.value || '.' AND i.path < place.value || '/'"  # `/` comes next after `.`
            " WHERE i.state = 'stored' AND i.fault != 'overwritten'",
            (dump(places), book.catalogue),
        ).fetchall()
    return {place: key for place, path, key in rows if path.rpartition(".")[0] == place}


def outlived(book: Database, run_id: str) -> tuple[tuple[str, int, str], ...]:
    """List images (key, slot, path) still in `images/` whose job was changed, where the new image is stored."""
    with book.reading() as db:
        rows = db.execute(
            "SELECT i.job_key, i.slot, i.path FROM images i"  # noqa: S608 - our own words
            " JOIN jobs j ON j.catalogue = i.catalogue AND j.key = i.job_key AND j.last_run IS NOT :run"
            " WHERE i.catalogue = :catalogue AND i.state = 'stored' AND i.path > 'images/' AND i.path < 'images0'"
            f" AND i.fault = '' AND NOT EXISTS {_FROZEN}"
            " AND EXISTS (SELECT 1 FROM jobs n JOIN images w ON w.catalogue = n.catalogue"
            "  AND w.job_key = n.key AND w.slot = i.slot AND w.state = 'stored' AND w.path != i.path"
            "  WHERE n.catalogue = i.catalogue AND n.id = j.id AND n.key != j.key AND n.last_run = :run)",
            {"catalogue": book.catalogue, "run": run_id},
        ).fetchall()
    return tuple((row["job_key"], row["slot"], row["path"]) for row in rows)


def left_behind(book: Database) -> tuple[tuple[str, int, str], ...]:
    """List images (key, slot, path) whose slots were taken by others that stand elsewhere."""
    with book.reading() as db:
        rows = db.execute(
            "SELECT job_key, slot, before FROM images WHERE catalogue = ? AND before IS NOT NULL AND state = 'stored'",
            (book.catalogue,),
        ).fetchall()
        return tuple(
            (row["job_key"], row["slot"], row["before"]) for row in rows if not _owned(db, book, row["before"])
        )


def _owned(db: sqlite3.Connection, book: Database, path: str) -> bool:
    found = db.execute(
        f"SELECT 1 FROM images {_BY_PATH} WHERE catalogue = ? AND path = ? AND state = 'stored'",  # noqa: S608
        (book.catalogue, path),
    )
    return found.fetchone() is not None


def cleared(book: Database, job_key: str, slot: int) -> None:
    """Forget what stood in a slot before."""
    with book.writing("cleared") as db:
        db.execute(
            "UPDATE images SET before = NULL WHERE catalogue = ? AND job_key = ? AND slot = ?",
            (book.catalogue, job_key, slot),
        )


def any_stored(book: Database) -> bool:
    """Look for one stored image."""
    with book.reading() as db:
        found = db.execute("SELECT 1 FROM images WHERE catalogue = ? AND state = 'stored' LIMIT 1", (book.catalogue,))
        return found.fetchone() is not None


def aside(book: Database, run_id: str) -> tuple[Aside, ...]:
    """List wanted images that lie in `superseded/`, except where another wanted job's image stands."""
    with book.reading() as db:
        rows = db.execute(
            "SELECT i.job_key, i.slot, i.path, i.sha256, a.slots, a.paths FROM images i"
            " JOIN jobs j ON j.catalogue = i.catalogue AND j.key = i.job_key JOIN attempts a ON a.id = i.attempt_id"
            " WHERE i.catalogue = ? AND i.path > 'superseded/' AND i.path < 'superseded0' AND i.state = 'stored'"
            " AND j.last_run = ? AND i.slot < j.n AND a.paths != '[]' ORDER BY j.seq, i.slot",
            (book.catalogue, run_id),
        ).fetchall()
        return tuple(_aside(db, book.catalogue, run_id, rows))


def _aside(db: sqlite3.Connection, catalogue: str, run_id: str, rows: Sequence[sqlite3.Row]) -> Iterator[Aside]:
    for row in rows:
        drawn_to = PurePosixPath(words(row["paths"])[slots_of(row).index(row["slot"])])
        place = f"images/{drawn_to.with_suffix(PurePosixPath(row['path']).suffix)}"
        owner = db.execute(
            f"SELECT i.job_key, j.last_run, EXISTS {_FROZEN} AS frozen FROM images i {_BY_PATH}"  # noqa: S608
            " JOIN jobs j ON j.catalogue = i.catalogue AND j.key = i.job_key"
            " WHERE i.catalogue = ? AND i.path = ? AND i.state = 'stored'",
            (catalogue, place),
        ).fetchone()
        if owner is None or (owner["last_run"] != run_id and not owner["frozen"]):
            yield Aside(row["job_key"], row["slot"], row["path"], place, row["sha256"], owner and owner["job_key"])


def returned(book: Database, image: Aside, gone: str | None) -> None:
    """Note that an image is back in its place, and where the one went that stood there."""
    with book.writing("returned") as db:
        db.execute(
            "UPDATE images SET path = ifnull(?, path), fault = CASE WHEN ? IS NULL THEN 'overwritten' ELSE fault END"
            " WHERE catalogue = ? AND path = ?",
            (gone, gone, book.catalogue, image.place),
        )
        db.execute(
            "UPDATE images SET path = ?, fault = '' WHERE catalogue = ? AND job_key = ? AND slot = ?",
            (image.place, book.catalogue, image.job_key, image.slot),
        )
