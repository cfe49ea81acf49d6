"""Laws of closing a call."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from batchgen.ledger import Caps, Ledger
from batchgen.model import (
    NO_REASON,
    Attempt,
    AttemptState,
    Charge,
    Job,
    Reason,
    ReasonCode,
    SlotState,
    Usage,
)
from tests.ledger.conftest import Make

NO = Reason(ReasonCode.MODERATED, "moderation_blocked", "no")
BAD, AGAIN = Reason(ReasonCode.REFUSED, "bad"), Reason(ReasonCode.REWORDED)
REFUSED = Reason(ReasonCode.DOWNLOAD, detail="HTTP 403")


def send(ledger: Ledger, make: Make, job: Job, *slots: int, high: int = 100) -> Attempt:
    """Remember a job and reserve a call for it."""
    ledger.jobs.remember([make.wanted(job)])
    attempt = make.attempt(job, high=high, slots=slots or tuple(range(job.n)))
    assert ledger.reservations.reserve(attempt, Caps()) is None
    return attempt


def test_a_calls_cost_is_split_over_its_images(ledger: Ledger, make: Make) -> None:
    """Shares add up to the micro-dollar, the remainder on the first."""
    job = make.job(n=3)
    attempt = send(ledger, make, job, high=200)
    ledger.attempts.settle(make.answer(attempt), AttemptState.SETTLED, make.cost(101))
    assert [slot.cost for slot in ledger.jobs.known([job])[0].slots] == [35, 33, 33]
    assert ledger.accounts.totals().money.confirmed == 101


@pytest.mark.parametrize(
    ("state", "charge", "numbers"),
    [
        (AttemptState.NOT_SENT, Charge.NO, (0, 0, 0, 100)),
        (AttemptState.NOT_CHARGED, Charge.NO, (0, 0, 0, 100)),
        (AttemptState.AT_RISK, Charge.MAYBE, (0, 0, 100, 0)),
        (AttemptState.CHARGED_NO_RESULT, Charge.YES, (0, 70, 0, 0)),
    ],
)
def test_every_end_has_its_number(
    ledger: Ledger, make: Make, state: AttemptState, charge: Charge, numbers: tuple[int, ...]
) -> None:
    """A closed call reserves nothing, and its money is in exactly one of the four numbers."""
    attempt = send(ledger, make, make.job())
    cost = make.cost(70, estimated=True) if charge is Charge.YES else None
    ledger.attempts.settle(make.failure(attempt, charge), state, cost)
    money = ledger.accounts.totals().money
    assert (money.confirmed, money.estimated, money.at_risk, money.not_charged) == numbers
    row = ledger.attempts.find(attempt.id)
    assert row is not None
    assert row.reserved == 0
    assert ledger.accounts.audit() == ()


def test_a_call_is_closed_once(ledger: Ledger, make: Make) -> None:
    """Closing it again is a bug, and changes nothing."""
    attempt = send(ledger, make, make.job())
    ledger.attempts.settle(make.answer(attempt), AttemptState.SETTLED, make.cost(50))
    with pytest.raises(AssertionError):
        ledger.attempts.settle(make.answer(attempt), AttemptState.SETTLED, make.cost(60))
    assert ledger.accounts.totals().money.confirmed == 50


def test_a_charged_call_needs_its_cost(ledger: Ledger, make: Make) -> None:
    """Nothing that was charged can go by without an amount."""
    attempt = send(ledger, make, make.job())
    with pytest.raises(AssertionError):
        ledger.attempts.settle(make.answer(attempt), AttemptState.SETTLED)
    assert [orphan.id for orphan in ledger.attempts.orphans()] == [attempt.id]


def test_an_uncertain_call_leaves_its_slots_uncertain(ledger: Ledger, make: Make) -> None:
    """What may have been paid is never silently open; stored images stay stored."""
    job = make.job(n=2)
    first = send(ledger, make, job, 0)
    ledger.attempts.settle(make.answer(first), AttemptState.SETTLED, make.cost(50))
    second = send(ledger, make, job, 0, 1)
    ledger.attempts.settle(make.failure(second, Charge.MAYBE, "timeout"), AttemptState.AT_RISK)
    assert [slot.state for slot in ledger.jobs.known([job])[0].slots] == [SlotState.STORED, SlotState.UNCERTAIN]


def test_the_answer_of_a_call_at_risk_may_turn_up(ledger: Ledger, make: Make) -> None:
    """Then its risk becomes its cost, and the image is there."""
    job = make.job()
    attempt = send(ledger, make, job)
    ledger.attempts.to_at_risk(attempt.id, "the run was killed")
    ledger.attempts.settle(make.answer(attempt), AttemptState.SETTLED, make.cost(50))
    assert ledger.accounts.totals().money.at_risk == 0
    assert ledger.jobs.known([job])[0].slots[0].state is SlotState.STORED
    assert ledger.accounts.audit() == ()


def test_a_image_that_is_replaced_keeps_its_row_at_its_new_place(ledger: Ledger, make: Make) -> None:
    """The superseded image's row follows its file; nothing that was paid is forgotten."""
    old, new = make.job("a", prompt="red"), make.job("a", prompt="blue")
    ledger.attempts.settle(make.answer(send(ledger, make, old)), AttemptState.SETTLED, make.cost(50))
    answer = make.answer(send(ledger, make, new), replaces="superseded/a-0.abc.png")
    ledger.attempts.settle(answer, AttemptState.SETTLED, make.cost(60))
    assert ledger.jobs.known([old])[0].slots[0].path == "superseded/a-0.abc.png"
    assert ledger.images.owner("images/a-0.png") == new.key
    assert ledger.images.owner("superseded/a-0.abc.png") == old.key
    assert ledger.accounts.audit() == ()


def test_a_image_that_nobody_moved_is_marked_overwritten(ledger: Ledger, make: Make) -> None:
    """Two rows never claim one file: settling a paid image cannot fail for that."""
    old, new = make.job("a", prompt="red"), make.job("a", prompt="blue")
    for job in (old, new):
        ledger.attempts.settle(make.answer(send(ledger, make, job)), AttemptState.SETTLED, make.cost(50))
    assert ledger.jobs.known([old])[0].slots[0].fault == "overwritten"
    assert ledger.accounts.audit() == ()


def test_an_address_is_written_down_before_its_download(ledger: Ledger, make: Make) -> None:
    """A paid image at an address is pending, never drawn again by itself, and known with its cost."""
    job = make.job(n=2)
    attempt = send(ledger, make, job)
    late, soon = datetime(2026, 3, 11, tzinfo=UTC), datetime(2026, 3, 10, 13, tzinfo=UTC)
    answer = make.remote(attempt, 0, expires=late)
    answer = replace(answer, remote=(*answer.remote, *make.remote(attempt, 1, expires=soon).remote))
    ledger.attempts.settle(answer, AttemptState.SETTLED, make.cost(101))
    known = ledger.jobs.known([job])[0]
    assert known.open(2) == ()
    assert [download.slot for download in ledger.downloads.waiting()] == [1, 0]
    assert ledger.accounts.totals().images.pending == 2
    soonest, other = ledger.downloads.waiting()
    assert soonest.url.endswith("?s=%2B")
    assert soonest.path("webp") == "a-1.webp"
    ledger.downloads.postpone(soonest, REFUSED)
    assert ledger.downloads.waiting()[0].tries == 1
    ledger.downloads.store(soonest, make.image(job, 1))
    ledger.downloads.lose(other, REFUSED)
    slots = ledger.jobs.known([job])[0].slots
    assert [slot.state for slot in slots] == [SlotState.LOST_PAID, SlotState.STORED]
    assert [slot.cost for slot in slots] == [0, 101]
    assert ledger.downloads.waiting() == ()
    assert ledger.accounts.waste() == ()
    assert ledger.accounts.audit() == ()


def in_images(ledger: Ledger, job: Job) -> list[int]:
    """Say what the images of a job cost, as reports say it; with what brought none it is all that was paid."""
    paid = sum(row.cost_micro_usd for row in ledger.report_rows.images())
    wasted = sum(waste.micro_usd for waste in ledger.accounts.waste() if waste.kind != "at_risk")
    assert paid + wasted == ledger.accounts.totals().money.confirmed
    assert ledger.accounts.audit() == ()
    return [row.cost_micro_usd for row in ledger.report_rows.images() if row.job_key == job.key]


def test_a_image_that_is_not_here_costs_nothing_and_those_beside_it_carry_all(ledger: Ledger, make: Make) -> None:
    """The call's cost is split anew whenever an image arrives; what is lost takes no share."""
    job = make.job(n=4)
    attempt = send(ledger, make, job)
    answer = replace(make.answer(attempt, 1), remote=make.remote(attempt, 0, 2, 3).remote)
    ledger.attempts.settle(answer, AttemptState.SETTLED, make.cost(101))
    assert in_images(ledger, job) == [0, 101, 0, 0]
    first, second, third = ledger.downloads.waiting()
    ledger.downloads.postpone(second, REFUSED)
    assert in_images(ledger, job) == [0, 101, 0, 0]
    ledger.downloads.store(first, make.image(job, 0))
    assert in_images(ledger, job) == [51, 50, 0, 0]
    ledger.downloads.lose(second, REFUSED)
    assert in_images(ledger, job) == [51, 50, 0, 0]
    ledger.downloads.store(third, make.image(job, 3))
    assert in_images(ledger, job) == [35, 33, 0, 33]


def test_a_call_whose_images_are_all_lost_is_waste(ledger: Ledger, make: Make) -> None:
    """While any may still come its cost waits with it; then nothing came, and it is no image's."""
    job = make.job(n=3)
    attempt = send(ledger, make, job)
    ledger.attempts.settle(make.remote(attempt, 0, 1, 2), AttemptState.SETTLED, make.cost(100))
    kinds = []
    for download in ledger.downloads.waiting():
        kinds += [(waste.kind, waste.micro_usd) for waste in ledger.accounts.waste()]
        ledger.downloads.lose(download, REFUSED)
        assert in_images(ledger, job) == [0, 0, 0]
    assert kinds == [("waiting", 100)] * 3
    assert [(waste.kind, waste.micro_usd) for waste in ledger.accounts.waste()] == [("lost_paid", 100)]


def test_a_image_that_was_drawn_again_keeps_its_share_of_its_call(ledger: Ledger, make: Make) -> None:
    """It was paid for: those of its call that arrive later do not take its part over, nor touch the new image's."""
    job = make.job(n=3)
    attempt = send(ledger, make, job)
    answer = replace(make.answer(attempt, 0), remote=make.remote(attempt, 1, 2).remote)
    ledger.attempts.settle(answer, AttemptState.SETTLED, make.cost(90))
    ledger.attempts.settle(make.answer(send(ledger, make, job, 0)), AttemptState.SETTLED, make.cost(40))
    one, two = ledger.downloads.waiting()
    ledger.downloads.store(one, make.image(job, 1))
    assert in_images(ledger, job) == [40, 45, 0]
    ledger.downloads.store(two, make.image(job, 2))
    assert in_images(ledger, job) == [40, 30, 30]
    assert [(waste.kind, waste.micro_usd) for waste in ledger.accounts.waste()] == [("replaced", 30)]


def test_what_a_server_says_cannot_break_the_books(ledger: Ledger, make: Make) -> None:
    """Half characters, endless numbers and novels from outside are written down as far as they make sense."""
    attempt = send(ledger, make, make.job())
    answer = replace(
        make.answer(attempt),
        verdict=replace(make.failure(attempt, Charge.YES).verdict, message="\ud800" + "x" * 100_000),
        request_id="\udcff",
        headers=(("x-request-id", "\udcff"),),
        usage=Usage(10**5000, -1, 10**19, None, 1, "\ud800"),
    )
    ledger.attempts.settle(answer, AttemptState.SETTLED, make.cost(50))
    row = ledger.attempts.find(attempt.id)
    assert row is not None
    assert (row.text_in, row.image_in, row.output, row.total) == (None, None, None, 1)
    assert len(row.message) < 5000


def test_slots_are_decided_with_a_reason(ledger: Ledger, make: Make) -> None:
    """Moderated, failed, and not started again."""
    job = make.job(n=3)
    ledger.jobs.remember([make.wanted(job)])
    ledger.images.mark(
        job.key, {0: (SlotState.MODERATED, NO), 1: (SlotState.FAILED, BAD), 2: (SlotState.FAILED, NO_REASON)}
    )
    ledger.images.mark(job.key, {2: (SlotState.NOT_STARTED, AGAIN)})
    known = ledger.jobs.known([job])[0]
    assert [(slot.state, slot.reason) for slot in known.slots] == [
        (SlotState.MODERATED, NO),
        (SlotState.FAILED, BAD),
        (SlotState.NOT_STARTED, AGAIN),
    ]
    assert known.open(4) == (2, 3)
