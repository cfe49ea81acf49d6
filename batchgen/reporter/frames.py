"""The small frames: what was drawn and paid, by one dimension at a time."""

from collections.abc import Callable, Iterator, Sequence
from operator import add
from typing import TYPE_CHECKING, Any

from batchgen.errors import InputError
from batchgen.ledger import Ledger, Money, UsageRow
from batchgen.money import MicroUSD
from batchgen.reporter.page import Group, Slice, dearest
from batchgen.reporter.tables import IMAGES, JOBS, USAGE, Column, with_tags
from batchgen.text import safe

if TYPE_CHECKING:
    from pandas import DataFrame

# A tag with more values than this names things and does not sort them: its sums are left to the file.
MOST_VALUES = 5_000
KIND = ("model", "size", "quality", "provider")
_SUMS = (
    "images", "attempts", "text_in_tokens", "image_in_tokens", "output_tokens",
    "confirmed_micro_usd", "estimated_micro_usd", "at_risk_micro_usd", "not_charged_micro_usd",
)  # fmt: skip


def frame(ledger: Ledger, table: str = "images") -> "DataFrame":
    """One table of the report (images, jobs or usage) as a frame, with the columns of its CSV file.

    InputError for another name. It holds the whole table in memory; for very long ones read the files instead.
    """
    tables: dict[str, tuple[Sequence[Column[Any]], Callable[[], Iterator[Any]]]] = {
        "images": (IMAGES, ledger.report_rows.images),
        "jobs": (JOBS, ledger.report_rows.jobs),
        "usage": (USAGE, ledger.report_rows.usage),
    }
    if table not in list(tables):
        raise InputError(f"table: {safe(repr(table), 80)} is none of {', '.join(tables)}")
    columns, rows = tables[table]
    with ledger.snapshot():
        return frame_of(with_tags(columns, ledger.report_rows.tag_names()), tuple(rows()))


def frame_of(columns: Sequence[Column[Any]], rows: Sequence[Any]) -> "DataFrame":
    """Rows as a frame: whole numbers as nullable 64-bit integers, so that money stays exact."""
    import pandas as pd

    kinds = {str: "object", int: "Int64", float: "Float64"}
    return pd.DataFrame({c.name: pd.Series([c.get(row) for row in rows], dtype=kinds[c.kind]) for c in columns})


class Usage:
    """Usage by model, size, quality, provider and by each tag, summed row by row; each adds up to the whole."""

    def __init__(self, columns: Sequence[Column[UsageRow]], tags: Sequence[str]) -> None:
        """Start with nothing; `columns` are those of the table, with the tags' own at their end."""
        by_title = {column.name: column.get for column in columns}
        titles = [column.name for column in columns[len(columns) - len(tags) :]]
        self._values = {name: by_title[name] for name in KIND} | {
            tag: by_title[title] for tag, title in zip(tags, titles, strict=True)
        }
        self._amounts = tuple(by_title[name] for name in _SUMS)
        self._parts: dict[str, dict[str, list[int]]] = {name: {} for name in self._values}
        self._endless: list[str] = []
        self.expected = 0

    def add(self, rows: Sequence[UsageRow]) -> None:
        """Add a batch to the sums."""
        for row in rows:
            self.expected += row.expected_micro_usd
            amounts = [int(get(row) or 0) for get in self._amounts]
            for name, part in self._parts.items():
                value = str(self._values[name](row))
                before = part.get(value)
                part[value] = amounts if before is None else list(map(add, before, amounts))
        for name in [name for name, part in self._parts.items() if len(part) > MOST_VALUES]:
            del self._parts[name]
            self._endless.append(name)

    def groups(self) -> tuple[Group, ...]:
        """Return the sums as tables of the page; a tag with too many values has no rows there."""
        sums = (
            dearest([_slice(value, *amounts) for value, amounts in part.items()], name)
            for name, part in self._parts.items()
        )
        return (*sums, *(Group(name, (), MOST_VALUES) for name in self._endless))


def _slice(value: str, images: int, attempts: int, *rest: int) -> Slice:
    text_in, image_in, output, *money = rest
    return Slice(value, images, attempts, text_in + image_in, output, Money(*map(MicroUSD, money)))
