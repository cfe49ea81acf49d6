"""What a run would do with one job, as tables."""

from dataclasses import replace

import pytest

from batchgen.engine.job_status import job_status
from batchgen.ledger import Approved, Known, Previous, Review, Slot, Tried
from batchgen.model import (
    NO_REASON,
    ImageRequest,
    Job,
    OnUncertain,
    Operation,
    OutcomeKind,
    Reason,
    ReasonCode,
    SlotState,
    Stems,
)
from batchgen.planner import Action, Choices, changes, decide
from batchgen.planner.pairing import _replaced, _tried, prompts_for

OPEN, STORED, MODERATED = SlotState.NOT_STARTED, SlotState.STORED, SlotState.MODERATED
FAILED, UNCERTAIN, LOST = SlotState.FAILED, SlotState.UNCERTAIN, SlotState.LOST_PAID
DEFAULT, HOLD = Choices(), Choices(on_uncertain=OnUncertain.HOLD)
AGAIN, MISSING = Choices(retry_failed=True), Choices(regenerate_missing=True)


def job(n: int = 2, prompt: str = "a chair", **params: str) -> Job:
    """Make a job."""
    request = ImageRequest(Operation.GENERATE, prompt, params=tuple(sorted(params.items())))
    return Job("chair", "k" * 64, request, n, Stems(("chair-*",)))


def slot(index: int, state: SlotState, reason: Reason = NO_REASON, url: str | None = None) -> Slot:
    """Make a slot; a stored one has its file."""
    return Slot(index, state, reason, f"images/chair-{index}.png" if state is STORED else None, url=url)


def known(*states: SlotState, n: int = 2, tries: int = 1, code: str = "") -> Known:
    """Know these states of the first slots."""
    return Known(n, tuple(slot(index, state) for index, state in enumerate(states)), tries=tries, code=code)


NEW = Known()
BEFORE = Previous("o" * 64, job(prompt="a stool").request)
PENDING = Known(1, (slot(0, OPEN, url="https://x.test/0"),), tries=1)
SUBMITTED = Known(2, tries=1, submitted=frozenset({0, 1}))
FOR_NOW = Known(1, (slot(0, FAILED, Reason(ReasonCode.TRANSIENT, "http_503")),), tries=4)


@pytest.mark.parametrize(
    ("n", "before", "choices", "action", "slots"),
    [
        (2, NEW, DEFAULT, Action.NEW, (0, 1)),
        (2, Known(previous=BEFORE), DEFAULT, Action.CHANGED, (0, 1)),
        (2, known(n=2, tries=0), DEFAULT, Action.NEW, (0, 1)),
        (2, known(n=2, tries=3), DEFAULT, Action.RETRY, (0, 1)),
        (2, known(STORED, STORED), DEFAULT, Action.STORED, ()),
        (2, known(STORED), DEFAULT, Action.TOP_UP, (1,)),
        (4, known(STORED, STORED), DEFAULT, Action.TOP_UP, (2, 3)),
        (1, known(STORED, STORED), DEFAULT, Action.STORED, ()),
        (2, known(MODERATED, MODERATED), DEFAULT, Action.SKIP, ()),
        (2, known(MODERATED, MODERATED), AGAIN, Action.SKIP, ()),
        (2, known(STORED, MODERATED), DEFAULT, Action.SKIP, ()),
        (3, known(STORED, MODERATED), DEFAULT, Action.TOP_UP, (2,)),
        (2, known(FAILED, FAILED), DEFAULT, Action.SKIP, ()),
        (2, known(FAILED, FAILED), AGAIN, Action.RETRY, (0, 1)),
        (2, known(STORED, FAILED), AGAIN, Action.RETRY, (1,)),
        (1, FOR_NOW, DEFAULT, Action.RETRY, (0,)),
        (1, FOR_NOW, HOLD, Action.RETRY, (0,)),
        (2, known(LOST, STORED), DEFAULT, Action.SKIP, ()),
        (2, known(LOST, STORED), AGAIN, Action.RETRY, (0,)),
        (2, known(UNCERTAIN, UNCERTAIN), DEFAULT, Action.RETRY, (0, 1)),
        (2, known(UNCERTAIN, UNCERTAIN), HOLD, Action.HELD, ()),
        (2, known(UNCERTAIN, FAILED), HOLD, Action.HELD, ()),
        (2, known(UNCERTAIN, STORED), DEFAULT, Action.RETRY, (0,)),
        (3, known(UNCERTAIN, STORED), HOLD, Action.TOP_UP, (2,)),
        (1, PENDING, DEFAULT, Action.RETRY, ()),
        (1, PENDING, AGAIN, Action.RETRY, ()),
        (2, SUBMITTED, DEFAULT, Action.SUBMITTED, ()),
        (3, SUBMITTED, AGAIN, Action.RETRY, (2,)),
        (2, replace(known(UNCERTAIN, UNCERTAIN), submitted=frozenset({0})), DEFAULT, Action.RETRY, (1,)),
        (1, replace(known(FAILED), submitted=frozenset({0})), AGAIN, Action.SUBMITTED, ()),
    ],
)
def test_what_happens_to_a_job(n: int, before: Known, choices: Choices, action: Action, slots: tuple[int, ...]) -> None:
    """One action, and exactly the slots that are open or that the user wants again."""
    found, why, to_draw, _ = decide(job(n), before, choices, lambda _: True)
    assert (found, to_draw) == (action, slots)
    assert why


def test_files_that_others_moved_away_are_drawn_again_only_on_demand() -> None:
    """An image that was stored once was paid for once."""
    for choices, slots in ((DEFAULT, ()), (AGAIN, ()), (MISSING, (1,))):
        found = decide(job(), known(STORED, STORED), choices, lambda path: path.endswith("-0.png"))
        assert found[2] == slots
        assert "-1.png is missing" in found[1] or "1 of 2 files are gone" in found[1]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (job(), job(prompt="a stool"), "changed: prompt"),
        (job(size="1024x1024"), job(size="auto"), "changed: size 1024x1024 -> auto"),
        (job(), job(quality="high"), "changed: quality unset -> high"),
        (job(), job(), "changed: how it is identified"),
    ],
)
def test_a_changed_job_says_what_changed(old: Job, new: Job, words: str) -> None:
    """Field by field."""
    assert changes(new, Previous("o", old.request)) == words


@pytest.mark.parametrize(
    ("before", "to_draw", "key"),
    [
        (NEW, (0, 1), None),
        (Known(previous=BEFORE), (0, 1), BEFORE.key),
        (known(STORED, STORED), (1,), job().key),
        (known(STORED, FAILED), (1,), None),
        (Known(2, (slot(0, STORED),), previous=BEFORE), (1,), BEFORE.key),
    ],
)
def test_whose_images_step_aside(before: Known, to_draw: tuple[int, ...], key: str | None) -> None:
    """Those that stand where the new ones will go: the job's own, else those of the job that had its id."""
    assert _replaced(job(), before, to_draw, {}) == key


HELD = Reason(ReasonCode.HELD, "timeout")
SHORT = Slot(1, FAILED, reason=Reason(ReasonCode.INCOMPLETE, "dropped"))


@pytest.mark.parametrize(
    ("before", "kind"),
    [
        (NEW, OutcomeKind.NOT_STARTED),
        (known(STORED, STORED), OutcomeKind.DONE),
        (known(STORED), OutcomeKind.NOT_STARTED),
        (Known(2, (slot(0, STORED), slot(1, UNCERTAIN, HELD))), OutcomeKind.HELD),
        (Known(2, (slot(0, UNCERTAIN, HELD),)), OutcomeKind.HELD),
        (known(STORED, UNCERTAIN), OutcomeKind.NOT_STARTED),
        (replace(known(STORED, UNCERTAIN), submitted=frozenset({1})), OutcomeKind.SUBMITTED),
        (known(STORED, MODERATED), OutcomeKind.PARTIAL),
        (known(MODERATED, MODERATED), OutcomeKind.MODERATED),
        (known(MODERATED, FAILED), OutcomeKind.FAILED),
        (known(LOST, FAILED), OutcomeKind.FAILED),
        (known(STORED, STORED, UNCERTAIN), OutcomeKind.DONE),
        (PENDING, OutcomeKind.NOT_STARTED),
        (Known(2, (slot(0, STORED), SHORT)), OutcomeKind.FAILED),
        (Known(3, (slot(0, STORED), slot(1, MODERATED), replace(SHORT, index=2))), OutcomeKind.PARTIAL),
    ],
)
def test_how_a_job_stands(before: Known, kind: OutcomeKind) -> None:
    """From its slots alone; slots beyond the wanted number do not count."""
    assert job_status(job(), before) is kind


@pytest.mark.parametrize(
    ("before", "to_draw", "key"),
    [(NEW, (0, 1), "r" * 64), (NEW, (1,), "r" * 64), (NEW, (0,), None), (Known(previous=BEFORE), (1,), "o" * 64)],
)
def test_whoever_left_a_image_there_is_replaced(before: Known, to_draw: tuple[int, ...], key: str | None) -> None:
    """A job of another name steps aside too, where the new image goes and no job of the same name was before."""
    assert _replaced(job(), before, to_draw, {"images/chair-1": "r" * 64}) == key


def looked_at(*reviews: Review | None, note: str = "", prompt: str | None = None, doubt: bool = False) -> Known:
    """Know stored images that somebody looked at."""
    slots = (
        replace(slot(index, STORED), review=review, note=note, prompt=prompt, doubt=doubt)
        for index, review in enumerate(reviews)
    )
    return Known(len(reviews), tuple(slots))


REJECTED, APPROVED = Review.REJECTED, Review.APPROVED
REDRAW, RISK = Choices(rejected=True), Choices(rejected=True, at_risk=True)
EDITED = replace(job(), asked=job(prompt="a stool").request)
RESIZED = replace(job(), asked=job(size="auto").request)


@pytest.mark.parametrize(
    ("wanted", "before", "choices", "action", "slots"),
    [
        (job(), looked_at(REJECTED, APPROVED), DEFAULT, Action.STORED, ()),
        (job(), looked_at(REJECTED, APPROVED), REDRAW, Action.REDRAW, (0,)),
        (job(), looked_at(REJECTED, REJECTED), REDRAW, Action.REDRAW, (0, 1)),
        (job(n=1), looked_at(None, REJECTED), REDRAW, Action.SKIP, ()),
        (job(), looked_at(None, None), REDRAW, Action.SKIP, ()),
        (job(), NEW, REDRAW, Action.SKIP, ()),
        (job(), looked_at(REJECTED, None, doubt=True), REDRAW, Action.HELD, ()),
        (job(), looked_at(REJECTED, None, doubt=True), RISK, Action.REDRAW, (0,)),
        (EDITED, looked_at(APPROVED, None), DEFAULT, Action.FROZEN, ()),
        (EDITED, looked_at(APPROVED), AGAIN, Action.FROZEN, ()),
        (EDITED, looked_at(APPROVED, REJECTED), REDRAW, Action.REDRAW, (1,)),
        (RESIZED, looked_at(APPROVED, REJECTED), REDRAW, Action.FROZEN, ()),
        (job(), NEW, Choices(reworded=frozenset()), Action.SKIP, ()),
        (job(), NEW, Choices(reworded=frozenset({"k" * 64})), Action.NEW, (0, 1)),
    ],
)
def test_what_decisions_of_people_do(
    wanted: Job, before: Known, choices: Choices, action: Action, slots: tuple[int, ...]
) -> None:
    """Rejected images are drawn when that is asked for, approved ones hold their job, doubt is not paid for."""
    found, why, to_draw, _ = decide(wanted, before, choices, lambda _: True)
    assert (found, to_draw) == (action, slots)
    assert why


def test_an_approved_image_whose_file_is_gone_is_not_drawn_again() -> None:
    """Only the other one is."""
    found = decide(job(), looked_at(APPROVED, None), MISSING, lambda _: False)
    assert found[2] == (1,)


@pytest.mark.parametrize(
    ("wanted", "before", "preview", "redraw", "words"),
    [
        (job(), NEW, None, False, ()),
        (job(), looked_at(REJECTED), None, True, ()),
        (job(), looked_at(REJECTED, note="blue"), None, True, ((0, "a chair\nblue"),)),
        (job(), looked_at(REJECTED, note="blue", prompt="a seat"), None, True, ((0, "a seat\nblue"),)),
        (job(), looked_at(None, note="blue", prompt="a seat"), None, False, ((0, "a seat"),)),
        (EDITED, looked_at(REJECTED, note="blue", prompt="a seat"), None, True, ((0, "a stool\nblue"),)),
        (EDITED, looked_at(REJECTED), None, True, ()),
        (job(), NEW, Approved("p", job().request, 1, "a red chair"), False, ((0, "a red chair"),)),
        (job(), NEW, Approved("p", job().request, 1), False, ()),
    ],
)
def test_with_which_words_a_image_is_drawn(
    wanted: Job, before: Known, preview: Approved | None, redraw: bool, words: tuple[tuple[int, str], ...]
) -> None:
    """Its own, those that somebody gave it, or those of the approved preview; a note stands behind them."""
    assert prompts_for(wanted, before, (0,), preview, redraw=redraw) == words


def test_other_words_are_tried_anew() -> None:
    """Calls in vain count for the words that were sent, and for no others."""
    own, other = Tried(1, 1), Tried(0, 2, "a seat")
    before = Known(tried=((0, own), (0, other), (1, other)))
    assert _tried(before, ()) == ((0, own),)
    assert _tried(before, ((0, "a seat"), (1, "a seat"))) == ((0, other), (1, other))
    assert _tried(before, ((0, "a stool"), (1, "a stool"))) == ()
