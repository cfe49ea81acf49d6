"""What follows from a finished try, as tables."""

import pytest

from batchgen.engine.decide import (
    MOST_RESENDS,
    Again,
    Over,
    Policy,
    Tally,
    cautious,
    decide,
    for_breaker,
    halt,
    may_be_false_alarm,
    mismatch,
    state_of,
)
from batchgen.model import (
    AttemptState,
    Charge,
    Mismatch,
    OnUncertain,
    Phase,
    ReasonCode,
    Receipt,
    Remedy,
    RemoteImage,
    Retry,
    SlotState,
    StopKind,
    StoredImage,
    Verdict,
)

NO, MAYBE, YES = Charge.NO, Charge.MAYBE, Charge.YES
RETRY = Policy(Retry(), OnUncertain.RETRY)
HOLD = Policy(Retry(), OnUncertain.HOLD)
SPENT = Policy(Retry(), OnUncertain.RETRY, may_risk=False)
ONCE = Policy(Retry(attempts=1), OnUncertain.RETRY)
BOLD = Policy(Retry(max_uncertain=2), OnUncertain.RETRY)
TIMID = Policy(Retry(max_uncertain=0), OnUncertain.RETRY)

AGAIN, AS_TOLD = Again(), Again(as_told=True)
UNCERTAIN, MODERATED, FAILED, OPEN = SlotState.UNCERTAIN, SlotState.MODERATED, SlotState.FAILED, SlotState.NOT_STARTED


def met(remedy: Remedy, charge: Charge = NO, code: str = "x") -> Verdict:
    """Take a verdict."""
    return Verdict(charge, remedy, code, "words")


TABLE = [
    # never left: free, but not for ever
    (met(Remedy.RESEND), Tally(), RETRY, AGAIN),
    (met(Remedy.RESEND), Tally(tries=3), ONCE, AGAIN),
    (met(Remedy.RESEND), Tally(resends=MOST_RESENDS - 2), RETRY, AGAIN),
    (met(Remedy.RESEND), Tally(resends=MOST_RESENDS - 1), RETRY, OPEN),
    (met(Remedy.RESEND), Tally(), HOLD, AGAIN),
    # rate limits are no tries
    (met(Remedy.WAIT), Tally(), RETRY, AS_TOLD),
    (met(Remedy.WAIT), Tally(tries=3, uncertain=1), ONCE, AS_TOLD),
    (met(Remedy.WAIT), Tally(), HOLD, AS_TOLD),
    # not charged: as many tries as the user wants
    (met(Remedy.RETRY), Tally(), RETRY, AS_TOLD),
    (met(Remedy.RETRY), Tally(tries=2), RETRY, AS_TOLD),
    (met(Remedy.RETRY), Tally(tries=3), RETRY, FAILED),
    (met(Remedy.RETRY), Tally(), ONCE, FAILED),
    (met(Remedy.RETRY), Tally(), HOLD, AS_TOLD),
    (met(Remedy.RETRY), Tally(), SPENT, AS_TOLD),
    # perhaps charged: one more, unless the user, the risk, the tries or the error say otherwise
    (met(Remedy.UNCERTAIN, MAYBE), Tally(), RETRY, AGAIN),
    (met(Remedy.UNCERTAIN, MAYBE), Tally(tries=1, uncertain=1, last_code="y"), RETRY, UNCERTAIN),
    (met(Remedy.UNCERTAIN, MAYBE), Tally(tries=1, uncertain=1, last_code="y"), BOLD, AGAIN),
    (met(Remedy.UNCERTAIN, MAYBE), Tally(tries=1, uncertain=1, last_code="x"), BOLD, UNCERTAIN),
    (met(Remedy.UNCERTAIN, MAYBE, "timeout"), Tally(tries=1, uncertain=1, last_code="timeout"), BOLD, AGAIN),
    (met(Remedy.UNCERTAIN, MAYBE), Tally(), TIMID, UNCERTAIN),
    (met(Remedy.UNCERTAIN, MAYBE), Tally(), HOLD, UNCERTAIN),
    (met(Remedy.UNCERTAIN, MAYBE), Tally(), SPENT, UNCERTAIN),
    (met(Remedy.UNCERTAIN, MAYBE), Tally(), ONCE, UNCERTAIN),
    (met(Remedy.UNCERTAIN, MAYBE), Tally(tries=3), RETRY, UNCERTAIN),
    # charged for certain, but broken on the way
    (met(Remedy.UNCERTAIN, YES), Tally(), RETRY, AGAIN),
    (met(Remedy.UNCERTAIN, YES), Tally(tries=1, uncertain=1), RETRY, FAILED),
    (met(Remedy.UNCERTAIN, YES), Tally(), HOLD, FAILED),
    # moderation is an answer: one more try, then it sticks
    (met(Remedy.MODERATED), Tally(), RETRY, AGAIN),
    (met(Remedy.MODERATED), Tally(tries=1, moderated=1), RETRY, MODERATED),
    (met(Remedy.MODERATED), Tally(), ONCE, MODERATED),
    (met(Remedy.MODERATED), Tally(), HOLD, AGAIN),
    (met(Remedy.MODERATED, MAYBE), Tally(), RETRY, AGAIN),
    (met(Remedy.MODERATED, MAYBE), Tally(), HOLD, MODERATED),
    (met(Remedy.MODERATED, MAYBE), Tally(), SPENT, MODERATED),
    # charged and empty: one more try
    (met(Remedy.EMPTY, YES), Tally(), RETRY, AGAIN),
    (met(Remedy.EMPTY, YES), Tally(tries=1, empty=1), RETRY, FAILED),
    (met(Remedy.EMPTY, YES), Tally(), HOLD, FAILED),
    (met(Remedy.EMPTY, YES), Tally(), ONCE, FAILED),
    # no use
    (met(Remedy.FAIL_JOB), Tally(), RETRY, FAILED),
    (met(Remedy.FAIL_JOB, MAYBE), Tally(), RETRY, FAILED),
    # for a human: at once, and the job is as open as before
    (met(Remedy.PROBE_ACCOUNT), Tally(), RETRY, OPEN),
    (met(Remedy.STOP_ACCOUNT), Tally(), RETRY, OPEN),
    (met(Remedy.STOP_CONFIG), Tally(), RETRY, OPEN),
]


@pytest.mark.parametrize(("verdict", "before", "policy", "then"), TABLE)
def test_what_follows(verdict: Verdict, before: Tally, policy: Policy, then: Again | SlotState) -> None:
    """One consequence for each verdict, tally and policy."""
    found = decide(verdict, before, policy)
    assert (found.slots if isinstance(found, Over) else found) == then


@pytest.mark.parametrize("remedy", [remedy for remedy in Remedy if remedy is not Remedy.WAIT])
@pytest.mark.parametrize("charge", list(Charge))
@pytest.mark.parametrize("policy", [RETRY, HOLD, SPENT, ONCE, BOLD, TIMID])
def test_every_call_comes_to_an_end(remedy: Remedy, charge: Charge, policy: Policy) -> None:
    """The same verdict again and again ends a call, rate limits excepted: the breaker ends those."""
    verdict, tally = cautious(Verdict(charge, remedy, "timeout")), Tally()
    for tries in range(1, 20):
        if isinstance(decide(verdict, tally, policy), Over):
            assert tries <= max(policy.retry.attempts, MOST_RESENDS)
            return
        tally = tally.after(verdict)
    pytest.fail("it never ends")


@pytest.mark.parametrize(
    ("remedy", "kind"),
    [
        (Remedy.PROBE_ACCOUNT, StopKind.ACCOUNT),
        (Remedy.STOP_ACCOUNT, StopKind.ACCOUNT),
        (Remedy.STOP_CONFIG, StopKind.CONFIG),
        (Remedy.UNCERTAIN, None),
        (Remedy.FAIL_JOB, None),
    ],
)
def test_what_ends_the_run_at_once(remedy: Remedy, kind: StopKind | None) -> None:
    """Key, quota and address concern every job; the reason says what was said."""
    stop = halt(met(remedy))
    assert (stop and stop.kind) == kind
    assert stop is None or stop.words == "x (words)"


def test_who_cannot_be_reached_ends_the_run() -> None:
    """After eight unsent calls, as it is nobody's fault here."""
    over = decide(met(Remedy.RESEND), Tally(resends=7), RETRY)
    assert isinstance(over, Over)
    assert over.stop
    assert over.stop.kind is StopKind.UNAVAILABLE


def test_a_failure_for_now_says_so() -> None:
    """A later run tries again by itself only what has this code."""
    for_now, for_good = decide(met(Remedy.RETRY), Tally(tries=3), RETRY), decide(met(Remedy.FAIL_JOB), Tally(), RETRY)
    assert isinstance(for_now, Over)
    assert isinstance(for_good, Over)
    assert for_now.reason.code is ReasonCode.TRANSIENT
    assert for_good.reason.code is ReasonCode.REFUSED


@pytest.mark.parametrize("remedy", [Remedy.RESEND, Remedy.WAIT, Remedy.RETRY])
def test_what_may_have_been_charged_is_never_repeated_for_free(remedy: Remedy) -> None:
    """A provider that bills every call makes a free repeat an uncertain one."""
    assert cautious(met(remedy, MAYBE)).remedy is Remedy.UNCERTAIN
    assert cautious(met(remedy, NO)).remedy is remedy
    assert cautious(met(Remedy.MODERATED, MAYBE)).remedy is Remedy.MODERATED


@pytest.mark.parametrize(
    ("remedy", "fields"),
    [
        (Remedy.RESEND, {"resends": 1}),
        (Remedy.WAIT, {}),
        (Remedy.RETRY, {"tries": 1}),
        (Remedy.UNCERTAIN, {"tries": 1, "uncertain": 1}),
        (Remedy.MODERATED, {"tries": 1, "moderated": 1}),
        (Remedy.EMPTY, {"tries": 1, "empty": 1}),
        (Remedy.FAIL_JOB, {"tries": 1}),
    ],
)
def test_what_counts_as_a_try(remedy: Remedy, fields: dict[str, int]) -> None:
    """Unsent calls and rate limits do not."""
    assert Tally().after(met(remedy)) == Tally(**fields, last_code="x")


IMAGE = StoredImage(0, "images/a.png", "0" * 64, 1, 1, 1, "png")


@pytest.mark.parametrize(
    ("verdict", "images", "state"),
    [
        (met(Remedy.NONE, YES), (IMAGE,), AttemptState.SETTLED),
        (met(Remedy.EMPTY, YES), (), AttemptState.CHARGED_NO_RESULT),
        (met(Remedy.UNCERTAIN, YES), (), AttemptState.CHARGED_NO_RESULT),
        (met(Remedy.UNCERTAIN, MAYBE), (), AttemptState.AT_RISK),
        (met(Remedy.MODERATED, MAYBE), (), AttemptState.AT_RISK),
        (met(Remedy.MODERATED, NO), (), AttemptState.NOT_CHARGED),
        (met(Remedy.WAIT, NO), (), AttemptState.NOT_CHARGED),
        (met(Remedy.STOP_ACCOUNT, NO), (), AttemptState.NOT_CHARGED),
        (met(Remedy.RESEND, NO), (), AttemptState.NOT_SENT),
    ],
)
def test_the_state_of_a_closed_call(verdict: Verdict, images: tuple[StoredImage, ...], state: AttemptState) -> None:
    """Money follows the charge, and what was never sent is told from what was refused."""
    assert state_of(Receipt("a", Phase.COMPLETE, verdict, images=images)) is state


def test_an_address_is_a_result() -> None:
    """An image that waits at an address was paid for."""
    receipt = Receipt("a", Phase.COMPLETE, met(Remedy.NONE, YES), remote=(RemoteImage(0, "https://x.test/a"),))
    assert state_of(receipt) is AttemptState.SETTLED


@pytest.mark.parametrize(
    ("mismatches", "words"),
    [
        ((), None),
        ((Mismatch.SIZE,), "not as asked: size"),
        ((Mismatch.SIZE, Mismatch.ALPHA), "not as asked: size, alpha"),
    ],
)
def test_what_is_not_as_asked(mismatches: tuple[Mismatch, ...], words: str | None) -> None:
    """An image of which everything is as asked has no reason."""
    reason = mismatch(StoredImage(0, "images/a.png", "0" * 64, 1, 1, 1, "png", mismatches))
    assert (reason and reason.words) == words


@pytest.mark.parametrize(
    ("charge", "before", "counts", "again"),
    [
        (Charge.NO, 0, Remedy.MODERATED, False),
        (Charge.NO, 1, Remedy.MODERATED, False),
        (Charge.MAYBE, 0, Remedy.EMPTY, True),
        (Charge.MAYBE, 1, Remedy.EMPTY, False),
        (Charge.YES, 1, Remedy.EMPTY, False),
    ],
)
def test_moderation_that_costs_money_brakes(charge: Charge, before: int, counts: Remedy, *, again: bool) -> None:
    """Once may be a false alarm, which the second try tells; free moderation is an answer like any other."""
    verdict = Verdict(charge, Remedy.MODERATED, "moderation_blocked")
    assert for_breaker(verdict) is counts
    assert may_be_false_alarm(verdict, Tally(moderated=before)) is again
