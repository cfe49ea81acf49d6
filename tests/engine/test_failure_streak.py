"""Laws of jobs that fail alike."""

import pytest

from batchgen.engine.failure_streak import MOST_REFUSED, MOST_TRANSIENT, FailureStreak
from batchgen.model import NO_REASON, Outcome, OutcomeKind, Reason, ReasonCode, StopKind
from tests.engine.conftest import job

REFUSED = Reason(ReasonCode.REFUSED, "invalid_value", "no such size")
OTHER = Reason(ReasonCode.REFUSED, "invalid_image", "torn")
DOUBTED = Reason(ReasonCode.MAYBE_CHARGED, "timeout")
FOR_NOW = Reason(ReasonCode.TRANSIENT, "http_503", "overloaded")
FAILED, DONE, HELD, OPEN = OutcomeKind.FAILED, OutcomeKind.DONE, OutcomeKind.HELD, OutcomeKind.NOT_STARTED


def watched(*ends: tuple[OutcomeKind, Reason], charged: bool = False) -> list[StopKind | None]:
    """Let jobs end like this, one after the other."""
    alike = FailureStreak()
    stops = [alike.watch(Outcome(job(), kind, reason=reason), charged=charged) for kind, reason in ends]
    return [stop.kind if stop else None for stop in stops]


def test_three_refused_alike_are_a_wrong_manifest() -> None:
    """Before anything was charged."""
    assert watched(*[(FAILED, REFUSED)] * MOST_REFUSED) == [None, None, StopKind.CONFIG]


@pytest.mark.parametrize("between", [(FAILED, OTHER), (DONE, NO_REASON), (HELD, DOUBTED), (FAILED, FOR_NOW)])
def test_anything_else_between_begins_the_count_anew(between: tuple[OutcomeKind, Reason]) -> None:
    """In a row means in a row."""
    assert watched((FAILED, REFUSED), (FAILED, REFUSED), between, (FAILED, REFUSED), (FAILED, REFUSED)) == [None] * 5


def test_a_job_that_did_not_start_says_nothing() -> None:
    """A limit of the user's between two failures is no good news."""
    ends = [(FAILED, REFUSED), (OPEN, Reason(detail="does not fit")), (FAILED, REFUSED), (FAILED, REFUSED)]
    assert watched(*ends) == [None, None, None, StopKind.CONFIG]


def test_what_was_charged_shows_that_the_manifest_is_right() -> None:
    """Later refusals are the jobs' own."""
    assert watched(*[(FAILED, REFUSED)] * 5, charged=True) == [None] * 5


@pytest.mark.parametrize("charged", [True, False])
def test_jobs_given_up_one_after_the_other_are_an_outage(charged: object) -> None:
    """It costs nothing, but it would go through the whole manifest."""
    ends = watched(*[(FAILED, FOR_NOW)] * MOST_TRANSIENT, charged=bool(charged))
    assert ends == [None] * (MOST_TRANSIENT - 1) + [StopKind.UNAVAILABLE]
