"""What the page keeps of an output while its tables go by, and the page that is made of it."""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from batchgen.ledger import ImageRow, JobRow, Ledger
from batchgen.model import OutcomeKind, SlotState
from batchgen.money import MicroUSD
from batchgen.reporter import beside, comparison
from batchgen.reporter.accounts import Summary
from batchgen.reporter.beside import NOTHING, Beside
from batchgen.reporter.chart_data import Calls, draw
from batchgen.reporter.frames import Usage
from batchgen.reporter.job_blocks import Blocks
from batchgen.reporter.page import Page, Section
from batchgen.reporter.tables import USAGE, Taker, batches, flags, with_tags
from batchgen.reporter.thumbs import Thumbs

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


@dataclass(slots=True)
class PageData:
    """The page's share of each table. It must see all of them, the images before what is compared."""

    summary: Summary
    images: Images
    jobs: Jobs
    usage: Usage
    blocks: Blocks
    calls: Calls
    compared: comparison.Comparison
    beside: Beside = NOTHING

    def page(self, thumbs: Thumbs) -> Page:
        """Make the page of all that was seen."""
        return Page(
            self.summary,
            MicroUSD(self.usage.expected),
            self.usage.groups(),
            self.jobs.moderated,
            self.jobs.open,
            self.images.flagged,
            self.images.images,
            thumbs,
            draw(self.usage.groups(), self.blocks, self.images.costs, self.calls),
            self.blocks.of,
            self.compared,
            self.beside,
        )


def read(ledger: Ledger, summary: Summary, takers: Mapping[str, Sequence[Taker]] = MappingProxyType({})) -> PageData:
    """Go through the tables once; rows go, batch by batch, to the page and to all others who want them."""
    rows, tags = ledger.report_rows, ledger.report_rows.tag_names()
    shown = PageData(
        summary,
        Images(),
        Jobs(),
        Usage(with_tags(USAGE, tags), tags),
        Blocks(summary.run_id, MOST_IMAGES),
        Calls(summary.run_id),
        comparison.Comparison({row.way: row for row in rows.ways()}),
    )
    _pour(rows.images(), shown.images.add, *takers.get("images", ()))
    _pour(rows.jobs(), shown.jobs.add, shown.blocks.add, *takers.get("jobs", ()))
    _pour(rows.usage(), shown.usage.add, *takers.get("usage", ()))
    _pour(rows.calls(), shown.calls.add)
    _pour(comparison.compared(rows.variants()), shown.compared.add, *takers.get("comparison", ()))
    shown.beside = beside.read(ledger, frozenset(row.job_key for row in shown.images.images.rows))
    return shown


def _pour(rows: Iterable[Any], *takers: Taker) -> None:
    for batch in batches(rows):
        for take in takers:
            take(batch)


def unfinished(row: JobRow) -> bool:
    """Whether a person should look at the job; what is merely not started yet, or moderated, is told elsewhere."""
    if row.outcome == OutcomeKind.NOT_STARTED:
        return bool(row.code)
    return row.outcome in {OutcomeKind.PARTIAL, OutcomeKind.FAILED, OutcomeKind.HELD}
