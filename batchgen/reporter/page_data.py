"""What the page keeps of an output while its tables go by, and the page that is made of it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from batchgen.ledger import Ledger
from batchgen.money import MicroUSD
from batchgen.reporter import comparison, page_rows
from batchgen.reporter.accounts import Summary
from batchgen.reporter.beside import NOTHING, Beside
from batchgen.reporter.chart_data import Calls, charts
from batchgen.reporter.frames import Usage
from batchgen.reporter.job_blocks import Blocks
from batchgen.reporter.page import Page
from batchgen.reporter.tables import USAGE, Row, batches, with_tags
from batchgen.reporter.thumbs import Thumbs


class Taker(Protocol):
    """Takes the rows of a table, batch by batch: a file, a sheet, or what the page keeps of them."""

    def add(self, rows: Sequence[Any], /) -> None: ...


@dataclass(slots=True)
class PageData:
    """The page's share of each table. It must see all of them, the images before what is compared."""

    summary: Summary
    images: page_rows.Images
    jobs: page_rows.Jobs
    usage: Usage
    blocks: Blocks
    calls: Calls
    compared: comparison.Comparison
    beside: Beside = NOTHING

    @classmethod
    def nothing(cls, summary: Summary, tags: Sequence[str]) -> "PageData":
        """Begin with nothing; `tags` are the names of all tags."""
        return cls(
            summary,
            page_rows.Images(),
            page_rows.Jobs(),
            Usage(with_tags(USAGE, tags), tags),
            Blocks(summary.run_id, page_rows.MOST_IMAGES),
            Calls(summary.run_id),
            comparison.Comparison(),
        )

    def keys(self) -> frozenset[str]:
        """Return the keys of the jobs whose images are shown."""
        return frozenset(row.job_key for row in self.images.images.rows)

    def page(self, thumbs: Thumbs) -> Page:
        """Make the page of all that was seen."""
        return Page(
            self.summary,
            MicroUSD(self.usage.expected),
            self.usage.groups(),
            self.jobs.moderated.section(),
            self.jobs.open.section(),
            self.images.flagged.section(),
            self.images.images.section(),
            thumbs,
            charts(self.usage.groups(), self.blocks, self.images.costs, self.calls),
            self.blocks.of,
            self.compared,
            self.beside,
        )


def pour(rows: Iterable[Row], *takers: Taker) -> None:
    """Give rows, batch by batch, to all who want them."""
    for batch in batches(rows):
        for taker in takers:
            taker.add(batch)


def things(ledger: Ledger, compared: comparison.Comparison) -> Iterator[Sequence[Any]]:
    """Go through what was drawn in several ways, a batch of images at a time; the page keeps its share."""
    compared.judged = {row.way: row for row in ledger.report_rows.ways()}
    for batch in batches(comparison.compared(ledger.report_rows.variants())):
        compared.add(batch)
        yield batch
