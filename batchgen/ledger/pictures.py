"""Where stored pictures lie, and what is wrong with their files."""

from batchgen.ledger.book import Book
from batchgen.ledger.records import StoredImage


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
