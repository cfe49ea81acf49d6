"""Differences that are planted between a provider's books and the ledger, each on days of its own, and their names.

What is planted has a day without any other weather, so that the line which names it, and the money on it, are known.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Any

from batchgen.app.bill.reconcile import BooksResult, reconcile_books
from batchgen.ledger import DifferenceKind
from batchgen.mock import Rule
from batchgen.mock.bill import digest
from tests.nights.catalogue import ANTIQUE, LOOKS
from tests.nights.laws import books

if TYPE_CHECKING:
    from tests.nights.month import Month

STRANGER, STRANGERS = "key_stranger", 7_777
"""A key of somebody else, and what its one call costs."""
TOOLS = (9_123, 4_321)
"""What calls of another tool with our key cost: in a quiet hour, and in the middle of a run."""
RISE = Decimal("1.2345")
"""A new price, as a share of the old one; its calls cost fractions of a micro-dollar."""
LISTS = {LOOKS["model"]: ("5", "8", "30"), ANTIQUE: ("5", "8", "32"), "gpt-image-2.5-flare": ("5", "8", "30")}
TOKENS = ("text_in", "image_in", "image_out")
LOST, NEVER = "an answer that is lost", "a call that nobody sees"
ROWS = 6


@dataclass
class Planted:
    """What was planted: the difference of one day, and which name it has to have."""

    name: str
    kind: DifferenceKind
    day: date
    micro_usd: int
    least: int = 0
    """How far the line may be from that: rounding of calls shares the day."""


class Plants:
    """The days after the nights of one month."""

    def __init__(self, of: "Month", begins: datetime) -> None:
        self._of, self._begins = of, begins.replace(hour=0, minute=0, second=0, microsecond=0)
        self.planted: list[Planted] = []
        self.lost: dict[str, str] = {}

    def _at(self, day: int, hour: float) -> datetime:
        moment = self._begins + timedelta(days=day, hours=hour)
        self._of.almanac.turn_to(moment)
        return moment

    def _draw(self, many: int = ROWS, names: tuple[str, ...] = ()) -> list[str]:
        skus = [self._of.catalogue.add("card") for _ in range(many)]
        for sku, name in zip(skus, names, strict=False):
            self._of.catalogue.rows[sku]["name"] += f", {name}"
        self._of.run()
        return skus

    @contextmanager
    def _counted(self) -> Iterator[Callable[[], int]]:
        """Give what the books have beyond the ledger for the calls of this block, afterwards."""
        of, before = self._of, (self._of.handle.plant(), books(self._of.folder).booked)
        yield lambda: _whole(of.handle.plant() - before[0]) - (books(of.folder).booked - before[1])

    # ---- what is planted ---------------------------------------------------------------------------------------------

    def all(self) -> None:
        """Plant every kind."""
        self._lost_answers(0)
        self._price_at_noon(3)
        self._rounding(4)
        self._clock_over_midnight(7)
        self._another_tool(11)
        self._at(20, 12)

    def stranger(self, noon: datetime) -> None:
        """Let somebody else draw with a key of its own."""
        call = {"at": noon.timestamp(), "model": LOOKS["model"], "micro_usd": STRANGERS, "key_id": STRANGER}
        self._of.handle.plant(calls=[call])

    def _lost_answers(self, day: int) -> None:
        """One call that is charged and never answered, and one that never arrives: both are drawn again at once."""
        self._at(day, 21)
        for name, charged in ((LOST, "yes"), (NEVER, "no")):
            self._of.handle.faults.add(Rule("reset_before_headers", prompt=name, times=1, options={"charged": charged}))
        skus = self._draw(2, (LOST, NEVER))
        self._of.handle.faults.clear()
        self.lost = dict(zip((LOST, NEVER), skus, strict=True))

    def _price_at_noon(self, day: int) -> None:
        """Draw at the old price in the morning, and at the new one in the evening, when nobody knows it yet."""
        self._at(day, 10)
        self._draw(2)
        noon = self._at(day, 12)
        self._of.handle.plant(price={"since": noon.timestamp(), "times": str(RISE)})
        self._at(day, 21)
        with self._counted() as beyond:
            self._draw()
        self._of.gap += max(0, beyond()) + ROWS  # the bill has each call rounded up
        self.planted.append(Planted("price at noon", DifferenceKind.PRICE, noon.date(), beyond(), least=2 * ROWS))

    def _rounding(self, day: int) -> None:
        """Know the new price: what is left are fractions of micro-dollars."""
        evening = self._at(day, 21)
        self._of.catalogue.form.prices = {
            model: {
                "token_prices": {name: float(Decimal(one) * RISE) for name, one in zip(TOKENS, prices, strict=True)}
            }
            for model, prices in LISTS.items()
        }
        with self._counted() as beyond:
            self._draw()
        if beyond():
            self.planted.append(Planted("rounding", DifferenceKind.ROUNDING, evening.date(), beyond()))

    def _clock_over_midnight(self, day: int) -> None:
        """Draw in the evening with a clock that says tomorrow: the same money, on two days."""
        evening = self._at(day, 22.5)
        self._of.machine.wrong = timedelta(hours=3)
        total = self._of.handle.plant()
        self._draw()
        self._of.machine.wrong = timedelta()
        amount = _whole(self._of.handle.plant() - total)
        for when, share in ((evening, amount), (evening + timedelta(days=1), -amount)):
            one = Planted("time zone", DifferenceKind.TIME_ZONE, when.date(), share, least=2 * ROWS)
            self.planted.append(one)

    def _another_tool(self, day: int) -> None:
        """Let another tool draw with our key."""
        ours = f"key_{digest(self._of.key)}"
        for hour, cost in zip((3, 21), TOOLS, strict=True):
            at = self._at(day, hour).timestamp() + 20
            self._of.handle.plant(calls=[{"at": at, "model": LOOKS["model"], "micro_usd": cost, "key_id": ours}])
        with self._counted() as beyond:
            self._draw()
        when = (self._begins + timedelta(days=day)).date()
        tool = Planted("another tool", DifferenceKind.OTHER_USE, when, sum(TOOLS) + beyond(), least=2 * ROWS)
        self.planted.append(tool)

    # ---- whether it is named -----------------------------------------------------------------------------------------

    def named(self, found: BooksResult) -> None:
        """See that the bill calls each by its name, with its money."""
        strangers = [(one.kind, one.micro_usd) for one in found.differences if one.key_id == STRANGER]
        assert strangers == [(DifferenceKind.OTHER_USE, STRANGERS)], (found.differences, self._of.told)
        self._of.figures.planted["stranger"] += 1
        for one in self.planted:
            day = [(diff.kind, diff.micro_usd) for diff in found.differences if _is_on(diff.begins, one.day)]
            assert [kind for kind, _ in day] == [one.kind], (one, day, self._of.told)
            assert abs(day[0][1] - one.micro_usd) <= one.least, (one, day, self._of.told)
            self._of.figures.planted[one.name] += 1
        self._settled()

    def _settled(self) -> None:
        """See that of the two calls without an answer one was confirmed, and the other cleared."""
        names = tuple(self.lost.values())
        rows = [row for row in books(self._of.folder).attempts if row.job_id.startswith(names)]
        states = sorted(row.state.value for row in rows)
        assert states == ["not_charged", "settled", "settled", "settled"], (states, self._of.told)
        self._of.figures.planted |= {"lost answer": 1, "call that never arrived": 1}

    def otherwise(self, before: BooksResult) -> None:
        """Write the same books in other ways: another currency, other days, cached input."""
        for told, back, kind in (
            ({"currency": "eur"}, {"currency": "usd"}, DifferenceKind.CURRENCY),
            ({"cached_input": "0.25"}, {"cached_input": "0"}, DifferenceKind.CACHED_INPUT),
            ({"day_begins": 8 * 3600}, {"day_begins": 0}, None),
        ):
            found = self._again(told)
            self._of.handle.plant(**back)
            kinds = {one.kind for one in found.differences}
            assert DifferenceKind.UNEXPLAINED not in kinds, (told, found.differences, self._of.told)
            assert kind is None or kind in kinds, (told, found.differences, self._of.told)
            if (
                kind is DifferenceKind.CURRENCY
            ):  # and on a day that has nothing but calls of a wrong clock, there is none
                assert kinds <= {kind, DifferenceKind.MISSING_THERE}, (found.differences, self._of.told)
            if kind is DifferenceKind.CACHED_INPUT:
                less = sum(one.micro_usd for one in found.differences if one.kind is kind)
                assert abs(less - (found.billed - before.billed)) <= len(found.differences) + 200, self._of.told
            self._of.figures.planted[next(iter(told)).replace("_", " ")] += 1

    def _again(self, told: dict[str, Any]) -> BooksResult:
        self._of.handle.plant(**told)
        return explained(self._of)


def explained(of: "Month") -> BooksResult:
    """Have the bill explained; the sum of all lines is exact."""
    found = reconcile_books(of.folder, base_url=of.handle.base_url, clock=of.machine)
    assert found.billed - found.ledger == sum(one.micro_usd for one in found.differences), of.told
    return found


def _is_on(begins: datetime | None, day: date) -> bool:
    return begins is not None and begins.date() == day


def _whole(micro_usd: Decimal) -> int:
    return int(micro_usd.to_integral_value(rounding=ROUND_HALF_EVEN))
