"""Where the user's limits end a run: which jobs they do not reach, in the expected and in the worst case."""

import sys
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from batchgen.ledger import COUNT_IMAGES, Headroom
from batchgen.model import Job
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
    """What one job asks for: so many equal calls, for images that all together cost this.

    `able` says which providers it may be asked of: its place in a list of such lists.
    """

    calls: int
    images: int
    expected: int
    high: int
    able: int = 0


class _Case:
    """Spends what the limits leave, job by job, as a run does: a call needs its worst case, and then costs less.

    A job that does not fit waits, and smaller ones behind it may still fit. Of several limits in one unit the tightest
    stays the tightest, as what is spent counts for all of them. `daily` are the images that single providers have
    left: where one has none, the next one that is able is asked.
    """

    __slots__ = (
        "_at_worst", "_daily", "_first", "_images", "_images_limit", "_jobs", "_left", "_left_out", "_money",
        "_money_limit",
    )  # fmt: skip

    def __init__(self, limits: Sequence[Headroom], daily: Mapping[str, Headroom], *, at_worst: bool) -> None:
        self._at_worst = at_worst
        self._daily = daily
        self._left = {name: limit.free for name, limit in daily.items()}
        self._images_limit = _tightest(limit for limit in limits if limit.kind in COUNT_IMAGES)
        self._money_limit = _tightest(limit for limit in limits if limit.kind not in COUNT_IMAGES)
        self._images = self._images_limit.free if self._images_limit else ENDLESS
        self._money = self._money_limit.free if self._money_limit else ENDLESS
        self._first: tuple[Headroom, str] | None = None
        self._jobs = self._left_out = 0

    def take(self, name: str, ask: _Ask, able: Sequence[str]) -> None:
        """Draw what fits of a job."""
        calls, images, expected, high, _ = ask
        if calls == 1 and not self._left:  # nearly every job
            if high <= self._money and images <= self._images:
                self._images -= images
                self._money -= high if self._at_worst else expected
            else:
                self._leave_out(name, self._money_limit if high > self._money else self._images_limit, images)
            return
        used, each = high if self._at_worst else expected, -(-images // calls)
        of_money = _fitting(self._money, -(-high // calls), used, calls)
        of_images = _fitting(self._images, each, images, calls)
        drawn = self._at_providers(able, min(of_money, of_images), each)
        self._images -= -(-images * drawn // calls)
        self._money -= -(-used * drawn // calls)
        if drawn < calls:
            limits = ((of_money, self._money_limit), (of_images, self._images_limit))
            limit = next((one for fits, one in limits if fits == drawn), None) or self._daily[able[0]]
            self._leave_out(name, limit, images - images * drawn // calls)

    def _leave_out(self, name: str, limit: Headroom | None, images: int) -> None:
        if self._first is None and limit is not None:
            self._first = (limit, name)
        self._jobs += 1
        self._left_out += images

    def _at_providers(self, able: Sequence[str], calls: int, each: int) -> int:
        """Say for how many of some calls there are providers with images left, and take those."""
        if not self._left or not able:
            return calls
        left = calls
        for name in able:
            if name not in self._left:  # this one has no such limit
                return calls
            there = min(left, self._left[name] // each)
            self._left[name] -= there * each
            left -= there
        return calls - left

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

    `daily` is what is left of the images of a day at each provider that has such a limit, where there are several;
    `able` says which of them a job may be asked of, the first one before the others. Where jobs are `ranked` by
    priority, each takes a few dozen bytes until the end; otherwise none is remembered.
    """

    def __init__(
        self,
        limits: Sequence[Headroom],
        *,
        daily: Mapping[str, Headroom] | None = None,
        able: Callable[[Job], Sequence[str]] | None = None,
        ranked: bool = False,
        at_once: bool = False,
    ) -> None:
        each, any_limit = daily or {}, bool(limits or daily)
        self._cases = (_Case(limits, each, at_worst=at_once), _Case(limits, each, at_worst=True)) if any_limit else ()
        self._able = able if each else None
        self._some: dict[tuple[str, ...], int] = {(): 0}
        self._ranked = ranked
        self._ranks, self._asks = array("d"), array("q")
        self._names, self._ends = bytearray(), array("q")

    def watch(self, planned: Iterable[Planned]) -> Iterator[Planned]:
        """Pass a plan through."""
        for item in planned:
            if self._cases and item.slots and item.cost:
                quote = item.cost.quote
                able = self._able_of(item)
                self._see(item, _Ask(item.cost.calls, len(item.slots), quote.expected, quote.high, able))
            yield item

    def _able_of(self, item: Planned) -> int:
        if self._able is None or item.cost is None:
            return 0
        first = item.cost.provider
        names = tuple(sorted(self._able(item.job), key=first.__ne__))
        return self._some.setdefault(names, len(self._some))

    def _see(self, item: Planned, ask: _Ask) -> None:
        if not self._ranked:
            self._take(item.job.id, ask)
            return
        self._ranks.append(-item.job.priority)
        self._asks.extend(ask)
        self._names += item.job.id.encode("utf-8", "surrogatepass")
        self._ends.append(len(self._names))

    def _take(self, name: str, ask: _Ask) -> None:
        able = list(self._some)[ask.able] if ask.able else ()
        for case in self._cases:
            case.take(name, ask, able)

    def reach(self) -> Reach | None:
        """Say where the limits end what streamed by; None without limits."""
        if not self._cases:
            return None
        for place in sorted(range(len(self._ranks)), key=self._ranks.__getitem__):
            name = self._names[self._ends[place - 1] if place else 0 : self._ends[place]]
            self._take(name.decode("utf-8", "surrogatepass"), _Ask(*self._asks[5 * place : 5 * place + 5]))
        expected, worst = (case.shortfall() for case in self._cases)
        return Reach(expected, worst)
