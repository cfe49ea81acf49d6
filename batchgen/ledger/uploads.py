"""Input images that providers have already, by what is in them."""

from datetime import datetime, timedelta

from batchgen.ledger.database import LedgerPart
from batchgen.ledger.learned_limits import key_mark
from batchgen.ledger.text import moment, stamp

MARGIN = timedelta(hours=25)
"""How long an uploaded image must last at least: a batch may take a day."""

Where = tuple[str, str, str | None]
"""A provider, its address, and the key."""


class Uploads(LedgerPart):
    """What was uploaded, whatever output it was for."""

    def of(self, where: Where, sha256: str) -> tuple[str, datetime | None] | None:
        """Return the id under which the provider has the image for long enough, and when it deletes it."""
        provider, base_url, key = where
        with self._database.reading() as db:
            row = db.execute(
                "SELECT file_id, expires FROM uploads"
                " WHERE provider = ? AND base_url = ? AND key_mark = ? AND sha256 = ?"
                " AND (expires IS NULL OR expires > ?)",
                (provider, base_url, key_mark(key), sha256, stamp(self._database.now() + MARGIN)),
            ).fetchone()
        return (str(row["file_id"]), row["expires"] and moment(row["expires"])) if row else None

    def keep(self, where: Where, sha256: str, file_id: str, expires: datetime | None) -> None:
        """Write down what an image is called at its provider."""
        provider, base_url, key = where
        with self._database.writing("upload") as db:
            db.execute(
                "INSERT OR REPLACE INTO uploads VALUES (?, ?, ?, ?, ?, ?)",
                (provider, base_url, key_mark(key), sha256, file_id, expires and stamp(expires)),
            )
