"""The jobs of each template that were begun, and what came of them: by them the others are judged."""

from collections.abc import Sequence
from typing import NamedTuple

from batchgen.ledger.database import LedgerPart
from batchgen.ledger.reviews import IN_FORCE
from batchgen.ledger.text import dump, words
from batchgen.model import CanaryUntil

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
