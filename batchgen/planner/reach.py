"""Where the user's limits end a run: which jobs they do not reach, in the expected and in the worst case."""

import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from batchgen.ledger import COUNT_IMAGES, Headroom
from batchgen.planner.pairing import Planned

ENDLESS = sys.maxsize
"""What is left where there is no limit."""


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
    """What one job asks for: so many equal calls, for images that all together cost this."""

    calls: int
    images: int
    expected: int
    high: int


class _Case:
    """Spends what the limits leave, job by job, as a run does: a call needs its worst case, and then costs less.

    A job that does not fit waits, and smaller ones behind it may still fit. Of several limits in one unit the tightest
    stays the tightest, as what is spent counts for all of them.
    """

    __slots__ = ("_at_worst", "_first", "_images", "_images_limit", "_jobs", "_left_out", "_money", "_money_limit")

    def __init__(self, limits: Sequence[Headroom], *, at_worst: bool) -> None:
        self._at_worst = at_worst
        self._images_limit = _tightest(limit for limit in limits if limit.kind in COUNT_IMAGES)
        self._money_limit = _tightest(limit for limit in limits if limit.kind not in COUNT_IMAGES)
        self._images = self._images_limit.free if self._images_limit else ENDLESS
        self._money = self._money_limit.free if self._money_limit else ENDLESS
        self._first: tuple[Headroom, str] | None = None
        self._jobs = self._left_out = 0

    def take(self, name: str, ask: _Ask) -> None:
        """Draw what fits of a job."""
        calls, images, expected, high = ask
        if calls == 1 and high <= self._money and images <= self._images:  # nearly every job of a million
            self._images -= images
            self._money -= high if self._at_worst else expected
            return
        used = high if self._at_worst else expected
        of_money = _fitting(self._money, -(-high // calls), used, calls)
        of_images = _fitting(self._images, -(-images // calls), images, calls)
        drawn = min(of_money, of_images)
        self._images -= -(-images * drawn // calls)
        self._money -= -(-used * drawn // calls)
        if drawn < calls:
            limit = self._money_limit if of_money == drawn else self._images_limit
            assert limit is not None
            self._first = self._first or (limit, name)
            self._jobs += 1
            self._left_out += images - images * drawn // calls

    def shortfall(self) -> Shortfall | None:
        """Return what remained."""
        return Shortfall(*self._first, self._jobs, self._left_out) if self._first else None


def _tightest(limits: Iterable[Headroom]) -> Headroom | None:
    return min(limits, key=lambda limit: limit.free, default=None)


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
        self._cases = (_Case(limits, at_worst=at_once), _Case(limits, at_worst=True)) if limits else ()
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
