"""Where stored pictures lie, and what is wrong with their files."""

from collections.abc import Sequence

from batchgen.ledger.book import Book
from batchgen.ledger.records import StoredImage
from batchgen.ledger.text import dump


def fault(book: Book, image: StoredImage, fault: str) -> None:
    """Note what is wrong with a file."""
    with book.writing("fault") as db:
        db.execute(
            "UPDATE images SET fault = ? WHERE catalogue = ? AND job_key = ? AND slot = ?",
            (fault, book.catalogue, image.job_key, image.slot),
        )


def moved(book: Book, job_key: str, slot: int, path: str) -> None:
    """Give a stored picture another path."""
    with book.writing("moved") as db:
        db.execute(
            "UPDATE images SET path = ?, fault = '' WHERE catalogue = ? AND job_key = ? AND slot = ?",
            (path, book.catalogue, job_key, slot),
        )


def owner(book: Book, path: str) -> str | None:
    """Find the key of the job whose stored picture stands at a path."""
    with book.reading() as db:
        row = db.execute(
            "SELECT job_key FROM images WHERE catalogue = ? AND path = ? AND state = 'stored'"
            " ORDER BY fault = 'overwritten', changed DESC",
            (book.catalogue, path),
        ).fetchone()
    return row and str(row["job_key"])


def standing(book: Book, places: Sequence[str]) -> dict[str, str]:
    """Find the keys of the jobs whose stored pictures stand at places, whatever their formats."""
    with book.reading() as db:
        rows = db.execute(
            "SELECT place.value, i.path, i.job_key FROM json_each(?) AS place JOIN images i ON i.catalogue = ?"
            " AND i.path > place.value || '.' AND i.path < place.value || '/'"  # `/` comes next after `.`
            " WHERE i.state = 'stored' AND i.fault != 'overwritten'",
            (dump(places), book.catalogue),
        ).fetchall()
    return {place: key for place, path, key in rows if path.rpartition(".")[0] == place}


def any_stored(book: Book) -> bool:
    """Look for one stored picture."""
    with book.reading() as db:
        found = db.execute("SELECT 1 FROM images WHERE catalogue = ? AND state = 'stored' LIMIT 1", (book.catalogue,))
        return found.fetchone() is not None
