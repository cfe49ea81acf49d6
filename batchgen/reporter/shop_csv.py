"""shop.csv: one image a line, as shops import them; only when the manifest says how the shop names its products."""

from operator import attrgetter
from urllib.parse import quote

from batchgen.ledger import ListedRow
from batchgen.reporter.tables import Column

PATH = "{path}"
_WRITTEN = ":/?#[]@!$&'()*+,;=%-._~"
"""Characters that an address may hold as they are (RFC 3986); a percent sign is taken for the start of an escape."""


def image(row: ListedRow) -> str:
    """Where the shop finds the image: its address, percent-encoded, or its path relative to the output folder."""
    return quote(row.url.replace(PATH, quote(row.path)), safe=_WRITTEN) if row.url else row.path


SHOP: tuple[Column[ListedRow], ...] = (
    Column("sku", attrgetter("sku")),
    Column("position", attrgetter("position"), int),
    Column("image", image),
    Column("alt", attrgetter("alt")),
)
