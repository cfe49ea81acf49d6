"""Arithmetic of money: counted tokens and images times a price, exact, in micro-dollars."""

from decimal import Decimal
from typing import NamedTuple

from batchgen.catalog.prices import ANY
from batchgen.catalog.tables import QUALITY_NAMES
from batchgen.model import ImageTable, Price, TokenPrices
from batchgen.money import MICRO


class Counts(NamedTuple):
    """Tokens of one call, all its images together; `either` is input that may be text or images."""

    text: int
    image: int
    output: int
    text_out: int = 0
    either: int = 0

    @property
    def input(self) -> int:
        """All input tokens."""
        return self.text + self.image + self.either


def bill(price: Price, counts: Counts, images: int, size: str, quality: str) -> Decimal:
    """Say what one call costs: by tokens, by image and by call, added, or the cheaper of the first two."""
    by_token = _by_token(price.tokens, counts) * price.multiplier if price.tokens else None
    by_image = _cell(price.per_image, size, quality) * images * MICRO if price.per_image else None
    by_call = price.per_call * MICRO if price.per_call is not None else Decimal(0)
    stated = [part for part in (by_token, by_image) if part is not None]
    if price.cheaper_of and stated:
        return min(stated) + by_call
    return sum(stated, by_call)


def _by_token(rates: TokenPrices, counts: Counts) -> Decimal:
    """Price tokens: a dollar per million is a micro-dollar per token; text out without a rate counts as image."""
    return (
        rates.text_in * counts.text
        + rates.image_in * counts.image
        + max(rates.text_in, rates.image_in) * counts.either
        + rates.image_out * counts.output
        + (rates.text_out or rates.image_out) * counts.text_out
    )


def _cell(table: ImageTable, size: str, quality: str) -> Decimal:
    """Dollars for one image; where the table has no such row or column, the dearest that may be meant."""
    rows = dict(table)
    row = rows.get(QUALITY_NAMES.get(quality, quality), rows.get(quality, rows.get(ANY)))
    cells = [dict(row)] if row is not None else [dict(other) for other in rows.values()]
    found = [price for cell in cells for price in _prices(cell, size)]
    return max(found, default=Decimal(0))


def _prices(cells: dict[str, Decimal], size: str) -> list[Decimal]:
    if size in cells:
        return [cells[size]]
    return [cells[ANY]] if ANY in cells else list(cells.values())
