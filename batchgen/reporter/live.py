"""The page while people look at it: the same one, made without writing a file, and its data with images by number."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from batchgen.ledger import EarlierRow, ImageRow, Ledger
from batchgen.model import FileImage
from batchgen.reporter import accounts, gallery, page_data
from batchgen.reporter.beside import Beside
from batchgen.reporter.page import render
from batchgen.reporter.page_data import PageData
from batchgen.reporter.thumbs import NO_THUMBS

Numbered = Callable[[ImageRow | EarlierRow | FileImage], int]
"""Gives an image a number to ask for it by."""


def look(ledger: Ledger, root: Path) -> PageData:
    """Go through the tables of an output folder and keep what its page shows."""
    with ledger.snapshot():
        summary = accounts.read(ledger, name=root.resolve().name, root=root)
        return page_data.read(ledger, summary)


def page(shown: PageData) -> str:
    """Render the page of what was seen."""
    return render(shown.page(NO_THUMBS), live=True)


def data(shown: PageData, number: Numbered) -> dict[str, Any]:
    """Describe the images of the page."""
    images = shown.images.images
    about = shown.summary.about()
    return _described(images.rows, number, blocks=shown.blocks.of, beside=shown.beside, total=images.total, about=about)


def described(
    rows: Sequence[ImageRow],
    number: Numbered,
    *,
    blocks: Mapping[str, str],
    before: Mapping[tuple[str, int], EarlierRow],
) -> dict[str, Any]:
    """Describe images that changed as the page's data does; what was sent for them and measured is known there."""
    made = _described(rows, number, blocks=blocks, beside=Beside(before=before), total=len(rows), about={})
    del made["columns"]["sent"], made["columns"]["measured"]
    return made


def _described(rows: Sequence[ImageRow], number: Numbered, **more: Any) -> dict[str, Any]:
    """Describe images; where the file has their paths, here they have their addresses."""
    links = gallery.Links(lambda row: f"/image/{number(row)}", lambda file: f"/image/{number(file)}")
    made = gallery.data(rows, thumbs=(), links=links, **more)
    made["columns"]["number"] = [number(row) if row.path and row.sha256 else -1 for row in rows]
    return made
