"""How each image came about: the request, the call and what it cost, for a file beside the image."""

from dataclasses import replace

from batchgen.ledger.database import Database
from batchgen.ledger.report_rows import SidecarRow
from batchgen.ledger.text import request_from
from batchgen.model import ImageRequest

_IMAGES = """
SELECT i.path, j.id AS job_id, i.job_key, i.slot, j.request, i.sha256, i.bytes, i.width, i.height, i.format, i.flags,
    i.cost AS cost_micro_usd, a.estimated, a.model, a.provider, j.size, j.quality, a.id AS attempt_id, a.run_id,
    a.ended AS drawn, a.request_id, a.asked, a.cost AS call_micro_usd, a.usage, a.echo, a.price, r.version,
    a.prompt AS said
FROM images i JOIN jobs j ON j.catalogue = i.catalogue AND j.key = i.job_key JOIN attempts a ON a.id = i.attempt_id
    JOIN runs r ON r.catalogue = a.catalogue AND r.run_id = a.run_id
WHERE i.catalogue = :catalogue AND i.path IS NOT NULL AND i.sha256 IS NOT NULL AND i.fault != 'overwritten'
"""


def of_call(book: Database, attempt_id: str) -> tuple[SidecarRow, ...]:
    """Tell it of the images that one call brought."""
    with book.reading() as db:
        rows = db.execute(
            f"{_IMAGES} AND i.attempt_id = :attempt ORDER BY i.slot",
            {"catalogue": book.catalogue, "attempt": attempt_id},
        ).fetchall()
    return tuple(SidecarRow._make(row[:-1])._replace(request=_sent(row["request"], row["said"])) for row in rows)


def _sent(request: str, said: str | None) -> ImageRequest:
    """What was asked for, in the words of this call."""
    asked = request_from(request)
    return asked if said is None else replace(asked, prompt=said)


def places(book: Database) -> tuple[tuple[str, str, str], ...]:
    """List every image by path, hash and the call that brought it."""
    with book.reading() as db:
        rows = db.execute(
            "SELECT path, sha256, attempt_id FROM images WHERE catalogue = ? AND path IS NOT NULL"
            " AND sha256 IS NOT NULL AND attempt_id IS NOT NULL AND fault != 'overwritten' ORDER BY path",
            (book.catalogue,),
        ).fetchall()
    return tuple((row["path"], row["sha256"], row["attempt_id"]) for row in rows)
