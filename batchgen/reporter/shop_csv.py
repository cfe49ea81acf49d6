"""shop.csv: images as shops import them; only when the manifest says how the shop names its products.

The columns are those that the platforms document (read 2026-11-30). Shopify:
help.shopify.com/en/manual/products/import-export/using-csv; WooCommerce:
woocommerce.com/document/product-csv-importer-exporter; Matrixify: matrixify.app/documentation/products.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from operator import attrgetter, itemgetter
from typing import Any
from urllib.parse import quote

from batchgen.ledger import ListedRow
from batchgen.model import Platform
from batchgen.reporter.tables import Column, counts, texts
from batchgen.storage.derived import Derivatives

PATH = "{path}"
_WRITTEN = ":/?#[]@!$&'()*+,;=%-._~"
"""Characters that an address may hold as they are (RFC 3986); a percent sign is taken for the start of an escape."""
ALT_LENGTH = 512
"""Characters that Shopify takes as alt text."""


@dataclass(frozen=True, slots=True)
class _ProductImage:
    """An image of a product as Shopify lists it; `variant` is the unit whose first image it is."""

    handle: str
    variant: str
    url: str
    position: int
    alt: str


def placed(rows: Iterator[ListedRow], store: str) -> Iterator[ListedRow]:
    """Give images in a store elsewhere, and derivatives, its address where the manifest names none."""
    for row in rows:
        yield row if row.url or not store else row._replace(url=f"{store}/{PATH}")


def image(row: ListedRow) -> str:
    """Where the shop finds the image: its address, percent-encoded, or its path relative to the output folder."""
    return quote(row.url.replace(PATH, quote(row.path)), safe=_WRITTEN) if row.url else row.path


SHOP: tuple[Column[ListedRow], ...] = (*texts("sku"), *counts("", "position"), Column("image", image), *texts("alt"))
_SHOPIFY: tuple[Column[_ProductImage], ...] = (
    Column("URL handle", attrgetter("handle")),
    Column("SKU", attrgetter("variant")),
    Column("Product image URL", attrgetter("url")),
    Column("Image position", attrgetter("position"), int),
    Column("Image alt text", attrgetter("alt")),
    Column("Variant image URL", lambda one: one.url if one.variant else ""),
)
_MATRIXIFY: tuple[Column[_ProductImage], ...] = (
    Column("Handle", attrgetter("handle")),
    Column("Command", lambda _: "UPDATE"),
    Column("Image Src", attrgetter("url")),
    Column("Image Command", lambda _: "MERGE"),
    Column("Image Position", attrgetter("position"), int),
    Column("Image Alt Text", attrgetter("alt")),
    Column("Variant SKU", attrgetter("variant")),
    Column("Variant Command", lambda one: "UPDATE" if one.variant else ""),
    Column("Variant Image", lambda one: one.url if one.variant else ""),
)
_WOOCOMMERCE: tuple[Column[tuple[str, str]], ...] = (Column("SKU", itemgetter(0)), Column("Images", itemgetter(1)))


def sheet(rows: Iterable[ListedRow], derivatives: Derivatives) -> tuple[Sequence[Column[Any]], Iterator[Any]]:
    """Give the columns of the platform that the first row names, and the rows for them.

    Where a derivative is listed and there is none of an image, the image itself is.
    """
    listed = _derived(rows, derivatives)
    first = next(listed, None)
    if first is None:
        return SHOP, iter(())
    every = chain((first,), listed)
    match first.platform:
        case Platform.SHOPIFY:
            return _SHOPIFY, _products(every)
        case Platform.MATRIXIFY:
            return _MATRIXIFY, _products(every)
        case Platform.WOOCOMMERCE:
            return _WOOCOMMERCE, _units(every)
        case _:
            return SHOP, every


def _derived(rows: Iterable[ListedRow], derivatives: Derivatives) -> Iterator[ListedRow]:
    """Put the path of the derivative that is listed in the place of the image's own."""
    known: dict[str, Mapping[str, str]] = {}
    for row in rows:
        if not (name := row.derivative):
            yield row
            continue
        if name not in known:
            known[name] = {one.source: one.path for one in derivatives.read(name)}
        yield row._replace(path=known[name].get(row.path, row.path))


def _products(rows: Iterable[ListedRow]) -> Iterator[_ProductImage]:
    """Have the images of one product stand together, counted from 1; the first of each unit is its variant's."""
    products: dict[str, list[ListedRow]] = {}
    for row in rows:
        products.setdefault(row.handle, []).append(row)
    for handle, those in products.items():
        for position, row in enumerate(those, 1):
            variant = row.sku if row.position == 1 else ""
            yield _ProductImage(handle, variant, image(row), position, row.alt[:ALT_LENGTH])


def _units(rows: Iterable[ListedRow]) -> Iterator[tuple[str, str]]:
    """Join the addresses of each unit; a comma in one would end it."""
    address: Callable[[ListedRow], str] = lambda row: image(row).replace(",", "%2C")  # noqa: E731
    for sku, those in groupby(rows, attrgetter("sku")):
        yield sku, ", ".join(map(address, those))
