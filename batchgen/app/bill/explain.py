"""Why a bill differs from the ledger, day by day and model by model, to the micro-dollar.

The sum of all differences is the bill less the ledger, exactly: each is what is left after the ones before it, and what
nothing explains is said to be so.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal

from batchgen.app.bill.match import Placed, undated, window
from batchgen.ledger import BookedCall, Difference, DifferenceKind, Finding
from batchgen.money import MICRO, MicroUSD
from batchgen.providers.organization import HOUR, CostBucket, LineItem

DOLLARS = "usd"
FullPrice = Callable[[LineItem], Decimal | None]
"""What a token of a line item would cost if it had not been cached, in micro-dollars."""


@dataclass(frozen=True, slots=True)
class Books:
    """What is asked of the books: closed days, whose keys and projects are ours, and which models are compared.

    `keys` is None where nobody knows which are ours. `rebuilt`: what happened before is known from images alone.
    """

    days: Sequence[CostBucket]
    keys: frozenset[str] | None
    projects: frozenset[str]
    is_compared: Callable[[str], bool]
    full_price: FullPrice
    rebuilt: datetime | None = None

    def is_ours(self, item: LineItem) -> bool:
        """Whether a line item is of our keys, or of nobody in particular."""
        return not item.key_id or self.keys is None or item.key_id in self.keys

    def compares(self, item: LineItem) -> bool:
        """Whether a line item is of our projects, and of a model that draws."""
        here = not self.projects or not item.project_id or item.project_id in self.projects
        return here and self.is_compared(undated(item.model))


@dataclass(frozen=True, slots=True)
class Statement:
    """A bill against the ledger: billed = ledger + the sum of the differences, in micro-dollars.

    `findings` settle calls at risk; what they confirm is part of `ledger`.
    """

    billed: MicroUSD
    ledger: MicroUSD
    differences: tuple[Difference, ...]
    findings: tuple[Finding, ...]


@dataclass(slots=True)
class _Cell:
    """One model on one day."""

    day: CostBucket
    model: str
    billed: Decimal = Decimal(0)
    strangers: dict[str, Decimal] = field(default_factory=dict)
    currencies: set[str] = field(default_factory=set)
    saved: Decimal = Decimal(0)
    certain: list[BookedCall] = field(default_factory=list)
    missing: list[BookedCall] = field(default_factory=list)
    charged: list[BookedCall] = field(default_factory=list)
    others: int = 0
    perhaps_ours: int = 0
    confirmed: int = 0
    moved: int = 0
    """What the day beside has too much of this one's money, or less than nothing: what this one has of the other's."""

    def pair(self) -> None:
        """Take calls that are missing at their hour for requests at another hour of the day: a clock was wrong."""
        paired = min(len(self.missing), self.others)
        self.certain += self.missing[:paired]
        self.missing, self.others = self.missing[paired:], self.others - paired

    @property
    def ledger(self) -> int:
        """What the ledger says of this day, with what was confirmed."""
        return sum(call.cost for call in (*self.certain, *self.missing)) + self.confirmed

    @property
    def calls(self) -> int:
        """How many charged calls stand on both sides."""
        return len(self.certain) + len(self.charged)

    @property
    def left(self) -> int:
        """What the bill has beyond the ledger."""
        return _whole(self.billed) - self.ledger

    @property
    def unsaved(self) -> int:
        """The same, had no input been cached."""
        return self.left + _whole(self.saved)

    def is_rounding(self, amount: int) -> bool:
        """Whether an amount is no more than what rounding each call up can make."""
        return -self.calls - 1 <= amount <= 1

    def difference(
        self, kind: DifferenceKind, amount: int, *, calls: int = 0, key: str = "", detail: str = ""
    ) -> Difference:
        """Name one difference of this day."""
        return Difference(kind, amount, moment(self.day.begins), moment(self.day.ends), self.model, key, calls, detail)


def explain(calls: Sequence[BookedCall], placed: Placed, books: Books) -> Statement:
    """Hold the closed days of a bill against calls that are placed on its books."""
    cells = _cells(calls, placed, books)
    findings = list(_cleared(calls, placed))
    _moved_over_midnight(cells)
    for cell in cells:
        findings += _confirmed(cell)
    together = _shifted(cells)
    differences = [one for cell in cells for one in _differences(cell, books, shifted=id(cell) in together)]
    exact = sum((cell.billed + sum(cell.strangers.values(), Decimal(0)) for cell in cells), Decimal(0))
    ledger = sum(cell.ledger for cell in cells)
    rest = _whole(exact) - ledger - sum(one.micro_usd for one in differences)
    if rest:
        differences.append(Difference(DifferenceKind.ROUNDING, rest, detail="of the bill itself"))
    return Statement(MicroUSD(_whole(exact)), MicroUSD(ledger), tuple(differences), tuple(findings))


def _cells(calls: Sequence[BookedCall], placed: Placed, books: Books) -> list[_Cell]:
    sheet = _Sheet(books.days)
    for day in books.days:
        for item in day.items:
            if books.compares(item):
                for cell in sheet.at(day.begins, undated(item.model)):
                    _enter(cell, item, books)
    _place_calls(sheet, calls, placed)
    for counts, name in ((placed.others, "others"), (placed.perhaps_ours, "perhaps_ours")):
        _count(sheet, counts, name)
    for cell in sheet.cells.values():
        cell.pair()
    return [sheet.cells[key] for key in sorted(sheet.cells)]


def _count(sheet: "_Sheet", counts: Mapping[tuple[int, str], int], name: str) -> None:
    for (hour, model), count in counts.items():
        for cell in sheet.at(hour * HOUR, model):
            setattr(cell, name, getattr(cell, name) + count)


def _place_calls(sheet: "_Sheet", calls: Sequence[BookedCall], placed: Placed) -> None:
    for hours, name in ((placed.certain, "certain"), (placed.missing, "missing"), (placed.charged, "charged")):
        for call in calls:
            for cell in sheet.at(hours[call.id] * HOUR, undated(call.model)) if call.id in hours else ():
                getattr(cell, name).append(call)


class _Sheet:
    """Days by models."""

    def __init__(self, days: Sequence[CostBucket]) -> None:
        self.cells: dict[tuple[int, str], _Cell] = {}
        self._days = days
        self._begins = [day.begins for day in days]

    def at(self, seconds: int, model: str) -> Iterator[_Cell]:
        """Give the cell of a moment, if its day is compared."""
        index = bisect_right(self._begins, seconds) - 1
        if index >= 0 and seconds < self._days[index].ends:
            yield self.cells.setdefault((index, model), _Cell(self._days[index], model))


def _enter(cell: _Cell, item: LineItem, books: Books) -> None:
    micro_usd = item.amount * MICRO
    if item.currency != DOLLARS:
        if micro_usd:
            cell.currencies.add(item.currency)
    elif not books.is_ours(item):
        cell.strangers[item.key_id] = cell.strangers.get(item.key_id, Decimal(0)) + micro_usd
    else:
        cell.billed += micro_usd
        if item.is_cached and item.quantity is not None and (price := books.full_price(item)) is not None:
            cell.saved += item.quantity * price - micro_usd


def _cleared(calls: Sequence[BookedCall], placed: Placed) -> Iterator[Finding]:
    cleared = {*placed.cleared}
    for call in calls:
        if call.id in cleared:
            yield Finding(call.id, call.job_id, MicroUSD(0), call.most)


def _neighbours(cells: Sequence[_Cell]) -> Iterator[tuple[_Cell, _Cell]]:
    """Pair each day of a model with the one before it, where there is no gap."""
    before: dict[str, _Cell] = {}
    for cell in cells:
        last, before[cell.model] = before.get(cell.model), cell
        if last is not None and last.day.ends == cell.day.begins:
            yield last, cell


def _moved_over_midnight(cells: Sequence[_Cell]) -> None:
    """Give a day with calls at risk what the day beside it has too much, where certain calls may stand on either.

    Which lines of a batch were drawn before midnight nobody says: a dear one that is taken for a cheap one leaves money
    on one day, and takes it from what the calls at risk of the other are confirmed with. It is given once, to a day
    that lacks some of what its calls were expected to cost, and only where such lines explain all of it.
    """
    for last, cell in _neighbours(cells):
        if bool(last.charged) == bool(cell.charged):
            continue
        at_risk, other = (last, cell) if last.charged else (cell, last)
        is_other_clear = not (other.others or other.missing or other.saved or other.is_rounding(other.left))
        too_much = other.left + other.moved
        lacks = sum(call.expected for call in at_risk.charged) > at_risk.left + at_risk.moved
        if is_other_clear and lacks and 0 < too_much <= _swapped(at_risk, other, cell.day.begins // HOUR):
            at_risk.moved += too_much
            other.moved -= too_much


def _swapped(at_risk: _Cell, other: _Cell, midnight: int) -> int:
    """Say how much dearer the certain calls of one day can be than those of the other that may stand in their place."""
    dear, cheap = (
        sorted(call.cost for call in day.certain if window(call)[0] < midnight <= window(call)[1])
        for day in (at_risk, other)
    )
    return sum(max(0, dearer - cheaper) for dearer, cheaper in zip(reversed(dear), cheap, strict=False))


def _confirmed(cell: _Cell) -> Iterator[Finding]:
    """Confirm calls at risk that stand on the books, with the money that the bill has for them.

    They share it as they were expected to cost, each up to its worst case. One for which there is none stays at risk.
    """
    beyond = cell.left + cell.moved + _whole(cell.saved)
    if cell.others:
        beyond = min(beyond, sum(call.expected for call in cell.charged))
    shares = _shared(beyond, cell.charged)
    cell.confirmed = sum(shares)
    for call, share in zip(cell.charged, shares, strict=True):
        if share:
            yield Finding(call.id, call.job_id, MicroUSD(share), MicroUSD(call.most - share))


def _shared(amount: int, calls: Sequence[BookedCall]) -> list[int]:
    """Share an amount among calls in proportion to what they were expected to cost, none above its worst case."""
    shares = [0] * len(calls)
    left = max(amount, 0)
    weight: int = sum(call.expected for call in calls)
    for index, call in enumerate(calls):
        shares[index] = min(call.most, left * call.expected // weight if weight else 0)
        left, weight = left - shares[index], weight - call.expected
    for index, call in enumerate(calls):
        more = min(call.most - shares[index], left)
        shares[index], left = shares[index] + more, left - more
    return shares


def _shifted(cells: Sequence[_Cell]) -> set[int]:
    """Find days whose differences are each other's: what one has too much, the next has too little."""
    found: set[int] = set()
    for last, cell in _neighbours(cells):
        if id(last) in found:
            continue
        apart = not cell.is_rounding(cell.unsaved) and not last.is_rounding(last.unsaved)
        rounded = sum(one.calls + len(one.missing) for one in (last, cell))
        if apart and last.unsaved * cell.unsaved < 0 and abs(last.unsaved + cell.unsaved) <= rounded:
            found |= {id(last), id(cell)}
    return found


def _differences(cell: _Cell, books: Books, *, shifted: bool) -> Iterator[Difference]:
    for key, exact in sorted(cell.strangers.items()):
        if theirs := _whole(exact):
            yield cell.difference(DifferenceKind.OTHER_USE, theirs, key=key)
    if cell.currencies and not shifted:
        yield cell.difference(DifferenceKind.CURRENCY, cell.left, detail=", ".join(sorted(cell.currencies)))
        return
    if saved := -_whole(cell.saved):
        yield cell.difference(DifferenceKind.CACHED_INPUT, saved)
    if shifted:
        yield cell.difference(DifferenceKind.TIME_ZONE, cell.unsaved)
        return
    if absent := _absent(cell, cell.unsaved):
        yield cell.difference(DifferenceKind.MISSING_THERE, absent, calls=len(cell.missing))
    if left := cell.unsaved - absent:
        kind, calls = _kind(cell, books, left)
        yield cell.difference(kind, left, calls=calls)


def _absent(cell: _Cell, left: int) -> int:
    """Say what missing calls take from a bill: how many they are is known, not which, so no more than it lacks."""
    absent = -sum(call.cost for call in cell.missing)
    return absent if cell.others else min(0, max(absent, left))


def _kind(cell: _Cell, books: Books, left: int) -> tuple[DifferenceKind, int]:
    """Name what is left of a day's difference, and how many calls are behind it."""
    if cell.is_rounding(left):
        return DifferenceKind.ROUNDING, cell.calls
    if books.keys is None:
        return DifferenceKind.UNEXPLAINED, 0
    if cell.others and left > 0:
        return _whose(cell, books), cell.others
    # What is below the ledger is a price: calls of others only add to a bill, and those that are missing are named.
    if not cell.calls or (cell.missing and left > 0):
        return DifferenceKind.UNEXPLAINED, cell.others
    if any(call.estimated for call in cell.certain):
        return DifferenceKind.ESTIMATED, cell.calls
    return DifferenceKind.PRICE, cell.calls


def _whose(cell: _Cell, books: Books) -> DifferenceKind:
    """Say whose requests are left: no call leaves unwritten, so what no free call of ours can be is somebody else's."""
    lost = books.rebuilt is not None and moment(cell.day.begins) < books.rebuilt
    return DifferenceKind.MISSING_HERE if lost or cell.others <= cell.perhaps_ours else DifferenceKind.OTHER_USE


def by_kind(differences: Sequence[Difference]) -> Mapping[DifferenceKind, tuple[int, int]]:
    """Count differences of each kind, and sum them up in micro-dollars."""
    counts = Counter(one.kind for one in differences)
    return {
        kind: (counts[kind], sum(one.micro_usd for one in differences if one.kind is kind))
        for kind in DifferenceKind
        if counts[kind]
    }


def _whole(micro_usd: Decimal) -> int:
    return int(micro_usd.to_integral_value(rounding=ROUND_HALF_EVEN))


def moment(seconds: int) -> datetime:
    """Read a second of the books."""
    return datetime.fromtimestamp(seconds, UTC)
