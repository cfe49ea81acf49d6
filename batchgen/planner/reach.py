"""Where the user's limits end a run: which jobs they do not reach, in the expected and in the worst case."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import NamedTuple

from batchgen.ledger import COUNT_IMAGES, CapKind, Headroom
from batchgen.planner.pairing import Planned


@dataclass(frozen=True, slots=True)
class Shortfall:
    """What limits do not reach: the first job, what keeps it, and how many jobs and images remain."""

    limit: Headroom
    job: str
    jobs: int
    images: int


@dataclass(frozen=True, slots=True)
class Reach:
    """What limits do not reach when calls cost what is expected, and when each costs the most; None is nothing."""

    expected: Shortfall | None = None
    worst: Shortfall | None = None


class _Ask(NamedTuple):
    """What one job asks for: so many equal calls, all of which together cost this."""

    calls: int
    images: int
    expected: int
    high: int


@dataclass(slots=True)
class _Case:
    """Spends what the limits leave, job by job, as a run does: a call needs its worst case, and then costs less.

    A job that does not fit waits, and smaller ones behind it may still fit.
    """

    limits: Sequence[Headroom]
    at_worst: bool
    left: list[int] = field(init=False)
    first: tuple[Headroom, str] | None = None
    jobs: int = 0
    images: int = 0

    def __post_init__(self) -> None:
        self.left = [limit.free for limit in self.limits]

    def take(self, name: str, ask: _Ask) -> None:
        """Draw what fits of a job."""
        asked = [self._asked(limit.kind, ask) for limit in self.limits]
        fits = [_fitting(left, *one, ask.calls) for left, one in zip(self.left, asked, strict=True)]
        calls = min((ask.calls, *fits))
        self.left = [left - ceil(used * calls / ask.calls) for left, (_, used) in zip(self.left, asked, strict=True)]
        if calls == ask.calls:
            return
        self.first = self.first or (self.limits[fits.index(calls)], name)
        self.jobs += 1
        self.images += ask.images - ask.images * calls // ask.calls

    def _asked(self, kind: CapKind, ask: _Ask) -> tuple[int, int]:
        """Return what one call needs to begin, and what all use in the end."""
        if kind in COUNT_IMAGES:
            return ceil(ask.images / ask.calls), ask.images
        return ceil(ask.high / ask.calls), ask.high if self.at_worst else ask.expected

    def shortfall(self) -> Shortfall | None:
        """Return what remained."""
        return Shortfall(*self.first, self.jobs, self.images) if self.first else None


def _fitting(left: int, need: int, used: int, calls: int) -> int:
    """How many of some calls fit one after the other, each of which needs this much to begin."""
    if left < need:
        return 0
    return min(calls, (left - need) * calls // used + 1) if used else calls


class Frontier:
    """Watches a plan for where limits end it. `at_once` says that all is reserved before anything is settled.

    Where jobs are `ranked` by priority, each takes a few dozen bytes until the end; otherwise none is remembered.
    """

    def __init__(self, limits: Sequence[Headroom], *, ranked: bool = False, at_once: bool = False) -> None:
        self._cases = (_Case(limits, at_once), _Case(limits, at_worst=True)) if limits else ()
        self._ranked = ranked
        self._ranks, self._asks = array("d"), array("q")
        self._names, self._ends = bytearray(), array("q")

    def watch(self, planned: Iterable[Planned]) -> Iterator[Planned]:
        """Pass a plan through."""
        for item in planned:
            if self._cases and item.slots and item.cost:
                quote = item.cost.quote
                self._see(item, _Ask(item.cost.calls, len(item.slots), quote.expected, quote.high))
            yield item

    def _see(self, item: Planned, ask: _Ask) -> None:
        if not self._ranked:
            self._take(item.job.id, ask)
            return
        self._ranks.append(-item.job.priority)
        self._asks.extend(ask)
        self._names += item.job.id.encode("utf-8", "surrogatepass")
        self._ends.append(len(self._names))

    def _take(self, name: str, ask: _Ask) -> None:
        for case in self._cases:
            case.take(name, ask)

    def reach(self) -> Reach | None:
        """Say where the limits end what streamed by; None without limits."""
        if not self._cases:
            return None
        for place in sorted(range(len(self._ranks)), key=self._ranks.__getitem__):
            name = self._names[self._ends[place - 1] if place else 0 : self._ends[place]]
            self._take(name.decode("utf-8", "surrogatepass"), _Ask(*self._asks[4 * place : 4 * place + 4]))
        expected, worst = (case.shortfall() for case in self._cases)
        return Reach(expected, worst)
