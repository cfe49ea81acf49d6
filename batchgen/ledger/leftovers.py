"""What an output no longer needs as files, and what of it must stay: as far as the ledger knows."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from batchgen.ledger.database import LedgerPart
from batchgen.ledger.text import dump

PRUNED = "pruned"
"""Fault of an image that stepped aside and whose file was removed on purpose."""
_DOUBTED = "FROM attempts WHERE catalogue = :catalogue AND (ended IS NULL OR state = 'at_risk')"
"""Calls whose end, or whose charge, is not known."""
_NAMED = re.compile(r"\.([0-9a-f]{12})(?:~[0-9]+)?\.[^./]+$")
"""The key in the name of an image that stepped aside; one that was drawn again has no row any more."""


@dataclass(frozen=True, slots=True)
class Aside:
    """A file below `superseded/`: whose it is, and whether somebody approved it."""

    job_key: str
    approved: bool = False


class Leftovers(LedgerPart):
    """The questions of whoever removes old files of one output."""

    def doubted_runs(self) -> frozenset[str]:
        """Name the runs that made calls which are open or at risk."""
        return self._database.column(f"SELECT DISTINCT run_id {_DOUBTED}")

    def doubted_jobs(self) -> frozenset[str]:
        """Name the jobs, by key, with calls that are open or at risk, or with images of which nobody knows.

        A job whose images are to step aside for such a call is one of them.
        """
        calls = self._database.column(f"SELECT DISTINCT job_key {_DOUBTED}")
        aside = self._database.column(f"SELECT DISTINCT replaces {_DOUBTED}")
        uncertain = "SELECT DISTINCT job_key FROM images WHERE catalogue = :catalogue AND state = 'uncertain'"
        return calls | aside | self._database.column(uncertain)

    def aside(self, paths: Sequence[str]) -> dict[str, Aside]:
        """Say whose files some are that lie below `superseded/`, by their paths; strangers' are left out."""
        with self._database.reading():
            rows = self._database.rows(
                "SELECT i.path, i.job_key, EXISTS (SELECT 1 FROM reviews r WHERE r.catalogue = i.catalogue"
                "  AND r.job_key = i.job_key AND r.slot = i.slot AND r.attempt_id = i.attempt_id"
                "  AND r.decision = 'approved') AS approved"
                " FROM json_each(:paths) AS asked JOIN images i ON i.catalogue = :catalogue AND i.path = asked.value"
                " WHERE i.superseded",
                paths=dump(paths),
            )
            known = {row["path"]: Aside(row["job_key"], bool(row["approved"])) for row in rows}
            named = {path: found[1] for path in paths if path not in known and (found := _NAMED.search(path))}
            drawn_again = self._database.rows(
                "SELECT asked.value AS named, j.key FROM json_each(:keys) AS asked JOIN jobs j"
                " ON j.catalogue = :catalogue AND j.key >= asked.value AND j.key < asked.value || 'g'",
                keys=dump(sorted(set(named.values()))),
            )
        keys = {row["named"]: row["key"] for row in drawn_again}
        return {path: Aside(keys[name]) for path, name in named.items() if name in keys} | known

    def forget(self, paths: Sequence[str]) -> None:
        """Note that files below `superseded/` are removed on purpose: their rows stay, and nobody misses them.

        No page shows them beside what was drawn since.
        """
        with self._database.writing("prune") as db:
            db.executemany(
                "UPDATE images SET fault = ? WHERE catalogue = ? AND path = ? AND superseded",
                [(PRUNED, self._database.catalogue, path) for path in paths],
            )
            db.executemany(
                "DELETE FROM earlier WHERE catalogue = ? AND path = ?",
                [(self._database.catalogue, path) for path in paths],
            )
