"""What the page keeps of an output while its tables go by, and the page that is made of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from batchgen.ledger import Ledger
from batchgen.money import MicroUSD
from batchgen.reporter import beside, comparison, page_rows
from batchgen.reporter.accounts import Summary
from batchgen.reporter.beside import NOTHING, Beside
from batchgen.reporter.chart_data import Calls, charts
from batchgen.reporter.frames import Usage
from batchgen.reporter.job_blocks import Blocks
from batchgen.reporter.page import Page
from batchgen.reporter.tables import USAGE, Taker, batches, with_tags
from batchgen.reporter.thumbs import Thumbs


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
            charts(self.usage.groups(), self.blocks, self.images.costs, self.calls),
            self.blocks.of,
            self.compared,
            self.beside,
        )


def read(ledger: Ledger, summary: Summary, takers: Mapping[str, Sequence[Taker]] = MappingProxyType({})) -> PageData:
    """Go through the tables once; rows go, batch by batch, to the page and to all others who want them."""
    rows, tags = ledger.report_rows, ledger.report_rows.tag_names()
    shown = PageData(
        summary,
        page_rows.Images(),
        page_rows.Jobs(),
        Usage(with_tags(USAGE, tags), tags),
        Blocks(summary.run_id, page_rows.MOST_IMAGES),
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
