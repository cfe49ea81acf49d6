"""The vendor's books of an organisation, as its admin endpoints tell them: buckets of image usage and of costs.

Fields as in openai 3.51.0 on PyPI, `types/admin/organization/usage_{images,costs}_response.py`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from batchgen.model import Auth
from batchgen.providers.json_text import word

AUTH = Auth()
USAGE = "/organization/usage/images"
COSTS = "/organization/costs"
USAGE_GROUPS = ("project_id", "api_key_id", "model", "size", "source")
COST_GROUPS = ("project_id", "line_item", "api_key_id")
PLAIN_COST_GROUPS = ("project_id", "line_item")
"""What every organisation can group costs by."""
HOUR, DAY = 3600, 86_400
AT_MOST_HOURS, AT_MOST_DAYS = 168, 180
"""Buckets of a page."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Charged requests of one key for one kind of image, in one bucket."""

    begins: int
    project_id: str
    key_id: str
    model: str
    size: str
    source: str
    requests: int
    images: int


@dataclass(frozen=True, slots=True)
class LineItem:
    """Money for one line item; `key_id` is empty where costs are not told by key."""

    project_id: str
    key_id: str
    name: str
    amount: Decimal
    currency: str
    quantity: Decimal | None
    unit: str

    @property
    def model(self) -> str:
        """The model that the line names first."""
        return self.name.partition(",")[0].partition(" ")[0].strip()

    @property
    def is_cached(self) -> bool:
        """Whether it is input that the provider had in its cache."""
        return "cached" in self.name.partition(",")[2].casefold()


@dataclass(frozen=True, slots=True)
class CostBucket:
    """One day of costs, with the bounds that the provider gives it."""

    begins: int
    ends: int
    items: tuple[LineItem, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its buckets, and the cursor of the next one."""

    buckets: tuple[Mapping[str, Any], ...]
    following: str | None


def page_of(told: Any) -> Page | None:
    """Read a page; None when it is none, or says that there is more and not where."""
    if not isinstance(told, Mapping) or not isinstance(told.get("data"), list):
        return None
    buckets = told["data"]
    if not all(isinstance(one, Mapping) and isinstance(one.get("start_time"), int) for one in buckets):
        return None
    there = word(told.get("next_page")) or None
    if told.get("has_more") and there is None:
        return None
    return Page(tuple(buckets), there if told.get("has_more", there is not None) else None)


def usage_of(bucket: Mapping[str, Any]) -> Iterator[Usage]:
    """Read a bucket of image usage; ValueError when it cannot be read."""
    for row in _results(bucket):
        yield Usage(
            begins=bucket["start_time"],
            project_id=word(row.get("project_id")),
            key_id=word(row.get("api_key_id")),
            model=word(row.get("model")),
            size=word(row.get("size")),
            source=word(row.get("source")),
            requests=_count(row, "num_model_requests"),
            images=_count(row, "images"),
        )


def costs_of(bucket: Mapping[str, Any]) -> CostBucket:
    """Read a bucket of costs; ValueError when it cannot be read."""
    ends = bucket.get("end_time")
    if not isinstance(ends, int) or ends <= bucket["start_time"]:
        raise ValueError("a bucket of costs without an end")
    return CostBucket(bucket["start_time"], ends, tuple(_item(row) for row in _results(bucket)))


def _item(row: Mapping[str, Any]) -> LineItem:
    amount = row.get("amount")
    if not isinstance(amount, Mapping):
        raise ValueError("a line item without an amount")  # noqa: TRY004 - what came from outside is wrong, no type is
    quantity = row.get("quantity")
    return LineItem(
        project_id=word(row.get("project_id")),
        key_id=word(row.get("api_key_id")),
        name=word(row.get("line_item")),
        amount=_decimal(amount.get("value", 0)),
        currency=str(amount.get("currency") or "usd").casefold(),
        quantity=None if quantity is None else _decimal(quantity),
        unit=word(row.get("quantity_unit")),
    )


def _results(bucket: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    rows = bucket.get("results")
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise ValueError("a bucket without results")
    return rows


def _count(row: Mapping[str, Any], name: str) -> int:
    value = row.get(name)
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"no count of {name}")
    return value


def _decimal(value: object) -> Decimal:
    """Read a number as it was written: the shortest decimal of a float is what stood there."""
    try:
        number = Decimal(str(value if value is not None else 0))
    except InvalidOperation:
        raise ValueError(f"{str(value)[:40]!r} is no amount") from None
    if not number.is_finite():
        raise ValueError(f"{number} is no amount")
    return number
