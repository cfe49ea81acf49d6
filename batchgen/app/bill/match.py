"""Which calls of the ledger stand on the provider's books: counts by the hour against attempts, and nothing guessed.

Books say how many requests of a kind (model, source, size) were charged in an hour, never which. A call may stand in
any hour that it touches. Certain calls are placed first, the tightest first, then calls at risk into what is left, the
dearest first; a request that nothing explains is somebody else's.

The ledger keeps no trace of a key, so those of its calls are told by what they did: a key on whose books every charged
call of the ledger finds an hour of its own. Two that would both do, or none, leave it open, and nothing is settled.
"""

import re
from collections import Counter, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from heapq import heappop, heappush
from itertools import combinations
from typing import NamedTuple

from batchgen.ledger import BookedCall
from batchgen.model import AttemptState, Operation
from batchgen.providers.organization import HOUR, Usage

SKEW = 120
"""Seconds by which the provider's clock and this machine's may differ."""
AROUND = 24
"""Hours around a call at risk in which an unexplained request is a doubt."""
LATE = 25 * HOUR
"""Seconds by which an image can have come after its call: of some adopted ones only this moment is known."""
WRONG = 6
"""Hours by which a clock may have been wrong."""
MOST_KEYS = 6
"""Keys of which every selection is tried."""
SOURCES = {Operation.GENERATE: "image.generation", Operation.EDIT: "image.edit"}
_CHARGED = frozenset({AttemptState.SETTLED, AttemptState.CHARGED_NO_RESULT})
_PERHAPS_CHARGED = frozenset({AttemptState.NOT_CHARGED, AttemptState.PENDING})
_DATE = re.compile(r"-\d{4}-\d{2}-\d{2}$")


class Kind(NamedTuple):
    """What books tell requests apart by; `size` is empty where a call's size is not known."""

    model: str
    source: str
    size: str


@dataclass(frozen=True, slots=True)
class Span:
    """The hours that are closed on the books, from the first up to, and without, `end`."""

    first: int
    end: int


@dataclass(slots=True)
class Placed:
    """Where calls stand on the books, by the hour.

    `certain` are charged calls, `missing` those that are not on the books with an hour of theirs. Calls at risk are
    `charged`, `cleared`, or `kept` because there is doubt. `others` counts requests that no call explains, and
    `perhaps_ours` calls of ours that these may have been, on each day: those that this ledger took for free, those that
    are to come, and kept ones.
    """

    certain: dict[str, int] = field(default_factory=dict)
    missing: dict[str, int] = field(default_factory=dict)
    charged: dict[str, int] = field(default_factory=dict)
    cleared: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    others: Counter[tuple[int, str]] = field(default_factory=Counter)
    perhaps_ours: Counter[tuple[int, str]] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Window:
    """The hours in which one call may stand."""

    call: BookedCall
    first: int
    last: int


def _window(call: BookedCall, wrong: int) -> _Window:
    first, last = window(call)
    return _Window(call, first - wrong, last + wrong)


def match(calls: Sequence[BookedCall], usage: Sequence[Usage], span: Span, *, settles: bool, wrong: int = 0) -> Placed:
    """Place calls on the books of the keys that are theirs; without `settles` every call at risk is kept.

    `wrong`: by so many hours the clock of the machine may have been wrong.
    """
    found = Placed()
    asked = _by_kind(calls)
    booked = _requests(usage, {(kind.model, kind.source) for kind in asked if not kind.size})
    for kind in sorted(asked.keys() | booked.keys()):
        windows = [_window(call, wrong) for call in asked.get(kind, ())]
        _match_kind(kind, windows, booked.get(kind, Counter()), span, found, settles=settles)
    return found


def window(call: BookedCall) -> tuple[int, int]:
    """Return the first and the last hour in which a call may stand; one that is to come is drawn within a day."""
    ended = call.ended or call.started + timedelta(seconds=LATE if call.state is AttemptState.PENDING else 0)
    early = LATE if call.adopted and call.started == ended else SKEW
    return int(call.started.timestamp() - early) // HOUR, int(ended.timestamp() + SKEW) // HOUR


def undated(model: str) -> str:
    """Return the name of a model without the date of its snapshot."""
    return _DATE.sub("", model)


def _by_kind(calls: Iterable[BookedCall]) -> dict[Kind, list[BookedCall]]:
    listed = list(calls)
    unknown = {(undated(call.model), SOURCES[call.operation]) for call in listed if call.size is None}
    found: dict[Kind, list[BookedCall]] = {}
    for call in listed:
        model, source = undated(call.model), SOURCES[call.operation]
        size = "" if (model, source) in unknown else call.size or ""
        found.setdefault(Kind(model, source, size), []).append(call)
    return found


def _requests(usage: Sequence[Usage], sizeless: set[tuple[str, str]]) -> dict[Kind, Counter[int]]:
    found: dict[Kind, Counter[int]] = {}
    for row in usage:
        model = undated(row.model)
        kind = Kind(model, row.source, "" if (model, row.source) in sizeless else row.size)
        found.setdefault(kind, Counter())[row.begins // HOUR] += row.requests
    return found


def _match_kind(
    kind: Kind, windows: Sequence[_Window], booked: Counter[int], span: Span, found: Placed, *, settles: bool
) -> None:
    inside = [one for one in windows if one.last >= span.first and one.first < span.end]
    certain = [one for one in inside if one.call.state in _CHARGED]
    doubts = [one for one in inside if one.call.state is AttemptState.AT_RISK]
    full = Counter({hour: count for hour, count in booked.items() if span.first <= hour < span.end})
    room = _Room(Counter(full))
    missing = room.fill([one for one in certain if one.first >= span.first], span)
    for one in certain:
        if one.first < span.first:
            room.add(one)
    # Which of them stand there nobody says. The dearest can have cost whatever the bill has; a cheaper one cannot.
    likely = [doubt for doubt in sorted(doubts, key=lambda one: -one.call.most) if room.add(doubt)]
    found.missing |= missing
    found.certain |= {one.call.id: room.at[one.call.id] for one in certain if one.call.id in room.at}
    fates = _Fates(certain, full, Counter(room.left), frozenset(missing.values()), span)
    for doubt in doubts:
        _decide(doubt, room, fates, found, on_books=doubt in likely, settles=settles)
        if doubt.call.id in found.kept:
            found.perhaps_ours[doubt.first, kind.model] += 1
    found.others.update({(hour, kind.model): count for hour, count in room.left.items() if count > 0})
    free = [one for one in inside if one.call.state in _PERHAPS_CHARGED]
    found.perhaps_ours.update((hour, kind.model) for one in free for hour in range(one.first, one.last + 1, AROUND))


def _decide(doubt: _Window, room: "_Room", fates: "_Fates", found: Placed, *, on_books: bool, settles: bool) -> None:
    """Put one call at risk where it belongs; what is kept leaves its request unexplained."""
    name = doubt.call.id
    if settles and not on_books and (fates.nothing_left(doubt) or fates.sure(doubt)):
        found.cleared.append(name)
    elif settles and on_books and fates.sure(doubt):
        found.charged[name] = room.at[name]
    else:
        found.kept.append(name)
        if on_books:
            room.left[room.at[name]] += 1


class _Room:
    """Requests of one kind on the books, and calls that stand on them: `left` by the hour, `at` by the call."""

    def __init__(self, left: Counter[int]) -> None:
        self.left = left
        self.at: dict[str, int] = {}
        self._standing: dict[int, list[_Window]] = {}

    def fill(self, windows: Sequence[_Window], span: Span) -> dict[str, int]:
        """Place as many calls as can be, the tightest first; returns those for which there is no hour of theirs.

        One that reaches beyond the span, and finds no room inside, stands outside: it is neither.
        """
        waiting = sorted(windows, key=lambda one: (one.first, one.call.started))
        heap: list[tuple[int, int]] = []
        missing = dict[str, int]()
        following = 0
        for hour in sorted({*self.left, *(one.last for one in windows)}):
            while following < len(waiting) and waiting[following].first <= hour:
                heappush(heap, (waiting[following].last, following))
                following += 1
            while heap and self.left[hour] > 0:
                self._put(waiting[heappop(heap)[1]], hour)
            while heap and heap[0][0] <= hour:
                one = waiting[heappop(heap)[1]]
                if one.last < span.end:
                    missing[one.call.id] = one.first
        return missing

    def add(self, window: _Window) -> bool:
        """Place one call more, and let others make room where they can; False when there is none."""
        ways: dict[int, tuple[int, _Window] | None] = dict.fromkeys(range(window.first, window.last + 1))
        queue = deque(ways)
        while queue:
            hour = queue.popleft()
            if self.left[hour] > 0:
                self._shift(window, hour, ways)
                return True
            for one in self._standing.get(hour, ()):
                for other in range(one.first, one.last + 1):
                    if other not in ways:
                        ways[other] = (hour, one)
                        queue.append(other)
        return False

    def _shift(self, window: _Window, hour: int, ways: Mapping[int, tuple[int, _Window] | None]) -> None:
        while (way := ways[hour]) is not None:
            before, moved = way
            self._standing[before].remove(moved)
            self.left[before] += 1
            self._put(moved, hour)
            hour = before
        self._put(window, hour)

    def _put(self, window: _Window, hour: int) -> None:
        self.left[hour] -= 1
        self.at[window.call.id] = hour
        self._standing.setdefault(hour, []).append(window)


@dataclass(frozen=True, slots=True)
class _Fates:
    """What the books prove of calls at risk of one kind.

    `left` is what no call explains, `lacking` are hours in which a charged call of ours is missing.
    """

    certain: Sequence[_Window]
    full: Mapping[int, int]
    left: Mapping[int, int]
    lacking: frozenset[int]
    span: Span

    def sure(self, doubt: _Window) -> bool:
        """Whether every request is explained in all hours that calls tie to those of this one, and none is missing."""
        hours = self._tied(doubt)
        return self._is_closed(doubt) and self._is_clean(hours)

    def nothing_left(self, doubt: _Window) -> bool:
        """Whether certain calls that can stand nowhere else fill all hours of this one."""
        hours = range(doubt.first, doubt.last + 1)
        requests = sum(self.full.get(hour, 0) for hour in hours)
        filled = sum(one.first >= doubt.first and one.last <= doubt.last for one in self.certain)
        return self._is_closed(doubt) and requests == filled and self._is_clean(hours)

    def _is_clean(self, hours: range) -> bool:
        """Whether nobody else used the key in these hours and a day around them: a clock may have been wrong."""
        around = range(hours.start - AROUND, hours.stop + AROUND)
        return not any(self.left.get(hour, 0) or hour in self.lacking for hour in around)

    def _is_closed(self, doubt: _Window) -> bool:
        return doubt.first >= self.span.first and doubt.last < self.span.end

    def _tied(self, doubt: _Window) -> range:
        first, last = doubt.first, doubt.last
        while True:
            tied = [one for one in self.certain if one.first <= last and one.last >= first]
            low = min((one.first for one in tied), default=first)
            high = max((one.last for one in tied), default=last)
            if low >= first and high <= last:
                return range(first, last + 1)
            first, last = min(first, low), max(last, high)


@dataclass(frozen=True, slots=True)
class Keys:
    """Our keys, None where nobody can tell; `sure` when their books may settle anything."""

    ours: frozenset[str] | None
    sure: bool


def our_keys(calls: Sequence[BookedCall], usage: Sequence[Usage], span: Span, named: Sequence[str]) -> Keys:
    """Find our keys: those that somebody named, or else the fewest on whose books all our calls stand.

    Books on which no charged call of ours stands may be another organisation's: they settle nothing.
    """
    inside = [row for row in usage if span.first <= row.begins // HOUR < span.end]
    found = Keys(frozenset(named), sure=True) if named else _told_apart(calls, inside, span)
    shown = (
        found.ours is not None
        and match(calls, [row for row in inside if row.key_id in found.ours], span, settles=False).certain
    )
    return Keys(found.ours, sure=found.sure and bool(shown))


def _told_apart(calls: Sequence[BookedCall], usage: Sequence[Usage], span: Span) -> Keys:
    """Take the keys without which some of our calls would stand nowhere, when they are enough for all that stand."""
    keys = {row.key_id for row in usage}
    if len(keys) == 1:
        return Keys(frozenset(keys), sure=True)
    fewest = _missing(calls, usage, span, keys)
    needed = frozenset(key for key in keys if _missing(calls, usage, span, keys - {key}) > fewest)
    if not needed or _missing(calls, usage, span, needed) > fewest:
        return Keys(None, sure=False)
    return Keys(_enough(calls, usage, span, needed), sure=True)


def _enough(calls: Sequence[BookedCall], usage: Sequence[Usage], span: Span, needed: frozenset[str]) -> frozenset[str]:
    """Leave out keys that only a wrong clock makes ours.

    Fewer keys, where no others as few would do, on whose books as many of our calls stand within some hours of their
    own as on those of all.
    """
    fewest = _missing(calls, usage, span, needed, WRONG)
    for size in range(1, len(needed) if len(needed) <= MOST_KEYS else 0):
        choices = combinations(sorted(needed), size)
        found = [some for some in choices if _missing(calls, usage, span, some, WRONG) <= fewest]
        if found:
            return frozenset(found[0]) if len(found) == 1 else needed
    return needed


def _missing(
    calls: Sequence[BookedCall], usage: Sequence[Usage], span: Span, keys: Collection[str], wrong: int = 0
) -> int:
    mine = [row for row in usage if row.key_id in keys]
    return len(match(calls, mine, span, settles=False, wrong=wrong).missing)
