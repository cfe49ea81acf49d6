"""A month's money: every call on the day for which budgets count it, once, and every sum that of the ledger."""

import json
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from batchgen.ledger import Caps, Ledger, Month, Sums
from batchgen.model import AttemptState, Charge
from tests.ledger.conftest import Hands, Make, Open

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Kiritimati", "America/Santiago")
TAGS = [(("room", "hall"),), (("room", "bath"), ("sku", "7")), ()]


def fill(ledger: Ledger, make: Make, clock: Hands, seed: int, calls: int = 60) -> None:
    """Make calls at random moments from February to April, many of them around midnights, that end in all ways."""
    chance = random.Random(seed)
    for number in range(calls):
        day = datetime(2026, chance.choice((2, 3, 4)), chance.choice((1, 8, 28, 29, 31, 15)) % 28 + 1, tzinfo=UTC)
        clock.time = day + timedelta(hours=chance.uniform(-13, 15), seconds=chance.choice((0, 0, 1800)))
        job = make.job(f"job-{number}", n=2, tags=chance.choice(TAGS))
        ledger.jobs.remember([make.wanted(job)])
        attempt = make.attempt(
            job, 2 * chance.randrange(1, 500), slots=(0, 1), provider=chance.choice(("mock", "other"))
        )
        assert ledger.reservations.reserve(attempt, Caps()) is None
        clock.time += timedelta(seconds=chance.uniform(1, 7200))
        match chance.randrange(6):
            case 0 | 1:
                ledger.attempts.settle(make.answer(attempt), AttemptState.SETTLED, make.cost(chance.randrange(900)))
            case 2:
                cost = make.cost(chance.randrange(900), estimated=True)
                ledger.attempts.settle(make.failure(attempt, Charge.YES), AttemptState.CHARGED_NO_RESULT, cost)
            case 3:
                ledger.attempts.settle(make.failure(attempt, Charge.MAYBE), AttemptState.AT_RISK)
            case 4:
                ledger.attempts.settle(make.failure(attempt, Charge.NO), AttemptState.NOT_CHARGED)
            case _:
                pass  # under way


def told(ledger: Ledger, month: str, zone: str = "UTC", name: str = "shop") -> Month:
    """Return a month of a ledger."""
    found = Month(month)
    ledger.give_month(found, ZoneInfo(zone), lambda _: name)
    return found


@pytest.mark.parametrize("zone", ZONES)
def test_months_add_up_to_the_ledger(ledger: Ledger, make: Make, clock: Hands, zone: str) -> None:
    """Whatever the time zone, to the micro-dollar; so does every breakdown of a month."""
    fill(ledger, make, clock, seed=ZONES.index(zone))
    months = [told(ledger, f"2026-0{number}", zone) for number in (1, 2, 3, 4, 5)]
    money = ledger.accounts.totals().money
    whole = Sums()
    for month in months:
        whole = whole.plus(month.total())
        lines = Sums()
        for line in month.lines():
            assert line.day.startswith(month.name)
            lines = lines.plus(line.sums)
        for sums in (
            *(month.by(name) for name in ("day", "provider", "model", "catalogue")),
            *dict(month.by_tag(9)).values(),
        ):
            added = Sums()
            for one in sums.values():
                added = added.plus(one)
            assert added == month.total() == lines
        assert sum(lost for _, _, _, lost in month.waste()) == month.total().wasted_micro_usd
    assert (whole.confirmed_micro_usd, whole.estimated_micro_usd) == (money.confirmed, money.estimated)
    assert (whole.at_risk_micro_usd, whole.not_charged_micro_usd) == (money.at_risk, money.not_charged)
    wasted = Counter({(kind, code): 0 for month in months for kind, code, _, _ in month.waste()})
    for month in months:
        wasted.update({(kind, code): lost for kind, code, _, lost in month.waste()})
    assert wasted == Counter({(one.kind, one.code): one.micro_usd for one in ledger.accounts.waste()})


@pytest.mark.parametrize("zone", ZONES)
def test_a_day_is_the_day_of_the_budget(ledger: Ledger, make: Make, clock: Hands, zone: str) -> None:
    """What the gate counts for a day is what the report says of it, also on the days on which clocks change."""
    fill(ledger, make, clock, seed=3, calls=40)
    spent = Counter[str]()
    for number in (2, 3, 4):
        for day, sums in told(ledger, f"2026-0{number}", zone).by("day").items():
            spent[day] = sums.charged_micro_usd + sums.at_risk_micro_usd
    ended = [row for row in ledger.report_rows.attempts() if row.state != AttemptState.DISPATCHED]
    for day in sorted({f"{row.ended.astimezone(ZoneInfo(zone)):%Y-%m-%d}" for row in ended if row.ended}):
        same = [row for row in ended if row.ended and f"{row.ended.astimezone(ZoneInfo(zone)):%Y-%m-%d}" == day]
        open_ = [
            row for row in ledger.attempts.orphans() if f"{row.started.astimezone(ZoneInfo(zone)):%Y-%m-%d}" == day
        ]
        assert spent[day] == sum(row.cost + row.at_risk for row in same) + sum(row.reserved for row in open_)


def test_the_last_second_of_a_month_is_the_zones_own(ledger: Ledger, make: Make, clock: Hands) -> None:
    """23:59:59 in Berlin on the 31st of March, in summer time already, is March; a second later it is April."""
    for number, second in enumerate((58, 59, 60, 61)):
        job = make.job(str(number))
        ledger.jobs.remember([make.wanted(job)])
        attempt = make.attempt(job)
        assert ledger.reservations.reserve(attempt, Caps()) is None
        clock.time = datetime(2026, 3, 31, 21, 59, tzinfo=UTC) + timedelta(seconds=second)
        ledger.attempts.settle(make.answer(attempt), AttemptState.SETTLED, make.cost(1))
    days = {**told(ledger, "2026-03", "Europe/Berlin").by("day"), **told(ledger, "2026-04", "Europe/Berlin").by("day")}
    assert {day: sums.calls for day, sums in days.items()} == {"2026-03-31": 2, "2026-04-01": 2}


def test_what_is_collected_later_counts_when_it_was_reserved(ledger: Ledger, make: Make, clock: Hands) -> None:
    """As for the budgets: a batch of the last day of a month belongs to that month."""
    job = make.job()
    ledger.jobs.remember([make.wanted(job)])
    clock.time = datetime(2026, 3, 31, 12, tzinfo=UTC)
    attempt = make.attempt(job)
    assert ledger.reservations.reserve(attempt, Caps()) is None
    ledger.attempts.park(attempt.id, "batch-1", clock.time)
    clock.time = datetime(2026, 4, 1, 12, tzinfo=UTC)
    ledger.attempts.settle(make.answer(attempt), AttemptState.SETTLED, make.cost(50))
    assert told(ledger, "2026-03").total().confirmed_micro_usd == 50
    assert told(ledger, "2026-04").total() == Sums()


def test_a_call_counts_once_whoever_tells_of_it(opened: Open, make: Make, clock: Hands, tmp_path: Path) -> None:
    """A copy of a ledger adds nothing; another ledger adds its own."""
    first = opened()
    fill(first, make, clock, seed=5, calls=30)
    first.copy_to(tmp_path / "copy.db")
    copy, other = opened(tmp_path / "copy.db", run_id=None, readonly=True), opened(tmp_path / "other.db")
    fill(other, make, clock, seed=6, calls=30)
    month = told(first, "2026-03")
    once = month.total()
    copy.give_month(month, ZoneInfo("UTC"), lambda _: "copy")
    assert month.total() == once
    other.give_month(month, ZoneInfo("UTC"), lambda _: "other")
    assert month.total() == once.plus(told(other, "2026-03").total())
    assert set(month.by("catalogue")) == {"shop", "other"}


def test_every_catalogue_of_a_file_is_told(opened: Open, make: Make, clock: Hands, tmp_path: Path) -> None:
    """Catalogues that share a ledger share its budget."""
    ledgers = [opened(tmp_path / "shared.db", catalogue=name, run_id=f"run-{name}") for name in ("a", "b")]
    for name, ledger in zip(("a", "b"), ledgers, strict=True):
        make.run_id = f"run-{name}"
        fill(ledger, make, clock, seed=7, calls=10)
    month = Month("2026-03")
    ledgers[0].give_month(month, ZoneInfo("UTC"), str.upper)
    assert set(month.by("catalogue")) == {"A", "B"}
    assert json.loads(next(month.lines()).tags) in [[list(pair) for pair in tags] for tags in TAGS]
