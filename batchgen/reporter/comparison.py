"""The same thing drawn in several ways: side by side with what each cost, and what the cheaper ones would save.

Two images are compared when they stand for the same row, slot and other values of a matrix, and differ in the value
of an axis that sets model or quality, or that is named `prompt`. A saving is against the dearest way of the same thing.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from batchgen.ledger import VariantRow
from batchgen.money import ZERO, MicroUSD, exact
from batchgen.reporter.tables import MICRO_DOLLARS, Column
from batchgen.reporter.words import link, shown

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

MOST_THINGS = 60
MOST_WAYS = 50


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

    @property
    def each(self) -> MicroUSD:
        """What one image cost on average, rounded down."""
        return MicroUSD(self.cost // self.images)

    def add(self, one: Shown) -> None:
        """Count an image."""
        self.images += 1
        self.cost = MicroUSD(self.cost + one.row.cost_micro_usd)
        self.saving = MicroUSD(self.saving + one.saving)


@dataclass(slots=True)
class Comparison:
    """Sums of every way, and the first things with their images; `total` counts the things."""

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
                    self.ways.setdefault(one.row.way, Total()).add(one)


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
    text = _template().render(ways=ways, things=comparison.things, total=comparison.total, thumbs=thumbs)
    return Markup(text)  # noqa: S704 - rendered with every value escaped


@cache
def _template() -> "Template":
    from importlib.resources import files

    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters |= {"usd": exact, "shown": shown, "link": link}
    environment.filters["count"] = "{:,}".format
    return environment.from_string((files("batchgen.reporter") / "web" / "comparison.html").read_text("utf-8"))
