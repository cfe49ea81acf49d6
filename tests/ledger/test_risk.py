"""Laws of orphans, held jobs and bills."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen.ledger import Caps, Decision, Ledger
from batchgen.ledger.risk import Doubt, decide
from batchgen.model import Attempt, AttemptState, Charge, Job, SlotState
from batchgen.money import MicroUSD
from tests.ledger.conftest import Hands, Make, Open


def at_risk(ledger: Ledger, make: Make, job: Job, high: int = 100) -> Attempt:
    """Let a call end in doubt."""
    ledger.jobs.remember([make.wanted(job)])
    attempt = make.attempt(job, high=high)
    ledger.reservations.reserve(attempt, Caps())
    ledger.attempts.settle(make.failure(attempt, Charge.MAYBE, "timeout"), AttemptState.AT_RISK)
    return attempt


def test_calls_of_a_dead_run_are_orphans_of_their_catalogue(opened: Open, make: Make) -> None:
    """A second start finds them, with all that recovery needs, and nobody else's."""
    first, other, job = opened(), opened(catalogue="other"), make.job(n=2)
    for ledger in (first, other):
        ledger.jobs.remember([make.wanted(job)])
    attempt = make.attempt(job, slots=(0, 1))
    first.reservations.reserve(attempt, Caps())
    other.reservations.reserve(make.attempt(job), Caps())
    first.close()
    second = opened(run_id="run-2")
    (orphan,) = second.attempts.orphans()
    assert (orphan.id, orphan.run_id, orphan.job_id, orphan.slots) == (attempt.id, "run-1", "a", (0, 1))
    assert orphan.path(1, "webp") == "a-1.webp"
    second.attempts.to_at_risk(orphan.id, "its run was killed")
    assert second.attempts.orphans() == ()
    assert second.accounts.totals().money.at_risk == 100
    assert [slot.state for slot in second.jobs.known([job])[0].slots] == [SlotState.UNCERTAIN] * 2
    assert len(other.attempts.orphans()) == 1


@pytest.mark.parametrize(
    ("decision", "state", "opens"),
    [(Decision.RETRY, SlotState.NOT_STARTED, (0,)), (Decision.DROP, SlotState.FAILED, ())],
)
def test_a_person_decides_what_is_held(
    ledger: Ledger, make: Make, decision: Decision, state: SlotState, opens: tuple[int, ...]
) -> None:
    """Drawn again or given up: what is at risk stays at risk."""
    job, other = make.job("a"), make.job("b")
    at_risk(ledger, make, job)
    at_risk(ledger, make, other)
    assert [held.job_id for held in ledger.risk.uncertain()] == ["a", "b"]
    (decided,) = ledger.risk.resolve(["a", "unknown"], decision)
    assert (decided.job_key, decided.slots, decided.at_risk) == (job.key, (0,), 100)
    assert [held.job_id for held in ledger.risk.uncertain()] == ["b"]
    known = ledger.jobs.known([job])[0]
    assert known.slots[0].state is state
    assert known.open(1) == opens
    assert ledger.accounts.totals().money.at_risk == 200


@pytest.mark.parametrize(
    ("billed", "confirmed", "unexplained"),
    [
        (50, [0, 0], 0),
        (30, [0, 0], -20),
        (125, [75, 0], 0),
        (200, [75, 75], 0),
        (249, [99 + 1, 99], 0),
        (250, [100, 100], 0),
        (260, [100, 100], 10),
        (51, [1, 0], 0),
    ],
)
def test_a_bill_confirms_the_oldest_first_and_clears_the_rest(
    ledger: Ledger, make: Make, billed: int, confirmed: list[int], unexplained: int
) -> None:
    """Fewer, as many, more than the ledger knows: the sum is the bill's, and the rest is said."""
    job = make.job("done")
    ledger.jobs.remember([make.wanted(job)])
    attempt = make.attempt(job)
    ledger.reservations.reserve(attempt, Caps())
    ledger.attempts.settle(make.answer(attempt), AttemptState.SETTLED, make.cost(50))
    jobs = [make.job("a"), make.job("b")]
    for doubtful in jobs:
        at_risk(ledger, make, doubtful)
    result = ledger.risk.reconcile(MicroUSD(billed))
    assert [finding.confirmed for finding in result.findings] == confirmed
    assert result.unexplained == unexplained
    money = ledger.accounts.totals().money
    assert money.confirmed == 50 + sum(confirmed)
    assert money.at_risk == 0
    assert money.not_charged == 200 - sum(confirmed)
    states = [known.slots[0].state for known in ledger.jobs.known(jobs)]
    assert states == [SlotState.UNCERTAIN if amount else SlotState.NOT_STARTED for amount in confirmed]
    assert ledger.accounts.audit() == ()


def test_a_look_at_the_bill_changes_nothing(ledger: Ledger, make: Make) -> None:
    """Without applying, only the answer is given."""
    at_risk(ledger, make, make.job())
    assert ledger.risk.reconcile(MicroUSD(0), apply=False).cleared == 100
    assert ledger.accounts.totals().money.at_risk == 100


def test_a_bill_since_a_date_leaves_older_calls_alone(ledger: Ledger, make: Make, clock: Hands) -> None:
    """They were not on it."""
    at_risk(ledger, make, make.job("old"))
    clock.time += timedelta(days=2)
    since = clock.now()
    at_risk(ledger, make, make.job("new"))
    result = ledger.risk.reconcile(MicroUSD(0), since)
    assert [finding.job_id for finding in result.findings] == ["new"]
    assert ledger.accounts.totals().money.at_risk == 100


def test_a_slot_that_another_call_may_have_paid_stays_uncertain(ledger: Ledger, make: Make) -> None:
    """Clearing one of two doubtful calls proves nothing for the image."""
    job = make.job()
    at_risk(ledger, make, job)
    at_risk(ledger, make, job)
    ledger.risk.reconcile(MicroUSD(60))
    assert ledger.jobs.known([job])[0].slots[0].state is SlotState.UNCERTAIN


@given(
    st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)).map(sorted), max_size=8),
    st.integers(-1000, 5000),
)
def test_a_bill_moves_money_and_makes_none(pairs: list[list[int]], beyond: int) -> None:
    """Confirmed, cleared and unexplained add up, whatever the bill says."""
    doubts = [Doubt(str(i), str(i), expected, most) for i, (expected, most) in enumerate(pairs)]
    findings, unexplained = decide(doubts, beyond)
    assert all(f.confirmed + f.cleared == d.most for f, d in zip(findings, doubts, strict=True))
    assert all(f.confirmed >= 0 and f.cleared >= 0 for f in findings)
    assert sum(f.confirmed for f in findings) + unexplained == beyond
    assert unexplained <= 0 or all(f.cleared == 0 for f in findings)
