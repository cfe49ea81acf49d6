"""Look at a table that somebody exported and guess which of its columns is what; nothing is asked for, nothing sent.

A guess names its column and says what it was made from, so that a person can change it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations, islice
from pathlib import Path

from batchgen.manifest.names import simple
from batchgen.manifest.rows.table import Row, Table

MOST_ROWS = 20_000
"""Rows that are looked at."""
LONGEST_ID = 80
MOST_PARTS = 4
"""Columns that are tried beside another one to make an id."""


class Role(StrEnum):
    """What a column may be, in the words that a written manifest gives it."""

    SKU = "sku"
    TITLE = "title"
    DESCRIPTION = "description"
    COLOUR = "colour"
    CATEGORY = "category"
    BRAND = "brand"
    PHOTO = "photo"


# Names as `simple` writes them, the best first: those of shop systems, marketplaces and plain sheets.
KNOWN: Mapping[Role, tuple[str, ...]] = {
    Role.SKU: (
        *("variant_sku", "seller_sku", "item_sku", "sku", "product_code_sku", "custom_label", "customlabel"),
        *("ordernumber", "internal_reference", "reference", "identifier", "article_no", "article_number"),
        *("item_no", "item_number", "product_code", "artikelnummer", "art_nr", "référence", "handle", "url_handle"),
        *("product_id", "uuid", "id", "code", "listing_id", "gtin", "ean", "barcode", "asin1"),
    ),
    Role.TITLE: (
        *("title", "item_name", "product_name", "name", "product_title", "designation", "product", "article"),
        *("bezeichnung", "artikelbezeichnung", "produktname", "titel", "nom", "désignation", "nombre", "label"),
    ),
    Role.DESCRIPTION: (
        *("body_html", "description", "item_description", "product_description", "short_description", "details"),
        *("beschreibung", "langtext", "descripción", "summary"),
    ),
    Role.COLOUR: ("colour", "color", "color_name", "farbe", "couleur"),
    Role.CATEGORY: (
        *("product_category", "category", "categories", "categories_x_y_z", "google_product_category", "product_type"),
        *("type", "item_type", "feed_product_type", "family", "kategorie", "warengruppe", "catégorie"),
    ),
    Role.BRAND: ("vendor", "brand", "brand_name", "manufacturer", "marke", "hersteller"),
    Role.PHOTO: (
        *("image_src", "product_image_url", "image_link", "images", "image_urls_x_y_z", "base_image"),
        *("main_image_url", "image_url", "photo_url", "image", "picture", "photo", "image1", "bild", "bilddatei"),
        *("productimageurl", "hosted_image_urls", "picurl", "product_image_file_1"),
    ),
}
# Values that say that a row is no product to be shown, by the column that says so.
LEFT_OUT: Mapping[tuple[str, ...], frozenset[str]] = {
    ("type", "product_type"): frozenset({"variation"}),
    ("fieldtype", "field_type"): frozenset({"variant"}),
    ("item_type",): frozenset({"sku", "rule"}),
    ("visible", "product_visible", "is_visible"): frozenset({"0", "false", "no", "n"}),
    ("parent_child", "parentage", "parentage_level"): frozenset({"parent"}),
    ("visibility",): frozenset({"not visible individually"}),
    ("status",): frozenset({"draft", "archived", "inactive", "disabled", "incomplete", "unlisted", "0", "false", "no"}),
    ("published", "enabled", "active", "active_0_1", "published_on_online_store"): frozenset(
        {"0", "-1", "false", "no", "n"}
    ),
    ("product_online",): frozenset({"0", "2"}),
}
_BASE_VIEW = "store_view_code"
_OPTIONS = re.compile(r"option\d_value|attribute_\d+_value_s|variation_\d_value|size|colour|color|language|locale")
_ATTRIBUTE = re.compile(r"[-_](?:[a-z]{2}_[A-Z]{2}|[a-z]{2})(?:-[\w]+)?$")
"""What a PIM writes behind the name of an attribute: a language and a channel, as in `name-en_US-ecommerce`."""
_HTML = re.compile(r"<[a-zA-Z/][^>]*>|&[a-z]+;|&#\d+;")
_IMAGES = re.compile(r"[,|;]\s*(?=https?://|[\w/.-]+\.(?:jpe?g|png|webp)\b)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Columned:
    """One column that has a role, and what that was guessed from."""

    role: Role
    column: str
    why: str


Filter = tuple[str, str, str]
"""A column, what its cell is where rows are kept or left out, and why."""


@dataclass(frozen=True, slots=True)
class Guess:
    """What a table seems to hold. `ids` are the columns that tell its rows apart; without any, none do."""

    columns: tuple[Columned, ...]
    names: tuple[str, ...] = ()
    """All columns of the table."""
    ids: tuple[str, ...] = ()
    exclude: tuple[Filter, ...] = ()
    """Column and value of rows that are no products, and why."""
    only: tuple[Filter, ...] = ()
    html: bool = False
    between_photos: str = ""
    """What separates several photos in one cell; empty where there is one."""
    photos_missing: bool = False
    photos_here: bool = False
    """Whether the photos are files that are there."""
    rows: int = 0

    def of(self, role: Role) -> Columned | None:
        """Return the column of a role."""
        return next((column for column in self.columns if column.role is role), None)


Cells = Sequence[Mapping[str, str]]


def guess(table: Table, folder: Path) -> Guess:
    """Look at the first rows of a table; photos that are files are looked for in `folder`."""
    rows = [row.values for row in islice(table.read(), MOST_ROWS) if isinstance(row, Row)]
    names = table.columns or tuple(dict.fromkeys(name for row in rows for name in row))
    found = {role: column for role in Role if (column := _by_name(role, names, rows))}
    if Role.TITLE not in found and (other := _by_cells(names, rows, found)):
        found[Role.TITLE] = other
    only, exclude = tuple(_only(names, rows)), tuple(_exclude(names, rows))
    kept = [row for row in rows if _is_kept(row, only, exclude)]
    if (title := found.get(Role.TITLE)) and any(not row.get(title.column, "").strip() for row in kept):
        exclude = (*exclude, (title.column, "", "a row without a title is no product of its own"))
        kept = [row for row in kept if row.get(title.column, "").strip()]
    ids = _ids(names, kept, found)
    taken = tuple(found.values())
    return Guess(
        taken, tuple(names), ids, exclude, only, _has_html(found, kept), *_photos(found, kept, folder), rows=len(rows)
    )


def _base_name(column: str) -> str:
    """Return a column's name without language and channel."""
    return simple(_ATTRIBUTE.sub("", column.strip())) or simple(column)


def _by_name(role: Role, names: Sequence[str], rows: Cells) -> Columned | None:
    """Find the column with the best known name that has cells in it."""
    for known in KNOWN[role]:
        for column in names:
            named = known in {simple(column), _base_name(column)}
            if named and any(row.get(column, "").strip() for row in rows):
                return Columned(role, column, "by its name")
    return None


def _by_cells(names: Sequence[str], rows: Cells, found: Mapping[Role, Columned]) -> Columned | None:
    """Find the column whose cells read most like names of products: some letters and blanks, not long."""
    taken = {column.column for column in found.values()}

    def score(column: str) -> float:
        cells = [cell for row in rows[:500] if (cell := row.get(column, "").strip())]
        likely = [cell for cell in cells if 3 <= len(cell) <= 120 and " " in cell and not cell.startswith("http")]
        return len(likely) * len(set(likely)) / max(1, len(cells)) if cells else 0

    best = max((name for name in names if name not in taken), key=score, default=None)
    return Columned(Role.TITLE, best, "by its cells, which read like names") if best and score(best) else None


def _only(names: Sequence[str], rows: Cells) -> Iterator[Filter]:
    """Keep one row of each product where others give it in further languages."""
    for column in names:
        values = {row.get(column, "").strip() for row in rows}
        if simple(column) == _BASE_VIEW and "" in values and len(values) > 1:
            yield column, "", "rows of other store views repeat the products"


def _exclude(names: Sequence[str], rows: Cells) -> Iterator[Filter]:
    for columns, values in LEFT_OUT.items():
        for column in names:
            if simple(column) in columns:
                seen = {row[column] for row in rows if row.get(column, "").strip().casefold() in values}
                for value in sorted(seen):
                    yield column, value, "these rows are not shown as products of their own"


def _is_kept(row: Mapping[str, str], only: Sequence[Filter], exclude: Sequence[Filter]) -> bool:
    left = any(row.get(column) == value for column, value, _ in exclude)
    return not left and all(row.get(column, "") == value for column, value, _ in only)


def _ids(names: Sequence[str], kept: Cells, found: dict[Role, Columned]) -> tuple[str, ...]:
    """Find one column, else two, that tell the rows apart, and put the first into its role."""
    alone = [column for known in KNOWN[Role.SKU] for column in names if known in {simple(column), _base_name(column)}]
    options = [name for name in names if _OPTIONS.fullmatch(simple(name))][:MOST_PARTS]
    title = [found[Role.TITLE].column] if Role.TITLE in found else []
    singles = [*alone, *names[:1], *title, *names[1:]]
    pairs = combinations([*alone[:MOST_PARTS], *title, *options], 2)
    for columns in (*((name,) for name in singles), *pairs):
        if _tell_apart(columns, kept):
            found[Role.SKU] = Columned(Role.SKU, columns[0], "no two products share a cell of it")
            if len(columns) > 1:
                found[Role.SKU] = Columned(Role.SKU, columns[0], "with the other part of the id, it is never the same")
            return columns
    found.pop(Role.SKU, None)
    return ()


def _tell_apart(columns: Sequence[str], rows: Cells) -> bool:
    """Whether rows differ in these columns, all of them filled and short, whatever the case."""
    seen = set[tuple[str, ...]]()
    for row in rows:
        cells = tuple(row.get(column, "").strip().casefold() for column in columns)
        if cells in seen or not all(0 < len(cell) <= LONGEST_ID for cell in cells):
            return False
        seen.add(cells)
    return bool(rows)


def _has_html(found: Mapping[Role, Columned], rows: Cells) -> bool:
    described = found.get(Role.DESCRIPTION)
    return described is not None and any(_HTML.search(row.get(described.column, "")) for row in rows)


def _photos(found: Mapping[Role, Columned], rows: Cells, folder: Path) -> tuple[str, bool, bool]:
    """Say what separates photos, whether some are missing, and whether all are files that are there."""
    photo = found.get(Role.PHOTO)
    if photo is None:
        return "", False, False
    cells = [row.get(photo.column, "").strip() for row in rows]
    marks = [match[0][0] for cell in cells if (match := _IMAGES.search(cell))]
    mark = marks[0] if marks else ""
    files = [name.strip() for cell in cells if cell for name in (cell.split(mark) if mark else (cell,))]
    return mark, not all(cells), bool(files) and all(_is_file(folder, name) for name in files)


def _is_file(folder: Path, name: str) -> bool:
    try:
        return "://" not in name and (folder / name).is_file()
    except (OSError, ValueError):
        return False
