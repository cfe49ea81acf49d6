"""What a run would do with one job, and why: a decision over what the ledger knows of it, pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from typing import NamedTuple

from batchgen.ledger import UNKNOWN, Known, Previous, Review, Slot
from batchgen.model import PRECHECK, ImageRequest, Job, OnUncertain, ReasonCode, SlotState
from batchgen.text import counted


class Action(StrEnum):
    """What a run would do with a job."""

    NEW = "new"
    CHANGED = "changed"
    RETRY = "retry"
    TOP_UP = "top_up"
    STORED = "stored"
    HELD = "held"
    SKIP = "skip"
    REDRAW = "redraw"
    FROZEN = "frozen"
    WAIT = "wait"
    SUBMITTED = "submitted"


@dataclass(frozen=True, slots=True)
class Choices:
    """What the user chose to draw: failed ones again, missing files again, uncertain ones or not.

    `rejected`: the rejected images and nothing else; `at_risk`: also what is held, and redraws that may have been paid.
    `max_uncertain`: calls more after one that may have been charged, counted over all runs.
    `reworded`: the jobs with these keys and nothing else. `flagged`: also prompts that a moderation endpoint flagged.
    `odd`: images that are not as asked and are asked for once more, by the key of their job and their slot.
    """

    retry_failed: bool = False
    regenerate_missing: bool = False
    on_uncertain: OnUncertain = OnUncertain.RETRY
    rejected: bool = False
    at_risk: bool = False
    max_uncertain: int = 1
    reworded: frozenset[str] | None = None
    flagged: bool = False
    odd: frozenset[tuple[str, int]] = frozenset()

    @property
    def some(self) -> bool:
        """Whether they are about some jobs only; the others are not even looked at."""
        return self.rejected or self.reworded is not None


class Decided(NamedTuple):
    """What a run would do with one job, why, and which slots it would draw.

    `gone` counts stored images whose files somebody moved away, and which are not drawn again by themselves.
    """

    action: Action
    why: str
    slots: tuple[int, ...] = ()
    gone: int = 0


def decide(job: Job, known: Known, choices: Choices, exists: Callable[[str], bool]) -> Decided:
    """Say what a run would do with one job, why, and which slots it would draw."""
    if choices.rejected:
        return _redraw(job, known, choices)
    if choices.reworded is not None and job.key not in choices.reworded:
        return Decided(Action.SKIP, "not reworded")
    if known is UNKNOWN and job.asked is None:
        return _new(job.n)
    slots = {slot.index: slot for slot in known.slots if slot.index < job.n}
    stored = [slot for slot in slots.values() if slot.state is SlotState.STORED]
    moved = [slot for slot in stored if slot.path and not exists(slot.path)]
    again, kept = _reopened(job.key, slots, known, choices, stored, moved)
    to_draw = tuple(sorted({*known.open(job.n), *again} - known.submitted))
    if job.asked is not None:
        return Decided(Action.FROZEN, _as_it_was(job, job.asked, known, to_draw))
    odd = [index for index in to_draw if (job.key, index) in choices.odd]
    if odd and len(odd) == len(to_draw):
        return Decided(Action.RETRY, f"{len(odd)} of {job.n} not as asked; asked for once more", to_draw)
    if to_draw:
        action, why = _reason(job, known, stored, to_draw, [slots[index] for index in to_draw if index in slots])
        return Decided(action, why, to_draw)
    if len(stored) == job.n:
        return Decided(Action.STORED, _stored(stored, moved), gone=len(moved))
    return Decided(*_kept(kept, known))


@cache
def _new(n: int) -> Decided:
    return Decided(Action.NEW, "never drawn", tuple(range(n)))


def _reopened(
    key: str, slots: Mapping[int, Slot], known: Known, choices: Choices, stored: Sequence[Slot], moved: Sequence[Slot]
) -> tuple[list[int], list[Slot]]:
    """Slots that something is known of and that are drawn all the same; and those that stay as they are."""
    approved = Review.APPROVED
    again = [slot.index for slot in moved if slot.review is not approved] if choices.regenerate_missing else []
    again += [slot.index for slot in stored if (key, slot.index) in choices.odd and slot.review is not approved]
    kept = []
    for slot in slots.values():
        transient = slot.state is SlotState.FAILED and slot.reason.code is ReasonCode.TRANSIENT
        unsent = slot.reason.code is ReasonCode.MODERATED and slot.reason.cause == PRECHECK
        let_go = choices.flagged and unsent and slot.state is SlotState.MODERATED
        for_good = slot.state in {SlotState.FAILED, SlotState.LOST_PAID}
        if transient or let_go or (for_good and choices.retry_failed) or _has_one_more(slot, known, choices):
            again.append(slot.index)
        elif slot.state is not SlotState.STORED:
            kept.append(slot)
    return again, kept


def _has_one_more(slot: Slot, known: Known, choices: Choices) -> bool:
    """Whether a slot that may be paid is asked for again: held, if the command says so; otherwise once in all runs.

    An outage costs it no more than one of its tries, and that once: a provider may charge in every night of a long one.
    """
    if slot.state is not SlotState.UNCERTAIN or choices.on_uncertain is OnUncertain.HOLD:
        return False
    if choices.at_risk:
        return True
    tries = sum(tried.uncertain for index, tried in known.tried if index == slot.index)
    most = choices.max_uncertain + (slot.reason.code is ReasonCode.OUTAGE)
    return slot.reason.is_undecided and tries <= most


def _reason(
    job: Job, known: Known, stored: Sequence[Slot], to_draw: Sequence[int], before: Sequence[Slot]
) -> tuple[Action, str]:
    """Why slots are drawn: the most telling reason first."""
    for slot in before:
        if why := _why_again(slot, known):
            return Action.RETRY, why
    if stored:
        raised = f"n raised from {known.n} to {job.n}; " if known.n and known.n < job.n else ""
        return Action.TOP_UP, f"{raised}top-up {len(to_draw)} of {job.n}"
    if known.tries:
        code = f" ({known.code})" if known.code else ""
        return Action.RETRY, f"tried {counted(known.tries, 'time')} without an image{code}"
    if known.previous is not None:
        return Action.CHANGED, changes(job, known.previous)
    return Action.NEW, "never drawn"


def _cause(slot: Slot, known: Known) -> str:
    what = slot.reason.what or known.code
    return f": {what}" if what else ""


def _why_again(slot: Slot, known: Known) -> str:
    """Why a slot is drawn that something is known of; empty where nothing is."""
    if slot.state is SlotState.UNCERTAIN:
        return f"may have been charged before{_cause(slot, known)}; tried once more"
    if slot.state is SlotState.STORED:
        return f"{slot.path} is missing"
    if slot.state is SlotState.MODERATED:
        return f"flagged before it was sent ({slot.reason.detail}), and asked for all the same"
    if slot.state is SlotState.NOT_STARTED and slot.prompt is not None:
        return "reworded after moderation"
    if slot.state in {SlotState.FAILED, SlotState.LOST_PAID}:
        transient = slot.reason.code is ReasonCode.TRANSIENT
        return (slot.reason.what if transient else slot.reason.words) or slot.state.value
    return ""


def _redraw(job: Job, known: Known, choices: Choices) -> Decided:
    """Say what `--rejected` does with a job: exactly its rejected images are drawn, each once for each decision."""
    rejected = [slot for slot in known.slots if slot.review is Review.REJECTED and slot.index < job.n]
    if not rejected:
        return Decided(Action.SKIP, "not rejected")
    if job.asked is not None and job.asked.form != job.request.form:
        return Decided(Action.FROZEN, f"rejected, but {_as_it_was(job, job.asked, known, ())}")
    safe = [slot for slot in rejected if slot.index not in known.submitted and (choices.at_risk or not slot.doubt)]
    if not safe and any(slot.index in known.submitted for slot in rejected):
        return Decided(Action.SUBMITTED, "accepted; another image comes later")
    if not safe:
        why = "its redraw may have been paid already; --on-uncertain retry asks once more"
        return Decided(Action.HELD, why)
    notes = "; ".join(dict.fromkeys(slot.note for slot in safe if slot.note))
    why = f"{len(safe)} of {job.n} rejected{f': {notes}' if notes else ''}"
    return Decided(Action.REDRAW, why, tuple(slot.index for slot in safe))


def _as_it_was(job: Job, asked: ImageRequest, known: Known, to_draw: Sequence[int]) -> str:
    """Why a job is not drawn as the manifest asks by now."""
    approved = sum(slot.review is Review.APPROVED for slot in known.slots)
    missing = f"; {len(to_draw)} missing" if to_draw else ""
    told = changes(replace(job, request=asked), Previous(job.key, job.request))
    return f"frozen: {approved} approved; {told}{missing}; under a new id it would be drawn"


def changes(job: Job, previous: Previous) -> str:
    """Which fields differ from the job that had this id before."""
    old, new = previous.request, job.request
    fields = [
        name
        for name, before, after in (
            ("operation", old.operation, new.operation),
            ("model", old.model, new.model),
            ("prompt", old.prompt, new.prompt),
            ("images", old.images, new.images),
            ("mask", old.mask, new.mask),
        )
        if before != after
    ]
    before, after = dict(old.params), dict(new.params)
    fields += [
        f"{name} {before.get(name, 'unset')} -> {after.get(name, 'unset')}"
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]
    return "changed: " + (", ".join(fields) or "how it is identified")


def _stored(stored: Sequence[Slot], moved: Sequence[Slot]) -> str:
    judged = [f"{count} {kind.value}" for kind in Review if (count := sum(slot.review is kind for slot in stored))]
    if any(slot.review is Review.APPROVED for slot in moved):
        gone = f"{len(moved)} of {len(stored)} files are gone"
        return f"approved, but {gone}: bring them back, or reject them to draw others"
    if moved:
        return f"stored, but {len(moved)} of {len(stored)} files are gone; --regenerate-missing draws them again"
    more = " (run --rejected draws again)" if any(slot.review is Review.REJECTED for slot in stored) else ""
    return ", ".join((f"{len(stored)} stored", *judged)) + more


def _kept(kept: Sequence[Slot], known: Known) -> tuple[Action, str]:
    """Why nothing is drawn although images are missing."""
    first = {slot.state: slot for slot in reversed(kept)}
    slot = first.get(SlotState.UNCERTAIN)
    if slot and slot.index not in known.submitted:
        return Action.HELD, f"may have been charged{_cause(slot, known)}; batchgen resolve decides"
    if known.submitted:
        return Action.SUBMITTED, "accepted; its images come later"
    if any(slot.pending for slot in kept):
        return Action.RETRY, "paid; its download is still to be finished"
    if slot := first.get(SlotState.MODERATED):
        if slot.reason.code is ReasonCode.ACCEPTED:
            return Action.SKIP, slot.reason.words
        return Action.SKIP, f"stopped by moderation until the prompt changes: {slot.reason.words or known.code}"
    if kept:
        return Action.SKIP, f"{kept[0].state.value} for good: {kept[0].reason.words}; --retry-failed tries again"
    return Action.SKIP, "nothing to draw"
