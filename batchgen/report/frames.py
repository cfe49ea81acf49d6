"""The small frames: what was drawn and paid, by one dimension at a time."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from batchgen.ledger import Ledger, Money, UsageRow
from batchgen.money import MicroUSD
from batchgen.report.page import Group, Slice, dearest
from batchgen.report.tables import IMAGES, JOBS, USAGE, Column, tag_names, with_tags

if TYPE_CHECKING:
    from pandas import DataFrame

Row = TypeVar("Row")

CHUNK = 20_000
KIND = ("model", "size", "quality", "provider")
_SUMS = (
    "images", "attempts", "text_in_tokens", "image_in_tokens", "output_tokens",
    "confirmed_micro_usd", "estimated_micro_usd", "at_risk_micro_usd", "not_charged_micro_usd",
)  # fmt: skip


def batches(rows: Iterable[Row], size: int = CHUNK) -> Iterator[tuple[Row, ...]]:
    """Cut rows into tuples of at most `size`, pulled as they are needed."""
    stream = iter(rows)
    while batch := tuple(islice(stream, size)):
        yield batch


def frame(ledger: Ledger, table: str = "images") -> "DataFrame":
    """One table of the report (images, jobs or usage) as a frame, with the columns of its CSV file.

    KeyError for another name. It holds the whole table in memory; for very long ones read the files instead.
    """
    tables: dict[str, tuple[Sequence[Column[Any]], Callable[[], Iterator[Any]]]] = {
        "images": (IMAGES, ledger.image_rows),
        "jobs": (JOBS, ledger.job_rows),
        "usage": (USAGE, ledger.usage_rows),
    }
    columns, rows = tables[table]
    return frame_of(with_tags(columns, tag_names(ledger.job_rows())), tuple(rows()))


def frame_of(columns: Sequence[Column[Any]], rows: Sequence[Any]) -> "DataFrame":
    """Rows as a frame: whole numbers as nullable 64-bit integers, so that money stays exact."""
    import pandas as pd

    kinds = {str: "object", int: "Int64", float: "Float64"}
    return pd.DataFrame({c.name: pd.Series([c.get(row) for row in rows], dtype=kinds[c.kind]) for c in columns})


def groups(rows: Iterable[UsageRow], tags: Sequence[str]) -> tuple[Group, ...]:
    """Usage by model, size, quality, provider and by each tag, each adding up to the whole."""
    columns = with_tags(USAGE, tags)
    dimensions = {
        **{name: name for name in KIND},
        **dict(zip(tags, [c.name for c in columns[len(USAGE) :]], strict=True)),
    }
    parts: dict[str, list[DataFrame]] = {name: [] for name in dimensions}
    for batch in batches(rows):
        frame = frame_of(columns, batch)
        for name, column in dimensions.items():
            parts[name].append(_summed(frame, column))
    return tuple(
        dearest(_slices(_together(frames, dimensions[name])), name) for name, frames in parts.items() if frames
    )


def _summed(frame: "DataFrame", column: str) -> "DataFrame":
    return frame.groupby(column, sort=False)[list(_SUMS)].sum().reset_index()


def _together(frames: "Sequence[DataFrame]", column: str) -> "DataFrame":
    import pandas as pd

    return frames[0] if len(frames) == 1 else _summed(pd.concat(frames), column)


def _slices(frame: "DataFrame") -> list[Slice]:
    return [_slice(str(value), *map(int, sums)) for value, *sums in frame.itertuples(index=False, name=None)]


def _slice(value: str, images: int, attempts: int, *rest: int) -> Slice:
    text_in, image_in, output, *money = rest
    return Slice(value, images, attempts, text_in + image_in, output, Money(*map(MicroUSD, money)))
