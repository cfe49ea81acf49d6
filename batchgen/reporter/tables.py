"""The tables of the report: which columns they have, in which order, and what stands in a cell."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from operator import attrgetter, itemgetter
from typing import Any, Generic, TypeVar

from batchgen.errors import Place
from batchgen.ledger import BatchRow, Difference, ImageRow, JobRow, MeasuredRow, Review, UsageRow
from batchgen.model import CheckFlag
from batchgen.storage.derived import Derived

Cell = str | int | float | None
Row = TypeVar("Row")

Taker = Callable[[Sequence[Any]], object]
"""Takes the rows of a table, batch by batch: a file, a sheet, or what the page keeps of them."""

BATCH = 2_000
MICRO_DOLLARS = "micro-dollars"


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """A named value of a row, of one kind: text, a whole number, or a number; `unit` says of what."""

    name: str
    get: Callable[[Row], Cell]
    kind: type[str | int | float] = str
    unit: str = ""


@lru_cache(4096)
def tags_of(listed: str) -> Mapping[str, str]:
    """Tags as the ledger keeps them: a JSON list of pairs."""
    return dict(json.loads(listed or "[]"))


@lru_cache(4096)
def names(listed: str) -> tuple[str, ...]:
    """Return flags, categories or slots as the ledger keeps them: a JSON list."""
    return tuple(map(str, json.loads(listed or "[]")))


def not_as_asked(mismatches: str) -> tuple[str, ...]:
    """Return the flags of an image for what is not as asked of it, a JSON list."""
    return tuple(f"not_as_asked:{name}" for name in names(mismatches))


def flags(row: ImageRow) -> tuple[str, ...]:
    """Everything that is odd about an image and about what its call cost."""
    asked, cost = not_as_asked(row.mismatches), names(row.cost_flags)
    checks = _failed(row.failed_checks, alike=row.alike)
    return tuple(sorted({*asked, *cost, *checks})) if cost or checks else asked


def _failed(checks: str, *, alike: int) -> tuple[str, ...]:
    """Return the checks that an image fails; the one about others that look like it stands apart in the ledger."""
    return (*names(checks), *((CheckFlag.DUPLICATE.value,) if alike else ()))


def _utc(moment: datetime | None) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if moment else ""


def _day(moment: datetime | None) -> str:
    """Write a bound of the provider's day: the date alone where it is midnight."""
    if moment is None:
        return ""
    return moment.date().isoformat() if moment.timestamp() % 86_400 == 0 else moment.isoformat(timespec="minutes")


def _listed(name: str) -> Callable[[Any], Cell]:
    return lambda row: " ".join(names(getattr(row, name)))


def texts(*columns: str) -> tuple[Column[Any], ...]:
    """Make columns of words of their own names."""
    return tuple(Column(name, attrgetter(name)) for name in columns)


def counts(unit: str, *columns: str) -> tuple[Column[Any], ...]:
    """Make columns of whole numbers of their own names."""
    return tuple(Column(name, attrgetter(name), int, unit) for name in columns)


COUNTED = "pictures"
"""The unit of images in files since version 0.1.0: programs of others may look for it."""
_KIND = texts("model", "size", "quality", "provider")
_SLOTS = counts(
    COUNTED, "wanted", "stored", "moderated", "failed", "uncertain", "lost_paid", "submitted", "not_started"
)
_CALLS = counts("calls", "attempts", "retried")
_MONEY = counts(
    MICRO_DOLLARS,
    *("confirmed_micro_usd", "estimated_micro_usd", "at_risk_micro_usd", "not_charged_micro_usd"),
    "expected_micro_usd",
)
_TOKENS = tuple(Column(f"{name}_tokens", attrgetter(name), int, "tokens") for name in ("text_in", "image_in", "output"))

IMAGES: tuple[Column[ImageRow], ...] = (
    *texts("job_id", "job_key"),
    *counts("", "slot"),
    *texts("state", "path", "sha256"),
    *counts("bytes", "bytes"),
    *counts("pixels", "width", "height"),
    *texts("format"),
    *_KIND,
    *counts(MICRO_DOLLARS, "cost_micro_usd"),
    *texts("prompt"),
    Column("flags", lambda row: " ".join(flags(row))),
    Column("reason", lambda row: row.reason.words),
    *texts("fault", "review", "note"),
    Column("accepted", lambda row: str(row.review == Review.APPROVED).lower()),
)
BATCHES: tuple[Column[BatchRow], ...] = (
    *texts("id", "provider_id", "provider"),
    Column("state", lambda row: row.word),
    *texts("model", "endpoint"),
    *counts("lines", "lines"),
    *counts(COUNTED, "images"),
    *counts("lines", "completed", "failed"),
    Column("reserved_micro_usd", attrgetter("reserved"), int, MICRO_DOLLARS),
    Column("confirmed_micro_usd", attrgetter("confirmed"), int, MICRO_DOLLARS),
    Column("created_at", lambda row: _utc(row.created)),
    Column("ended_at", lambda row: _utc(row.ended)),
    *texts("message"),
)
CHECKS: tuple[Column[MeasuredRow], ...] = (
    *texts("job_id", "path"),
    Column("border_off", attrgetter("border_off"), float, "share"),
    Column("margin", attrgetter("margin"), float, "share"),
    Column("sharpness", attrgetter("sharpness"), float, "steps"),
    *texts("looks"),
    Column("flags", lambda row: " ".join(_failed(row.flags, alike=row.alike))),
)
DERIVATIVES: tuple[Column[Derived], ...] = (
    Column("image", attrgetter("source")),
    *texts("name", "path"),
    *counts("bytes", "bytes"),
    *counts("pixels", "width", "height"),
    *texts("format"),
    Column("flags", lambda derived: " ".join(derived.flags)),
)
RERUN: tuple[Column[ImageRow], ...] = (
    *texts("job_id"),
    *counts("", "slot"),
    *texts("prompt", "note", "path", "job_key", "sha256"),
)
JOBS: tuple[Column[JobRow], ...] = (
    *texts("job_id", "job_key"),
    Column("state", attrgetter("outcome")),
    *texts("operation"),
    *_KIND,
    *_SLOTS,
    *_CALLS,
    *_TOKENS,
    *_MONEY,
    Column("seconds", attrgetter("seconds"), float, "seconds"),
    *texts("code", "message", "prompt"),
)
USAGE: tuple[Column[UsageRow], ...] = (
    *_KIND,
    *counts("jobs", "jobs"),
    *_CALLS,
    *counts(COUNTED, "asked", "images"),
    *_TOKENS,
    *_MONEY,
    *counts(COUNTED, "accepted"),
    *counts(MICRO_DOLLARS, "cost_per_accepted_micro_usd"),
)
MODERATED: tuple[Column[JobRow], ...] = (
    Column("id", attrgetter("job_id")),
    Column("prompt", lambda row: row.moderated_prompt or row.prompt),
    *texts("code"),
    Column("categories", _listed("categories")),
    Column("slots", _listed("moderated_slots")),
    *texts("job_key", "message"),
)

REJECTED: tuple[Column[tuple[Place | None, str]], ...] = (
    Column("file", lambda row: row[0].file if row[0] else ""),
    Column("line", lambda row: row[0].line if row[0] else None, int),
    Column("reason", lambda row: row[1]),
)
DIFFERENCES: tuple[Column[Difference], ...] = (
    Column("begins", lambda one: _day(one.begins)),
    Column("ends", lambda one: _day(one.ends)),
    *texts("model", "key_id"),
    Column("kind", lambda one: one.kind.value),
    *counts("", "calls"),
    Column("difference_micro_usd", lambda one: one.micro_usd, int),
    *texts("detail"),
)
TOTALS: tuple[Column[tuple[str, Cell, int | None]], ...] = (
    Column("what", itemgetter(0)),
    Column("value", itemgetter(1)),
    Column("amount_micro_usd", itemgetter(2), int, MICRO_DOLLARS),
)
"""The sheet of totals: one row for each number of `summary.json`, money in a column of its own."""


def totals(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Cell, int | None]]:
    """Spell an account out, a row for each number; lists have tables of their own."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from totals(value, f"{before}{name}.")
        elif name.endswith("_micro_usd"):
            yield before + name.removesuffix("_micro_usd"), None, value
        elif not isinstance(value, list):
            yield before + name, value, None


def with_tags(columns: Sequence[Column[Any]], tags: Iterable[str]) -> tuple[Column[Any], ...]:
    """Add a column for each tag under the tag's own name, with `tag_` before it where the name is taken."""
    taken = {column.name for column in columns}
    tagged: list[Column[Any]] = []
    for tag in tags:
        title = tag
        while title in taken:
            title = f"tag_{title}"
        taken.add(title)
        tagged.append(Column(title, _tag(tag)))
    return (*columns, *tagged)


def _tag(tag: str) -> Callable[[Any], Cell]:
    return lambda row: tags_of(row.tags).get(tag, "")


def batches(rows: Iterable[Row], size: int = BATCH) -> Iterator[tuple[Row, ...]]:
    """Cut rows into tuples of at most `size`, pulled as they are needed."""
    stream = iter(rows)
    while batch := tuple(islice(stream, size)):
        yield batch
