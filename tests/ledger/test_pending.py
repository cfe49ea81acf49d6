"""Attempts whose results come later: nothing of their money moves until they are collected."""

from datetime import timedelta

import pytest

from batchgen.ledger import Adopted, Caps, Judged, Ledger, Refused, Review
from batchgen.model import Attempt, AttemptState, Charge, Job
from batchgen.money import MicroUSD
from tests.ledger.conftest import Hands, Make, Open

DAY = timedelta(days=1)


def parked(ledger: Ledger, make: Make, clock: Hands, job: Job, high: int = 100, minutes: int = 10) -> Attempt:
    """Reserve an attempt for every image of a job, and park it."""
    ledger.jobs.remember([make.wanted(job)])
    attempt = make.attempt(job, high=high, slots=tuple(range(job.n)))
    assert ledger.reservations.reserve(attempt, Caps()) is None
    ledger.attempts.park(attempt.id, "batch_1/0", clock.time + timedelta(minutes=minutes), clock.time + DAY)
    return attempt


@pytest.mark.parametrize(
    "caps",
    [
        Caps(max_cost=MicroUSD(150)),
        Caps(max_images=2),
        Caps(day=MicroUSD(150)),
        Caps(month=MicroUSD(150)),
        Caps(images_per_day=2),
    ],
)
def test_a_pending_attempt_counts_against_every_limit(ledger: Ledger, make: Make, clock: Hands, caps: Caps) -> None:
    """Exactly as it did while it was under way."""
    parked(ledger, make, clock, make.job("a", n=2))
    other = make.job("b")
    ledger.jobs.remember([make.wanted(other)])
    refused = ledger.reservations.reserve(make.attempt(other), caps)
    assert isinstance(refused, Refused)
    assert refused.ever


def test_a_pending_attempt_counts_for_the_day_on_which_it_was_reserved(
    ledger: Ledger, make: Make, clock: Hands
) -> None:
    """Before and after it is collected, on whatever day that is."""
    job, other, caps = make.job("a"), make.job("b"), Caps(day=MicroUSD(150))
    ledger.jobs.remember([make.wanted(other)])
    attempt = parked(ledger, make, clock, job)
    clock.time += DAY
    assert ledger.reservations.reserve(make.attempt(other, high=60), caps) is None
    ledger.attempts.settle(make.answer(attempt), AttemptState.SETTLED, make.cost(100))
    assert ledger.reservations.reserve(make.attempt(other, high=90), caps) is None
    assert ledger.reservations.reserve(make.attempt(other, high=1), caps) is not None
    clock.time -= DAY
    assert ledger.reservations.reserve(make.attempt(other, high=51), caps) is not None


def test_a_pending_attempt_is_no_orphan_in_any_later_run(opened: Open, make: Make, clock: Hands) -> None:
    """Its run may be dead: its provider has it, and the next run collects it."""
    first = opened()
    attempt = parked(first, make, clock, make.job())
    first.close()
    second = opened(run_id="run-2")
    assert second.attempts.orphans() == ()
    (row,) = second.attempts.pending()
    assert (row.id, row.run_id, row.handle, row.state) == (attempt.id, "run-1", "batch_1/0", AttemptState.PENDING)
    assert row.next_look
    assert row.expires
    assert row.next_look < row.expires


def test_pending_attempts_are_told_in_the_order_in_which_to_look(ledger: Ledger, make: Make, clock: Hands) -> None:
    """Looking again later moves one back."""
    late = parked(ledger, make, clock, make.job("a"), minutes=30)
    soon = parked(ledger, make, clock, make.job("b"), minutes=10)
    assert [row.id for row in ledger.attempts.pending()] == [soon.id, late.id]
    ledger.attempts.park(soon.id, "batch_1/0", clock.time + timedelta(hours=2))
    assert [row.id for row in ledger.attempts.pending()] == [late.id, soon.id]


def test_slots_of_a_pending_attempt_are_not_drawn_again(ledger: Ledger, make: Make, clock: Hands) -> None:
    """They are waited for, until it is collected or given up."""
    job = make.job(n=2)
    attempt = parked(ledger, make, clock, job)
    known = ledger.jobs.known([job])[0]
    assert known.submitted == {0, 1}
    assert known.open(3) == (2,)
    ledger.attempts.settle(make.answer(attempt, 0), AttemptState.SETTLED, make.cost(40))
    known = ledger.jobs.known([job])[0]
    assert known.submitted == frozenset()
    assert known.open(3) == (1, 2)


@pytest.mark.parametrize("end", [AttemptState.NOT_CHARGED, AttemptState.AT_RISK, AttemptState.CHARGED_NO_RESULT])
def test_a_pending_attempt_ends_like_any_other(ledger: Ledger, make: Make, clock: Hands, end: AttemptState) -> None:
    """Free, in doubt, or paid for nothing."""
    job = make.job()
    attempt = parked(ledger, make, clock, job)
    charged = make.cost(30) if end is AttemptState.CHARGED_NO_RESULT else None
    ledger.attempts.settle(make.failure(attempt, Charge.MAYBE), end, charged)
    money = ledger.accounts.totals().money
    assert (money.confirmed, money.at_risk, money.not_charged) == {
        AttemptState.NOT_CHARGED: (0, 0, 100),
        AttemptState.AT_RISK: (0, 100, 0),
        AttemptState.CHARGED_NO_RESULT: (30, 0, 0),
    }[end]
    assert ledger.attempts.pending() == ()
    assert ledger.accounts.audit() == ()


def test_a_pending_redraw_is_a_doubt(ledger: Ledger, make: Make, clock: Hands) -> None:
    """Another one for a rejected image is on its way: it is not asked for again by itself."""
    job = make.job()
    ledger.jobs.remember([make.wanted(job)])
    first = make.attempt(job)
    ledger.reservations.reserve(first, Caps())
    ledger.attempts.settle(make.answer(first), AttemptState.SETTLED, make.cost(50))
    ledger.reviews.record([Judged(job.key, 0, make.image(job).sha256, Review.REJECTED)])
    parked(ledger, make, clock, job)
    assert ledger.jobs.known([job])[0].slots[0].doubt


@pytest.mark.parametrize("end", ["given up", "at risk", "free", "without an image"])
def test_a_call_whose_image_was_adopted_was_charged_whatever_its_end_says(
    ledger: Ledger, make: Make, clock: Hands, end: str
) -> None:
    """An older copy of a ledger awaits a call of which one image is here; the other one is drawn anew."""
    job = make.job("a", n=2)
    attempt = parked(ledger, make, clock, job)
    told = Adopted(make.wanted(job), make.image(job), MicroUSD(40), estimated=False, attempt=attempt.id)
    assert ledger.adoption.adopt([told]) == 1
    if end == "given up":
        ledger.attempts.to_at_risk(attempt.id, "nobody knows it")
    elif end == "without an image":
        ledger.attempts.settle(make.failure(attempt, Charge.YES), AttemptState.CHARGED_NO_RESULT, make.cost(80))
    else:
        failure = make.failure(attempt, Charge.MAYBE if end == "at risk" else Charge.NO)
        ledger.attempts.settle(failure, AttemptState.AT_RISK if end == "at risk" else AttemptState.NOT_CHARGED)
    row = ledger.attempts.find(attempt.id)
    assert row is not None
    assert (row.state, row.cost, row.brought) == (AttemptState.SETTLED, 80 if end == "without an image" else 100, 1)
    assert [slot.state.value for slot in ledger.jobs.known([job])[0].slots] == ["stored"]
    assert ledger.accounts.audit() == ()
