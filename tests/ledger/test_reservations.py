"""Laws of the money gate."""

import random
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from batchgen.ledger import Caps, Ledger, RunStart
from batchgen.ledger.reservations import CapKind, Line, Refused, day_start, judge, month_start
from batchgen.model import Attempt, AttemptState, Charge
from batchgen.money import MicroUSD
from batchgen.runtime.clock import SystemClock
from tests.ledger.conftest import Hands, Make, Open


def usd(amount: int) -> MicroUSD:
    """Micro-dollars."""
    return MicroUSD(amount)


def refusal(ledger: Ledger, attempt: Attempt, caps: Caps) -> Refused:
    """Reserve, and be refused."""
    refused = ledger.reservations.reserve(attempt, caps)
    assert refused is not None
    return refused


def test_a_call_that_fits_exactly_is_let_through(ledger: Ledger, make: Make) -> None:
    """The whole cap can be used, to the micro-dollar."""
    job = make.job()
    ledger.jobs.remember([make.wanted(job)])
    assert ledger.reservations.reserve(make.attempt(job, high=100), Caps(max_cost=usd(200))) is None
    assert ledger.reservations.reserve(make.attempt(job, high=100), Caps(max_cost=usd(200))) is None
    refused = ledger.reservations.reserve(make.attempt(job, high=1), Caps(max_cost=usd(200)))
    assert refused is not None
    assert (refused.kind, refused.headroom, refused.ever) == (CapKind.MAX_COST, 0, True)


def test_what_a_call_did_not_cost_is_free_again(ledger: Ledger, make: Make) -> None:
    """Settling gives the difference back; a call that was not charged gives everything back."""
    job, caps = make.job(), Caps(max_cost=usd(100))
    ledger.jobs.remember([make.wanted(job)])
    first, second = make.attempt(job), make.attempt(job)
    assert ledger.reservations.reserve(first, caps) is None
    ledger.attempts.settle(make.answer(first), AttemptState.SETTLED, make.cost(40))
    refused = ledger.reservations.reserve(make.attempt(job, high=61), caps)
    assert refused is not None
    assert refused.headroom == 60
    assert not refused.ever
    second = make.attempt(job, high=60)
    assert ledger.reservations.reserve(second, caps) is None
    ledger.attempts.settle(make.failure(second, Charge.NO), AttemptState.NOT_CHARGED)
    assert ledger.reservations.reserve(make.attempt(job, high=60), caps) is None


def test_risk_stays_counted(ledger: Ledger, make: Make, clock: Hands) -> None:
    """What may have been charged is never free again by time alone."""
    job, caps = make.job(), Caps(max_cost=usd(100))
    ledger.jobs.remember([make.wanted(job)])
    attempt = make.attempt(job)
    ledger.reservations.reserve(attempt, caps)
    ledger.attempts.settle(make.failure(attempt, Charge.MAYBE), AttemptState.AT_RISK)
    clock.time += timedelta(days=400)
    refused = ledger.reservations.reserve(make.attempt(job, high=1), caps)
    assert refused is not None
    assert not refused.ever
    assert ledger.reservations.exposure("run-1").at_risk == 100


def test_a_refused_call_leaves_no_trace(ledger: Ledger, make: Make) -> None:
    """A refusal writes nothing."""
    job = make.job()
    ledger.jobs.remember([make.wanted(job)])
    assert ledger.reservations.reserve(make.attempt(job), Caps(max_cost=usd(99))) is not None
    assert list(ledger.report_rows.attempts()) == []


def test_the_run_cap_is_of_one_run(opened: Open, make: Make) -> None:
    """Another run begins with its whole cap."""
    ledger, job = opened(), make.job()
    ledger.jobs.remember([make.wanted(job)])
    assert ledger.reservations.reserve(make.attempt(job), Caps(max_cost=usd(100))) is None
    ledger.runs.begin(RunStart("run-2", "catalogue.yaml", "mock"))
    assert ledger.reservations.reserve(make.attempt(job, run_id="run-2"), Caps(max_cost=usd(100))) is None


def test_a_budget_holds_over_catalogues_and_runs(opened: Open, make: Make) -> None:
    """Two catalogues that share a ledger share its budget."""
    one, two = opened(catalogue="one"), opened(catalogue="two", run_id="run-2")
    job, caps = make.job(), Caps(day=usd(150), month=usd(1000))
    one.jobs.remember([make.wanted(job)])
    two.jobs.remember([make.wanted(job)])
    assert one.reservations.reserve(make.attempt(job), caps) is None
    refused = two.reservations.reserve(make.attempt(job, run_id="run-2"), caps)
    assert refused is not None
    assert (refused.kind, refused.headroom, refused.ever) == (CapKind.DAY, 50, True)


def test_a_new_day_has_a_new_budget_and_the_month_goes_on(ledger: Ledger, make: Make, clock: Hands) -> None:
    """The day's window moves at local midnight, the month's does not."""
    job, caps = make.job(), Caps(day=usd(100), month=usd(150), timezone="Europe/Berlin")
    ledger.jobs.remember([make.wanted(job)])
    clock.time = datetime(2026, 3, 10, 22, 0, tzinfo=UTC)  # 23:00 in Berlin
    attempt = make.attempt(job)
    assert ledger.reservations.reserve(attempt, caps) is None
    ledger.attempts.settle(make.answer(attempt), AttemptState.SETTLED, make.cost(100))
    assert refusal(ledger, make.attempt(job, high=50), caps).kind is CapKind.DAY
    clock.time = datetime(2026, 3, 10, 23, 1, tzinfo=UTC)  # 00:01 in Berlin
    assert refusal(ledger, make.attempt(job, high=51), caps).kind is CapKind.MONTH
    assert ledger.reservations.reserve(make.attempt(job, high=50), caps) is None


def test_a_call_under_way_at_midnight_counts_for_both_days(ledger: Ledger, make: Make, clock: Hands) -> None:
    """A provider may book it on either day."""
    job, caps = make.job(), Caps(day=usd(100))
    ledger.jobs.remember([make.wanted(job)])
    clock.time = datetime(2026, 3, 10, 23, 59, tzinfo=UTC)
    attempt = make.attempt(job)
    ledger.reservations.reserve(attempt, caps)
    clock.time = datetime(2026, 3, 11, 0, 1, tzinfo=UTC)
    assert refusal(ledger, make.attempt(job, high=1), caps).kind is CapKind.DAY
    ledger.attempts.settle(make.answer(attempt), AttemptState.SETTLED, make.cost(100))
    assert refusal(ledger, make.attempt(job, high=1), caps).kind is CapKind.DAY
    clock.time = datetime(2026, 3, 12, 0, 1, tzinfo=UTC)
    assert ledger.reservations.reserve(make.attempt(job, high=100), caps) is None


def test_a_dead_run_elsewhere_does_not_block_a_budget_for_ever(opened: Open, make: Make, clock: Hands) -> None:
    """What another catalogue's run left open counts where it may have been charged, and for no later day or month."""
    job, dead, alive = make.job(n=9), opened(catalogue="a", run_id="dead"), opened(catalogue="b")
    for ledger in (dead, alive):
        ledger.jobs.remember([make.wanted(job)])
    by_day, by_month, images = Caps(day=usd(100)), Caps(month=usd(100)), Caps(images_per_day=9)
    assert dead.reservations.reserve(make.attempt(job, slots=tuple(range(9)), run_id="dead"), Caps()) is None
    for caps in (by_day, by_month, images):
        assert alive.reservations.reserve(make.attempt(job, high=1), caps) is not None
    clock.time += timedelta(days=2)
    assert alive.reservations.reserve(make.attempt(job, high=1), by_day) is None
    assert alive.reservations.reserve(make.attempt(job, high=1), images) is None
    assert alive.reservations.reserve(make.attempt(job, high=1), by_month) is not None
    clock.time += timedelta(days=31)
    assert alive.reservations.reserve(make.attempt(job, high=1), by_month) is None


def test_images_per_day_count_what_was_asked_of_one_provider(ledger: Ledger, make: Make) -> None:
    """Calls that were not charged do not count; another provider's do not either."""
    job, caps = make.job(n=4), Caps(images_per_day=4)
    ledger.jobs.remember([make.wanted(job)])
    free = make.attempt(job, slots=(0, 1, 2))
    ledger.reservations.reserve(free, caps)
    assert refusal(ledger, make.attempt(job, slots=(0, 1)), caps).kind is CapKind.IMAGES_PER_DAY
    assert ledger.reservations.reserve(make.attempt(job, slots=(0, 1), provider="other"), caps) is None
    ledger.attempts.settle(make.failure(free, Charge.NO), AttemptState.NOT_CHARGED)
    assert ledger.reservations.reserve(make.attempt(job, slots=(0, 1, 2, 3)), caps) is None


def test_max_images_bounds_the_run(ledger: Ledger, make: Make) -> None:
    """Images asked of calls that were not free of charge are counted."""
    job, caps = make.job(n=4), Caps(max_images=3)
    ledger.jobs.remember([make.wanted(job)])
    assert ledger.reservations.reserve(make.attempt(job, slots=(0, 1)), caps) is None
    refused = refusal(ledger, make.attempt(job, slots=(2, 3)), caps)
    assert (refused.kind, refused.headroom, refused.ever) == (CapKind.MAX_IMAGES, 1, True)


@pytest.mark.parametrize(
    ("lines", "kind", "ever"),
    [
        ([Line(CapKind.DAY, 10, 0, 10, 5), Line(CapKind.MONTH, 10, 10, 0, 5)], CapKind.MONTH, False),
        ([Line(CapKind.MAX_COST, 10, 0, 6, 5), Line(CapKind.DAY, 10, 0, 10, 5)], CapKind.MAX_COST, True),
        ([Line(CapKind.MAX_COST, 4, 0, 0, 5)], CapKind.MAX_COST, False),
    ],
)
def test_the_hardest_limit_is_named(lines: list[Line], kind: CapKind, ever: object) -> None:
    """A limit that waiting cannot help comes before one that it can."""
    refused = judge(tuple(lines))
    assert refused is not None
    assert (refused.kind, refused.ever) == (kind, ever)


@pytest.mark.parametrize(
    ("now", "zone", "day", "month"),
    [
        ("2026-03-10T12:00Z", "UTC", "2026-03-10T00:00Z", "2026-03-01T00:00Z"),
        ("2026-03-29T12:00Z", "Europe/Berlin", "2026-03-28T23:00Z", "2026-02-28T23:00Z"),
        ("2026-03-30T12:00Z", "Europe/Berlin", "2026-03-29T22:00Z", "2026-02-28T23:00Z"),
        ("2026-10-25T12:00Z", "Europe/Berlin", "2026-10-24T22:00Z", "2026-09-30T22:00Z"),
        ("2026-10-31T23:30Z", "Europe/Berlin", "2026-10-31T23:00Z", "2026-10-31T23:00Z"),
        ("2026-01-01T03:00Z", "America/New_York", "2025-12-31T05:00Z", "2025-12-01T05:00Z"),
        ("2026-01-01T03:00Z", "Asia/Kathmandu", "2025-12-31T18:15Z", "2025-12-31T18:15Z"),
        ("2026-04-24T12:00Z", "Africa/Cairo", "2026-04-23T22:00Z", "2026-03-31T22:00Z"),  # midnight does not exist
    ],
)
def test_windows_begin_at_local_midnight(now: str, zone: str, day: str, month: str) -> None:
    """Days of 23 and 25 hours, and midnights that do not exist, are days like others."""
    moment = datetime.fromisoformat(now)
    assert day_start(moment, zone) == datetime.fromisoformat(day)
    assert month_start(moment, zone) == datetime.fromisoformat(month)


def _spend(path: Path, catalogue: str, make: Make, seed: int, calls: int, caps: Caps) -> None:
    chance = random.Random(seed)
    with Ledger.open(path, catalogue, clock=SystemClock()) as ledger:
        job = make.job(str(seed))
        ledger.runs.begin(RunStart(f"run-{seed}", "m", "mock"))
        ledger.jobs.remember([make.wanted(job)])
        for number in range(calls):
            attempt = make.attempt(job, high=chance.randint(1, 100), run_id=f"run-{seed}")
            object.__setattr__(attempt, "id", f"{catalogue}-{seed}-{number}")
            if ledger.reservations.reserve(attempt, caps) is None:
                if chance.random() < 0.3:
                    ledger.attempts.settle(make.failure(attempt, Charge.MAYBE), AttemptState.AT_RISK)
                else:
                    ledger.attempts.settle(make.answer(attempt), AttemptState.SETTLED, make.cost(attempt.quote.high))


def _spent(path: Path) -> int:
    with Ledger.open(path, "one", clock=SystemClock()) as one, Ledger.open(path, "two", clock=SystemClock()) as two:
        sums = [ledger.accounts.totals().money for ledger in (one, two)]
        assert one.accounts.audit() == ()
        return sum(money.confirmed + money.estimated + money.at_risk for money in sums)


def test_threads_together_never_pass_a_budget(opened: Open, make: Make, tmp_path: Path) -> None:
    """64 threads with a connection each use a shared day budget, and not a micro-dollar more."""
    opened(run_id=None).close()
    path, caps = tmp_path / "ledger.db", Caps(day=usd(3000))
    threads = [
        threading.Thread(target=_spend, args=(path, ("one", "two")[seed % 2], make, seed, 4, caps))
        for seed in range(64)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 3000 - 100 < _spent(path) <= 3000


def test_processes_together_never_pass_a_budget(tmp_path: Path) -> None:
    """Two runs of two catalogues at the same time share one budget, the file is made only once."""
    path, caps = tmp_path / "ledger.db", Caps(day=usd(2000))
    script = Path(__file__).with_name("spender.py")
    pool = [
        subprocess.Popen([sys.executable, script, path, ("one", "two")[seed % 2], str(seed), str(caps.day)])
        for seed in range(4)
    ]
    assert [process.wait() for process in pool] == [0] * 4
    assert 2000 - 100 < _spent(path) <= 2000
