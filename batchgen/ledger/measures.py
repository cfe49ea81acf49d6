"""What was measured on stored images, and which checks they fail."""

import json
from collections.abc import Collection, Iterable

from batchgen.ledger.database import LedgerPart
from batchgen.ledger.reviews import IN_FORCE
from batchgen.model import Measured


class Measures(LedgerPart):
    """The measures of one output's images, by hash: an image that moves keeps them."""

    def known(self, asked: str) -> frozenset[str]:
        """Name the images that were measured by these checks."""
        sql = "SELECT sha256 FROM measures WHERE catalogue = :catalogue AND asked = :asked"
        rows = self._database.rows(sql, asked=asked)
        return frozenset(sha256 for (sha256,) in rows)

    def keep(self, asked: str, found: Iterable[tuple[str, Measured]]) -> bool:
        """Write down what was measured, in place of what other checks had measured; whether there was anything."""
        rows = [
            (
                self._database.catalogue,
                sha256,
                asked,
                one.border_off,
                one.margin,
                one.sharpness,
                one.looks,
                json.dumps([flag.value for flag in one.flags]),
            )
            for sha256, one in found
        ]
        if rows:
            with self._database.writing("measures") as db:
                db.executemany("INSERT OR REPLACE INTO measures VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)", rows)
        return bool(rows)

    def looks(self, hashes: Collection[str]) -> dict[str, str]:
        """Say how images look, by hash, as far as they were measured."""
        rows = self._database.rows(
            "SELECT sha256, looks FROM measures WHERE catalogue = :catalogue"
            " AND sha256 IN (SELECT value FROM json_each(:hashes))",
            hashes=json.dumps(list(hashes)),
        )
        return dict(map(tuple, rows))

    def failing(self, asked: str, run_id: str) -> dict[str, tuple[tuple[int, str | None], ...]]:
        """Find images that a run drew and that fail these checks: by job, their slots and the words of each.

        Not what a person decided about, nor slots that were drawn again for a check before: once in all runs.
        """
        rows = self._database.rows(
            "SELECT i.job_key, i.slot, i.prompt FROM images i"  # noqa: S608 - our own words
            " JOIN measures k ON k.catalogue = i.catalogue AND k.sha256 = i.sha256 AND k.asked = :asked"
            f" LEFT JOIN reviews r ON {IN_FORCE}"
            " WHERE i.catalogue = :catalogue AND i.run_id = :run AND i.state = 'stored' AND NOT i.superseded"
            " AND (k.flags != '[]' OR k.alike) AND r.decision IS NULL"
            " AND NOT EXISTS (SELECT 1 FROM attempts a, json_each(a.slots) slots WHERE a.catalogue = i.catalogue"
            "  AND a.job_key = i.job_key AND a.purpose = 'check' AND slots.value = i.slot"
            "  AND a.state NOT IN ('not_sent', 'not_charged')) ORDER BY i.job_key, i.slot",
            asked=asked,
            run=run_id,
        )
        found: dict[str, tuple[tuple[int, str | None], ...]] = {}
        for key, slot, prompt in rows:
            found[key] = (*found.get(key, ()), (slot, prompt))
        return found

    def mark_alike(self, hashes: Iterable[str]) -> bool:
        """Mark these images, and no others, as looking like another one; whether that is new."""
        catalogue, alike = self._database.catalogue, frozenset(hashes)
        if alike == self._marked():
            return False
        with self._database.writing("measures") as db:
            db.execute("UPDATE measures SET alike = 0 WHERE catalogue = ? AND alike", (catalogue,))
            db.executemany(
                "UPDATE measures SET alike = 1 WHERE catalogue = ? AND sha256 = ?",
                [(catalogue, sha256) for sha256 in sorted(alike)],
            )
        return True

    def _marked(self) -> frozenset[str]:
        rows = self._database.rows("SELECT sha256 FROM measures WHERE catalogue = :catalogue AND alike")
        return frozenset(sha256 for (sha256,) in rows)

    def forget(self) -> bool:
        """Forget every measure of this output: nothing is checked any more; whether there was any."""
        if self._database.value("SELECT 1 FROM measures WHERE catalogue = :catalogue LIMIT 1") is None:
            return False
        self._database.change("measures", "DELETE FROM measures WHERE catalogue = :catalogue")
        return True
