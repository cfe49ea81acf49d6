"""The small frames: what was drawn and paid, by one dimension at a time."""

from collections.abc import Callable, Iterator, Sequence
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
    """Usage by model, size, quality, provider and by each tag, summed batch by batch; each adds up to the whole."""

    def __init__(self, columns: Sequence[Column[UsageRow]], tags: Sequence[str]) -> None:
        """Start with nothing; `columns` are those of the table, with the tags' own at their end."""
        self._columns = columns
        titles = [column.name for column in columns[len(columns) - len(tags) :]]
        self._titles = {**{name: name for name in KIND}, **dict(zip(tags, titles, strict=True))}
        self._parts: dict[str, DataFrame] = {}
        self._endless: list[str] = []
        self.expected = 0

    def add(self, rows: Sequence[UsageRow]) -> None:
        """Add a batch to the sums."""
        frame = frame_of(self._columns, rows)
        self.expected += int(frame["expected_micro_usd"].sum())
        for name, title in tuple(self._titles.items()):
            part = _summed([frame], title)
            before = self._parts.get(name)
            self._parts[name] = part if before is None else _summed([before, part], title)
            if len(self._parts[name]) > MOST_VALUES:
                del self._parts[name], self._titles[name]
                self._endless.append(name)

    def groups(self) -> tuple[Group, ...]:
        """Return the sums as tables of the page; a tag with too many values has no rows there."""
        sums = (dearest(_slices(part), name) for name, part in self._parts.items())
        return (*sums, *(Group(name, (), MOST_VALUES) for name in self._endless))


def _summed(frames: "Sequence[DataFrame]", column: str) -> "DataFrame":
    import pandas as pd

    return pd.concat(frames).groupby(column, sort=False)[list(_SUMS)].sum().reset_index()


def _slices(frame: "DataFrame") -> list[Slice]:
    return [_slice(str(value), *map(int, sums)) for value, *sums in frame.itertuples(index=False, name=None)]


def _slice(value: str, images: int, attempts: int, *rest: int) -> Slice:
    text_in, image_in, output, *money = rest
    return Slice(value, images, attempts, text_in + image_in, output, Money(*map(MicroUSD, money)))
