"""What runs told of as troubled: no later run tells it as news while nothing has changed."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from batchgen.ledger.database import LedgerPart
from batchgen.ledger.text import dump


class Told(LedgerPart):
    """The troubles of one output that were told, each with the exit statuses of the runs that told it."""

    def among(self, subjects: Iterable[str]) -> Mapping[str, frozenset[int]]:
        """Return those of some subjects that were told, with the exit statuses under which they were."""
        found = defaultdict[str, set[int]](set)
        for subject, status in self._database.rows(
            "SELECT subject, status FROM told WHERE catalogue = :catalogue"
            " AND subject IN (SELECT value FROM json_each(:subjects))",
            subjects=dump(list(subjects)),
        ):
            found[subject].add(status)
        return {subject: frozenset(statuses) for subject, statuses in found.items()}

    def keep(self, status: int, subjects: Iterable[str]) -> None:
        """Write down what a run with this exit status tells."""
        catalogue = self._database.catalogue
        with self._database.writing("told") as db:
            db.executemany(
                "INSERT INTO told (catalogue, subject, status) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                ((catalogue, subject, status) for subject in subjects),
            )
