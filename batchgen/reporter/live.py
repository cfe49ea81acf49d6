"""The page while people look at it: the same one, made without writing a file, and its data with images by number."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from batchgen.ledger import EarlierRow, ImageRow, Ledger
from batchgen.reporter import accounts, gallery
from batchgen.reporter.beside import NOTHING, Beside
from batchgen.reporter.kept import Kept, pour, things
from batchgen.reporter.page import render
from batchgen.reporter.thumbs import NO_THUMBS
from batchgen.reporter.words import shown

Numbered = Callable[[ImageRow | EarlierRow], int]
"""Gives a stored image a number to ask for it by."""


def look(ledger: Ledger, name: str) -> Kept:
    """Go through the tables of an output and keep what its page shows; `name` is the folder's, for people."""
    with ledger.snapshot():
        kept = Kept.nothing(accounts.read(ledger, name=name), ledger.report_rows.tag_names())
        pour(ledger.report_rows.images(), kept.images)
        pour(ledger.report_rows.jobs(), kept.jobs, kept.blocks)
        pour(ledger.report_rows.usage(), kept.usage)
        pour(ledger.report_rows.calls(), kept.calls)
        for _ in things(ledger, kept.compared):
            pass
    return kept


def page(kept: Kept) -> str:
    """Render the page of what was seen."""
    return render(kept.page(NO_THUMBS), live=True)


def data(kept: Kept, number: Numbered) -> dict[str, Any]:
    """Describe the images of the page."""
    images = kept.images.images
    about = {"name": shown(kept.summary.name), "run": shown(kept.summary.run_id or "")}
    return described(images.rows, number, total=images.total, blocks=kept.blocks.of, about=about)


def described(
    rows: Sequence[ImageRow],
    number: Numbered,
    *,
    total: int = 0,
    blocks: Mapping[str, str],
    about: Mapping[str, Any] | None = None,
    beside: Beside = NOTHING,
) -> dict[str, Any]:
    """Describe images as the page's data does; where the file has their paths, here they have their addresses."""
    links = gallery.Links(lambda row: f"/image/{number(row)}")
    made = gallery.data(
        rows, total=total or len(rows), thumbs=(), blocks=blocks, about=about or {}, beside=beside, links=links
    )
    made["columns"]["number"] = [number(row) if row.path and row.sha256 else -1 for row in rows]
    return made
