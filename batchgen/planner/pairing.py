"""Pairs jobs with what the ledger knows of them: what a run would do with each, and why."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from itertools import islice

from batchgen.ledger import Known, Ledger, Previous, Slot, Tried
from batchgen.model import Job, JobImage, OnUncertain, OutcomeKind, Quote, SlotState
from batchgen.planner.chain import Chain, in_order
from batchgen.worker import TRANSIENT, standing

GONE = "files are gone"
"""Stands in the reason of a stored job whose files somebody moved away."""

AT_ONCE = 256
"""Jobs looked up in the ledger in one go."""


class Action(StrEnum):
    """What a run would do with a job."""

    NEW = "new"
    CHANGED = "changed"
    RETRY = "retry"
    TOP_UP = "top_up"
    STORED = "stored"
    HELD = "held"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Choices:
    """What the user chose to draw: failed ones again, missing files again, uncertain ones or not."""

    retry_failed: bool = False
    regenerate_missing: bool = False
    on_uncertain: OnUncertain = OnUncertain.RETRY


@dataclass(frozen=True, slots=True)
class Cost:
    """What drawing slots of a job may cost, over `calls` calls of about `seconds` each, and what it is priced as."""

    quote: Quote
    calls: int
    model: str
    size: str
    quality: str
    provider: str
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Planned:
    """A job with what would happen, why, the slots that would be drawn, and what that may cost.

    `replaces` is the key of the job that had this id before; its pictures step aside for the new ones. `standing` is
    how the job stands before anything is drawn; `linked` says that it takes pictures of other jobs; `tried` is what
    earlier runs made of its slots.
    """

    job: Job
    action: Action
    why: str
    slots: tuple[int, ...] = ()
    cost: Cost | None = None
    replaces: str | None = None
    standing: OutcomeKind = OutcomeKind.NOT_STARTED
    linked: bool = False
    tried: tuple[tuple[int, Tried], ...] = ()

    @property
    def quote(self) -> Quote | None:
        """What drawing the slots may cost; None when nothing is drawn."""
        return self.cost.quote if self.cost else None


@dataclass(frozen=True)
class Pairing:
    """How jobs are paired: the ledger, the prices, the user's choices, the chain, and which files are there."""

    ledger: Ledger
    price: Callable[[Job, int], Cost]
    choices: Choices
    chain: Chain
    exists: Callable[[str], bool]

    def plan(self, jobs: Iterable[Job]) -> Iterator[Planned]:
        """Pair jobs with the ledger's knowledge; lazy, in the order of the jobs, those that wait for others last."""
        stream, chained = iter(jobs), list[Job]()
        while batch := list(islice(stream, AT_ONCE)):
            chained += [job for job in batch if job.waits_for]
            yield from self._pair([job for job in batch if not job.waits_for])
        for job in in_order(chained):
            yield self.link(job)

    def link(self, job: Job) -> Planned:
        """Plan a chained job: with its real key when its inputs are stored, else as one that waits for them."""
        real = self.chain.resolve(job)
        if isinstance(real, str):
            (known,) = self.ledger.known([job])
            action = Action.CHANGED if known.previous else Action.NEW
            cost = self.price(self.chain.foreseen(job), job.n)
            return Planned(job, action, real, tuple(range(job.n)), cost, linked=True)
        return replace(next(self._pair([real])), linked=True)

    def _pair(self, jobs: Sequence[Job]) -> Iterator[Planned]:
        pairs = list(zip(jobs, map(_drawn, self.ledger.known(jobs)), strict=True))
        decided = [decide(job, known, self.choices, self.exists) for job, known in pairs]
        owners = self._owners(job for job, (_, _, slots) in zip(jobs, decided, strict=True) if slots)
        for (job, known), (action, why, slots) in zip(pairs, decided, strict=True):
            self.chain.see(job)
            replaces = _replaced(job, known, slots, owners)
            cost = self.price(job, len(slots)) if slots else None
            yield Planned(job, action, why, slots, cost, replaces, standing(job, known), tried=known.tried)

    def _owners(self, jobs: Iterable[Job]) -> Mapping[str, str]:
        """Whose pictures stand where those of some jobs will go, by place; nobody's in a folder without pictures."""
        if self.is_bare:
            return {}
        return self.ledger.standing([place for job in jobs for place in _places(job, range(job.n))])

    @cached_property
    def is_bare(self) -> bool:
        """Whether no picture was stored yet when this was first asked."""
        return not self.ledger.has_pictures()


def _drawn(known: Known) -> Known:
    """Leave out a job before that was only ever waiting for its inputs: under its provisional key nothing was drawn."""
    before = known.previous
    waited = before is not None and any(isinstance(image, JobImage) for image in before.request.images)
    return replace(known, previous=None) if waited else known


def _replaced(job: Job, known: Known, to_draw: Sequence[int], owners: Mapping[str, str]) -> str | None:
    """Whose pictures stand where those to be drawn will go: its own, those of the job with its id before, or any job's.

    A job of another name may have left pictures there, as when ids are renamed or made anew from the prompt.
    """
    if any(slot.path for slot in known.slots if slot.index in to_draw):
        return job.key
    if known.previous:
        return known.previous.key
    return next((owners[place] for place in _places(job, to_draw) if place in owners), None) if owners else None


def _places(job: Job, slots: Iterable[int]) -> list[str]:
    """Where pictures go, relative to the output folder, without their extensions."""
    return [f"images/{job.path(slot, 'ext').removesuffix('.ext')}" for slot in slots]


def decide(
    job: Job, known: Known, choices: Choices, exists: Callable[[str], bool]
) -> tuple[Action, str, tuple[int, ...]]:
    """What a run would do with one job, why, and which slots it would draw."""
    slots = {slot.index: slot for slot in known.slots if slot.index < job.n}
    stored = [slot for slot in slots.values() if slot.state is SlotState.STORED]
    moved = [slot for slot in stored if slot.path and not exists(slot.path)]
    again, kept = _reopened(slots, choices, moved)
    to_draw = tuple(sorted({*known.open(job.n), *again}))
    if to_draw:
        action, why = _reason(job, known, stored, to_draw, [slots[index] for index in to_draw if index in slots])
        return action, why, to_draw
    if len(stored) == job.n:
        return Action.STORED, _stored(stored, moved), ()
    return *_kept(kept, known), ()


def _reopened(slots: Mapping[int, Slot], choices: Choices, moved: Sequence[Slot]) -> tuple[list[int], list[Slot]]:
    """Slots that something is known of and that are drawn all the same; and those that stay as they are."""
    again = [slot.index for slot in moved] if choices.regenerate_missing else []
    kept = []
    for slot in slots.values():
        transient = slot.state is SlotState.FAILED and slot.reason.startswith(TRANSIENT)
        for_good = slot.state in {SlotState.FAILED, SlotState.LOST_PAID}
        uncertain = slot.state is SlotState.UNCERTAIN
        if (
            transient
            or (for_good and choices.retry_failed)
            or (uncertain and choices.on_uncertain is OnUncertain.RETRY)
        ):
            again.append(slot.index)
        elif slot.state is not SlotState.STORED:
            kept.append(slot)
    return again, kept


def _reason(
    job: Job, known: Known, stored: Sequence[Slot], to_draw: Sequence[int], before: Sequence[Slot]
) -> tuple[Action, str]:
    """Why slots are drawn: the most telling reason first."""
    for slot in before:
        if slot.state is SlotState.UNCERTAIN:
            return Action.RETRY, f"may have been charged before ({slot.reason or known.code}); tried once more"
        if slot.state is SlotState.STORED:
            return Action.RETRY, f"{slot.path} is missing"
        if slot.state in {SlotState.FAILED, SlotState.LOST_PAID}:
            return Action.RETRY, slot.reason.removeprefix(TRANSIENT) or slot.state.value
    if stored:
        raised = f"n raised from {known.n} to {job.n}; " if known.n and known.n < job.n else ""
        return Action.TOP_UP, f"{raised}top-up {len(to_draw)} of {job.n}"
    if known.tries:
        return Action.RETRY, f"tried {known.tries} times without a picture{f' ({known.code})' if known.code else ''}"
    if known.previous is not None:
        return Action.CHANGED, changes(job, known.previous)
    return Action.NEW, "never drawn"


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
    if moved:
        return f"stored, but {len(moved)} of {len(stored)} {GONE}; --regenerate-missing draws them again"
    return f"{len(stored)} stored"


def _kept(kept: Sequence[Slot], known: Known) -> tuple[Action, str]:
    """Why nothing is drawn although pictures are missing."""
    for slot in kept:
        if slot.state is SlotState.UNCERTAIN:
            return Action.HELD, f"may have been charged ({slot.reason or known.code}); batchgen resolve decides"
    for slot in kept:
        if slot.pending:
            return Action.RETRY, "paid; its download is still to be finished"
    for slot in kept:
        if slot.state is SlotState.MODERATED:
            return Action.SKIP, f"stopped by moderation until the prompt changes: {slot.reason or known.code}"
    for slot in kept:
        return Action.SKIP, f"{slot.state.value} for good: {slot.reason}; --retry-failed tries again"
    return Action.SKIP, "nothing to draw"
