"""What was measured on stored images, which checks they fail, and what came of the first jobs of each template."""

import json
from collections.abc import Collection, Iterable, Sequence
from operator import attrgetter
from typing import NamedTuple

from batchgen.ledger.database import LedgerPart
from batchgen.ledger.reviews import IN_FORCE
from batchgen.ledger.text import dump, words
from batchgen.model import CanaryUntil, Measured

_SEEN = attrgetter("border_off", "margin", "sharpness", "looks")
_BEGUN = f"""
SELECT j.template, j.id, j.n, sum(i.state IS 'stored') AS stored, sum(i.reason_code IS 'accepted') AS accepted,
    sum(r.decision IS 'approved') AS approved, sum(r.decision IS 'rejected') AS rejected,
    sum(i.state IS 'stored' AND r.decision IS NULL AND k.flags IS '[]' AND NOT k.alike) AS passed,
    json_group_array(i.sha256) FILTER (WHERE i.state = 'stored' AND k.sha256 IS NULL) AS unmeasured
FROM jobs j LEFT JOIN images i ON i.catalogue = j.catalogue AND i.job_key = j.key AND i.slot < j.n
    LEFT JOIN reviews r ON {IN_FORCE}
    LEFT JOIN measures k ON k.catalogue = i.catalogue AND k.sha256 = i.sha256 AND k.asked = :checks
WHERE j.catalogue = :catalogue AND j.template != ''
    AND (:every OR j.template IN (SELECT value FROM json_each(:templates)))
    AND (i.state IS NOT NULL AND (i.state != 'not_started' OR i.url IS NOT NULL)
        OR EXISTS (SELECT 1 FROM attempts a WHERE a.catalogue = j.catalogue AND a.job_key = j.key))
GROUP BY j.template, j.key ORDER BY j.template, j.seq, j.rowid
"""  # noqa: S608 - our own words


class Measures(LedgerPart):
    """The measures of one output's images, by hash: an image that moves keeps them."""

    def known(self, asked: str) -> frozenset[str]:
        """Name the images that were measured by these checks."""
        sql = "SELECT sha256 FROM measures WHERE catalogue = :catalogue AND asked = :asked"
        return self._database.column(sql, asked=asked)

    def keep(self, asked: str, found: Iterable[tuple[str, Measured]]) -> bool:
        """Write down what was measured, in place of what other checks had measured; whether there was anything."""
        catalogue = self._database.catalogue
        rows = [
            (catalogue, sha256, asked, *_SEEN(one), json.dumps([flag.value for flag in one.flags]))
            for sha256, one in found
        ]
        if rows:
            sql = "INSERT OR REPLACE INTO measures VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)"
            self._database.change_each("measures", sql, rows)
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
        if alike == self._database.column("SELECT sha256 FROM measures WHERE catalogue = :catalogue AND alike"):
            return False
        with self._database.writing("measures") as db:
            db.execute("UPDATE measures SET alike = 0 WHERE catalogue = ? AND alike", (catalogue,))
            db.executemany(
                "UPDATE measures SET alike = 1 WHERE catalogue = ? AND sha256 = ?",
                [(catalogue, sha256) for sha256 in sorted(alike)],
            )
        return True

    def forget(self) -> bool:
        """Forget every measure of this output: nothing is checked any more; whether there was any."""
        if self._database.value("SELECT 1 FROM measures WHERE catalogue = :catalogue LIMIT 1") is None:
            return False
        self._database.change("measures", "DELETE FROM measures WHERE catalogue = :catalogue")
        return True


class Begun(NamedTuple):
    """A job of a template that was begun: whether what came of it is taken, and whether something of it was rejected.

    `unmeasured` are the hashes of stored images at which no check has looked yet.
    """

    id: str
    taken: bool
    rejected: bool
    unmeasured: tuple[str, ...] = ()


class Canaries(LedgerPart):
    """What came of the first jobs of each template of one output."""

    def begun(
        self, until: CanaryUntil, checks: str, templates: Sequence[str] | None = None
    ) -> dict[str, tuple[Begun, ...]]:
        """Find the jobs that were begun, by template; of some templates, or of all.

        A job is taken when somebody approved all of its images, or, with `checked`, when those that nobody decided
        about pass the checks with this hash. What a person accepted as moderated is taken too.
        """
        asked = {"checks": checks, "every": templates is None, "templates": dump(list(templates or ()))}
        found: dict[str, list[Begun]] = {}
        for row in self._database.rows(_BEGUN, **asked):
            good = row["approved"] + row["accepted"] + (row["passed"] if until is CanaryUntil.CHECKED else 0)
            one = Begun(row["id"], good >= row["n"], row["rejected"] > 0, words(row["unmeasured"]))
            found.setdefault(row["template"], []).append(one)
        return {template: tuple(jobs) for template, jobs in found.items()}
