"""The same thing drawn in several ways: side by side with what each cost, and what the cheaper ones would save.

Two images are compared when they stand for the same row, slot and other values of a matrix, and differ in the value
of an axis that sets model or quality, or that is named `prompt`. A saving is against the dearest way of the same thing.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from batchgen.ledger import VariantRow, WayRow
from batchgen.money import ZERO, MicroUSD
from batchgen.reporter.acceptance import accept_rate
from batchgen.reporter.tables import MICRO_DOLLARS, Column
from batchgen.reporter.templates import template

if TYPE_CHECKING:
    from markupsafe import Markup

MOST_THINGS = 60
MOST_WAYS = 50
ENOUGH = 5
"""Images of a way that somebody has to decide about before it is advised."""
GOOD = 0.9
"""The share of them that has to be approved."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One way in which a thing was drawn, and what it saves against the dearest way."""

    row: VariantRow
    saving: MicroUSD


@dataclass(slots=True)
class Total:
    """One way over all things that were drawn in it and in others."""

    images: int = 0
    cost: MicroUSD = ZERO
    saving: MicroUSD = ZERO
    approved: int = 0
    rejected: int = 0

    @property
    def each(self) -> MicroUSD:
        """What one image cost on average, rounded down."""
        return MicroUSD(self.cost // self.images)

    @property
    def rate(self) -> float | None:
        """The share of its images that was approved, of those that somebody decided about."""
        return accept_rate(self.approved, self.rejected)

    def add(self, one: Shown) -> None:
        self.images += 1
        self.cost = MicroUSD(self.cost + one.row.cost_micro_usd)
        self.saving = MicroUSD(self.saving + one.saving)


@dataclass(slots=True)
class Comparison:
    """Sums of every way, and the first things with their images; `total` counts the things.

    `judged` is what people said of each way.
    """

    judged: Mapping[str, WayRow] = field(default_factory=dict)
    ways: dict[str, Total] = field(default_factory=dict)
    things: list[tuple[Shown, ...]] = field(default_factory=list)
    total: int = 0

    def add(self, things: Sequence[tuple[Shown, ...]]) -> None:
        """Take some things, each with all its ways."""
        for thing in things:
            self.total += 1
            if len(self.things) < MOST_THINGS:
                self.things.append(thing)
            for one in thing:
                if one.row.way in self.ways or len(self.ways) < MOST_WAYS:
                    self._way(one.row.way).add(one)

    def _way(self, name: str) -> Total:
        if name not in self.ways:
            said = self.judged.get(name, WayRow(name, 0, 0))
            self.ways[name] = Total(approved=said.approved, rejected=said.rejected)
        return self.ways[name]

    def advice(self) -> str:
        """Say which way to go: the cheapest of which people approved most, where that is not the dearest."""
        dearest = max(self.ways.values(), key=lambda way: way.each, default=None)
        good = [
            (way.each, name, way)
            for name, way in self.ways.items()
            if way.approved + way.rejected >= ENOUGH and (way.rate or 0.0) >= GOOD
        ]
        if dearest is None or not good or (best := min(good))[0] >= dearest.each or not best[0]:
            return ""
        each, name, way = best
        against = next(other for other, total in self.ways.items() if total is dearest)
        decided = f"{way.rate:.0%} accepted ({way.approved} of {way.approved + way.rejected})"
        return f"{name} is {_times(dearest.each / each)} cheaper than {against}, {decided}"


def _times(ratio: float) -> str:
    """Say how many times, as people do: `4 times`, `1.5 times`."""
    return f"{ratio:.1f}".removesuffix(".0") + " times"


_thing = attrgetter("thing", "slot")


def _of(name: str) -> Any:
    return attrgetter(f"row.{name}")


COMPARISON: tuple[Column[Shown], ...] = (
    Column("row", _of("thing")),
    Column("slot", _of("slot"), int),
    Column("variant", _of("way")),
    *(Column(name, _of(name)) for name in ("job_id", "job_key", "path", "model", "size", "quality")),
    Column("cost_micro_usd", _of("cost_micro_usd"), int, MICRO_DOLLARS),
    Column("saving_micro_usd", attrgetter("saving"), int, MICRO_DOLLARS),
    Column("prompt", _of("prompt")),
)


def compared(rows: Iterable[VariantRow]) -> Iterator[tuple[Shown, ...]]:
    """Bring the ways of each thing together, with what each of them saves."""
    for _, same in groupby(rows, key=_thing):
        thing = tuple(same)
        dearest = max(row.cost_micro_usd for row in thing)
        yield tuple(Shown(row, MicroUSD(dearest - row.cost_micro_usd)) for row in thing)


def section(comparison: Comparison, thumbs: Collection[str]) -> "Markup":
    """Render the page's section, every value escaped; nothing where nothing was compared.

    `thumbs` are the hashes of images that have a small copy; what has none is not linked, as a browser might run it
    instead of painting it.
    """
    from markupsafe import Markup

    if not comparison.total:
        return Markup()
    ways = sorted(comparison.ways.items(), key=lambda item: (-item[1].saving, item[0]))
    advice = comparison.advice()
    text = template("comparison.html").render(
        advice=advice, ways=ways, things=comparison.things, total=comparison.total, thumbs=thumbs
    )
    return Markup(text)  # noqa: S704 - rendered with every value escaped
