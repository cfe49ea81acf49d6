"""What the page keeps of tables that are too long to keep: their first rows, and sums of all."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

from batchgen.ledger import ImageRow, JobRow
from batchgen.model import OutcomeKind, SlotState
from batchgen.reporter.page import Section
from batchgen.reporter.tables import flags

MOST_IMAGES = 20_000


@dataclass(slots=True)
class Images:
    """What the page shows of images. Those that a changed job replaced are kept, but no part of the catalogue.

    `costs` are of the stored ones, in micro-dollars.
    """

    images: Section[ImageRow] = field(default_factory=lambda: Section(where="images.csv", most=MOST_IMAGES))
    flagged: Section[ImageRow] = field(default_factory=lambda: Section(where="images.csv"))
    costs: "array[int]" = field(default_factory=lambda: array("q"))
    total: int = 0
    bytes: int = 0

    def add(self, rows: Sequence[ImageRow]) -> None:
        self.total += len(rows)
        for row in rows:
            if flags(row):
                self.flagged.see(row)
            if row.superseded:
                continue
            self.images.see(row)
            if row.state == SlotState.STORED:
                self.costs.append(row.cost_micro_usd)
                self.bytes += row.bytes or 0


@dataclass(slots=True)
class Jobs:
    """What the page shows of jobs."""

    moderated: Section[JobRow] = field(default_factory=lambda: Section(where="moderated.csv"))
    open: Section[JobRow] = field(default_factory=lambda: Section(where="jobs.csv"))
    total: int = 0

    def add(self, rows: Sequence[JobRow]) -> None:
        self.total += len(rows)
        for row in rows:
            if row.moderated:
                self.moderated.see(row)
            if unfinished(row):
                self.open.see(row)


def unfinished(row: JobRow) -> bool:
    """Whether a person should look at the job; what is merely not started yet, or moderated, is told elsewhere."""
    if row.outcome == OutcomeKind.NOT_STARTED:
        return bool(row.code)
    return row.outcome in {OutcomeKind.PARTIAL, OutcomeKind.FAILED, OutcomeKind.HELD}
