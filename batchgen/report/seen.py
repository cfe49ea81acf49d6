"""What the page keeps of tables that are too long to keep: their first rows, and counts of all."""

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from batchgen.ledger import ImageRow, JobRow
from batchgen.model import OutcomeKind, SlotState
from batchgen.report.page import Section
from batchgen.report.tables import names

Row = TypeVar("Row")

MOST_PICTURES = 240
MOST_ROWS = 100


@dataclass(slots=True)
class First(Generic[Row]):
    """The first rows of a kind, while all of them are counted; `where` names the file that has them all."""

    where: str
    most: int = MOST_ROWS
    rows: list[Row] = field(default_factory=list)
    total: int = 0

    def see(self, row: Row) -> None:
        """Count a row, and keep it while there is room."""
        self.total += 1
        if len(self.rows) < self.most:
            self.rows.append(row)

    def section(self) -> Section[Row]:
        """What the page shows of them."""
        return Section(tuple(self.rows), self.total, self.where)


@dataclass(slots=True)
class Seen:
    """Looks at every row on its way into a file, and hands it on."""

    stored: First[ImageRow] = field(default_factory=lambda: First("images.csv", MOST_PICTURES))
    flagged: First[ImageRow] = field(default_factory=lambda: First("images.csv"))
    moderated: First[JobRow] = field(default_factory=lambda: First("moderated.csv"))
    open: First[JobRow] = field(default_factory=lambda: First("jobs.csv"))
    images: int = 0
    jobs: int = 0
    picture_bytes: int = 0

    def image(self, row: ImageRow) -> ImageRow:
        """Look at one image."""
        self.images += 1
        if row.state == SlotState.STORED:
            self.stored.see(row)
            self.picture_bytes += row.bytes or 0
        if names(row.flags):
            self.flagged.see(row)
        return row

    def job(self, row: JobRow) -> JobRow:
        """Look at one job."""
        self.jobs += 1
        if row.moderated:
            self.moderated.see(row)
        if unfinished(row):
            self.open.see(row)
        return row


def unfinished(row: JobRow) -> bool:
    """Whether a person should look at the job; what is merely not started yet, or moderated, is told elsewhere."""
    if row.outcome == OutcomeKind.NOT_STARTED:
        return bool(row.code)
    return row.outcome in {OutcomeKind.PARTIAL, OutcomeKind.FAILED, OutcomeKind.HELD}
