"""Laws of decisions about images: they hold for one very image, and change no money."""

from dataclasses import replace

import pytest

from batchgen.ledger import Caps, Judged, Ledger, Review, Reworded
from batchgen.model import (
    NO_REASON,
    AttemptState,
    Charge,
    Job,
    SlotState,
)
from tests.ledger.conftest import Hands, Make

APPROVED, REJECTED = Review.APPROVED, Review.REJECTED


def drawn(ledger: Ledger, make: Make, job: Job, **other: str) -> None:
    """Draw the first image of a job, perhaps with another hash."""
    attempt = make.attempt(job)
    ledger.jobs.remember([make.wanted(job)])
    assert ledger.reservations.reserve(attempt, Caps()) is None
    receipt = make.answer(attempt)
    images = tuple(replace(image, **other) for image in receipt.images)  # type: ignore[arg-type]
    ledger.attempts.settle(replace(receipt, images=images), AttemptState.SETTLED, make.cost(50))


def judged(make: Make, job: Job, decision: Review, note: str = "") -> Judged:
    """Decide about the first image of a job."""
    return Judged(job.key, 0, make.image(job).sha256, decision, note)


def stands(ledger: Ledger, job: Job) -> tuple[Review | None, str, bool]:
    """Say what is said of the first image, and whether its redraw is in doubt."""
    slot = ledger.jobs.known([job])[0].slots[0]
    return slot.review, slot.note, slot.doubt


def test_a_decision_lapses_with_its_image(ledger: Ledger, make: Make) -> None:
    """In the transaction that stores another one, also when that has the very same bytes."""
    job = make.job()
    drawn(ledger, make, job)
    assert ledger.reviews.record([judged(make, job, REJECTED, "blue")]) == ("",)
    assert stands(ledger, job) == (REJECTED, "blue", False)
    row = next(ledger.report_rows.images())
    assert (row.review, row.note) == ("rejected", "blue")
    drawn(ledger, make, job)
    assert stands(ledger, job) == (None, "", False)
    row = next(ledger.report_rows.images())
    assert (row.review, row.note) == ("", "")
    assert ledger.accounts.totals().money.confirmed == 100


def test_the_last_decision_counts(ledger: Ledger, make: Make) -> None:
    """Also within one file."""
    job = make.job()
    drawn(ledger, make, job)
    ledger.reviews.record(
        [judged(make, job, APPROVED), judged(make, job, REJECTED, "a"), judged(make, job, REJECTED, "b")]
    )
    assert stands(ledger, job) == (REJECTED, "b", False)
    assert not ledger.reviews.any_approved()
    ledger.reviews.record([judged(make, job, APPROVED)])
    assert stands(ledger, job)[0] is APPROVED
    assert ledger.reviews.any_approved()
    assert ledger.reviews.frozen(["images/a-0", "images/a-1", "images/a"]) == {"images/a-0"}
    assert [one.key for one in ledger.reviews.approved(["a", "b"])["a"]] == [job.key]


def test_a_call_that_may_have_been_paid_is_in_doubt_until_somebody_decides_anew(ledger: Ledger, make: Make) -> None:
    """The same word once more is no new decision; another note is."""
    job = make.job()
    drawn(ledger, make, job)
    ledger.reviews.record([judged(make, job, REJECTED, "blue")])
    attempt = make.attempt(job)
    ledger.reservations.reserve(attempt, Caps())
    assert stands(ledger, job)[2]
    ledger.attempts.settle(make.failure(attempt, Charge.MAYBE), AttemptState.AT_RISK)
    assert ledger.jobs.known([job])[0].slots[0].state is SlotState.STORED
    ledger.reviews.record([judged(make, job, REJECTED, "blue")])
    assert stands(ledger, job) == (REJECTED, "blue", True)
    assert ledger.reviews.doubted() == {(job.key, 0)}
    ledger.reviews.record([judged(make, job, REJECTED, "light blue")])
    assert stands(ledger, job) == (REJECTED, "light blue", False)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"job_key": "f" * 64}, "no such image"),
        ({"slot": 1}, "no such image"),
        ({"sha256": "f" * 64}, "another one by now"),
    ],
)
def test_what_is_not_the_image_is_left_out(ledger: Ledger, make: Make, wrong: dict[str, object], why: str) -> None:
    """Each with its reason; the others are taken."""
    job = make.job()
    drawn(ledger, make, job)
    good = judged(make, job, APPROVED)
    told = ledger.reviews.record([replace(good, **wrong), good])  # type: ignore[arg-type]
    assert why in told[0]
    assert told[1] == ""


def test_nothing_is_frozen_where_another_image_is_paid_for(ledger: Ledger, make: Make) -> None:
    """What is on its way comes to its place; it can be rejected meanwhile, and not approved."""
    job = make.job()
    drawn(ledger, make, job)
    places = frozenset({"images/a-0"})
    assert "on its way" in ledger.reviews.record([judged(make, job, APPROVED)], lambda: places)[0]
    assert ledger.reviews.record([judged(make, job, REJECTED)], lambda: places) == ("",)


def test_an_approved_image_that_stepped_aside_is_a_broken_law(ledger: Ledger, make: Make) -> None:
    """The audit that ends every run would find it."""
    job = make.job()
    drawn(ledger, make, job)
    ledger.reviews.record([judged(make, job, APPROVED)])
    assert ledger.accounts.audit() == ()
    ledger.images.supersede(job.key, 0, "superseded/a-0.png")
    assert "approved" in "".join(ledger.accounts.audit())


def test_other_words_are_kept_with_the_call_and_the_image(ledger: Ledger, make: Make, clock: Hands) -> None:
    """The job keeps its own prompt; what was drawn says what it was drawn with, and so does an orphan."""
    job = make.job()
    drawn(ledger, make, job)
    attempt = make.attempt(job.saying("in other words"))
    ledger.reservations.reserve(attempt, Caps())
    (orphan,) = ledger.attempts.orphans()
    assert (orphan.request.prompt, orphan.job_key) == ("in other words", job.key)
    ledger.attempts.settle(make.answer(attempt), AttemptState.SETTLED, make.cost(50))
    assert ledger.jobs.known([job])[0].slots[0].prompt == "in other words"
    assert next(ledger.report_rows.images()).prompt == "in other words"
    assert next(ledger.report_rows.jobs()).prompt == job.request.prompt


def test_moderated_images_get_other_words_once(ledger: Ledger, make: Make) -> None:
    """Only what moderation stopped; the same words, or the job's own, free nothing."""
    job = make.job(n=3, prompt="a b")
    drawn(ledger, make, job)
    ledger.images.mark(job.key, {1: (SlotState.MODERATED, NO_REASON), 2: (SlotState.FAILED, NO_REASON)})

    def given(prompt: str) -> tuple[Reworded, ...]:
        return ledger.reviews.reword({job.key: prompt, "f" * 64: prompt})

    assert given(" a\r\nb ") == (Reworded.SAME, Reworded.UNKNOWN)
    assert given("c")[0] is Reworded.CHANGED
    slots = ledger.jobs.known([job])[0].slots
    assert [(slot.state, slot.prompt) for slot in slots] == [
        (SlotState.STORED, None),
        (SlotState.NOT_STARTED, "c"),
        (SlotState.FAILED, None),
    ]
    assert given("c")[0] is Reworded.CHANGED, "an unfinished run goes on"
    ledger.images.mark(job.key, {1: (SlotState.MODERATED, NO_REASON)})
    assert next(ledger.report_rows.jobs()).moderated_prompt == "c"
    assert given("c")[0] is Reworded.SAME
    assert given("d")[0] is Reworded.CHANGED
