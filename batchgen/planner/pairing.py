"""Pairs jobs with what the ledger knows of them: what a run would do with each, and why."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby, islice
from unicodedata import normalize

from batchgen.engine.group_by_prompt import Prompts, group_by_prompt
from batchgen.engine.job_status import job_status
from batchgen.ledger import UNKNOWN, Approved, Known, Ledger, Slot, Tried
from batchgen.manifest import former_keys
from batchgen.model import Job, JobImage, OutcomeKind, Quote, Reason, ReasonCode, SlotState
from batchgen.numerous import numerous
from batchgen.planner.chain import Chain, Missing, in_order, until_approved
from batchgen.planner.decision import Action, Choices, decide
from batchgen.pricing import Cost, together

AT_ONCE = 1024
"""Jobs looked up in the ledger in one go."""


@numerous
@dataclass(frozen=True, slots=True)
class Planned:
    """A job with what would happen, why, the slots that would be drawn, and what that may cost.

    `replaces` is the key of the job that had this id before; its images step aside for the new ones. `job_status`
    is how the job stands before anything is drawn; `linked` says that it takes images of other jobs. `prompts` are
    those of slots that are not drawn with the job's own. `later` are slots that wait for somebody's approval, and
    `cost` is theirs then. `tried` is what earlier runs made of the slots, with the same prompt.
    `waits` is why it waits, if it does, and `awaited` names the jobs that it waits for. `queued_as` is the key that a
    chained job had before its inputs were known.
    `gone` counts stored images whose files somebody moved away. `held` are slots that are held from
    now on, with the reason; `accepted` says that a person takes what is missing.
    """

    job: Job
    action: Action
    why: str
    slots: tuple[int, ...] = ()
    cost: Cost | None = None
    replaces: str | None = None
    job_status: OutcomeKind = OutcomeKind.NOT_STARTED
    linked: bool = False
    prompts: Prompts = ()
    later: tuple[int, ...] = ()
    tried: tuple[tuple[int, Tried], ...] = ()
    gone: int = 0
    held: tuple[tuple[int, Reason], ...] = ()
    accepted: bool = False
    waits: ReasonCode = ReasonCode.NONE
    awaited: tuple[str, ...] = ()
    queued_as: str = ""

    @property
    def quote(self) -> Quote | None:
        """What drawing the slots may cost; None when nothing is drawn."""
        return self.cost.quote if self.cost else None


def waiting(item: Planned, code: ReasonCode, why: str, awaited: tuple[str, ...]) -> Planned:
    """Let a job that would be drawn wait."""
    return replace(item, action=Action.WAIT, why=why, slots=(), later=item.slots, waits=code, awaited=awaited)


def not_held(item: Planned) -> Planned:
    """Hold no job back."""
    return item


@dataclass(frozen=True)
class Pairing:
    """How jobs are paired: the ledger, the prices, the user's choices, the chain, and which of some paths are there.

    `hold` lets a job wait although it could be drawn.
    """

    ledger: Ledger
    price: Callable[[Job, int], Cost]
    choices: Choices
    chain: Chain
    taken: Callable[[Iterable[str]], frozenset[str]]
    hold: Callable[[Planned], Planned] = not_held

    def freeze(self, jobs: Iterable[Job]) -> Iterator[Job]:
        """Pass jobs through; one with approved images stays as it was when the manifest asks otherwise by now.

        One that the ledger knows under a key of an older version keeps that.
        """
        stream = map(self._as_known, jobs)
        if not self.has_approved:
            yield from stream
            return
        while batch := list(islice(stream, AT_ONCE)):
            approved = self.ledger.reviews.approved([job.id for job in batch if job.explicit_id and not job.waits_for])
            yield from (_as_approved(job, approved.get(job.id, ())) for job in batch)

    def _as_known(self, job: Job) -> Job:
        """Return the job under the key by which it is known."""
        explicit = job.id if job.explicit_id else None
        if job.waits_for or not (former := former_keys(job.request, explicit)) or not self.has_returns:
            return job
        found = self.ledger.jobs.first_known((job.key, *former))
        return replace(job, key=found, id=explicit or found[:12]) if found else job

    @cached_property
    def has_returns(self) -> bool:
        """Whether any job is known whose texts hold carriage returns; the key of every other one is what it was."""
        return self.ledger.jobs.any_returns()

    def plan(self, jobs: Iterable[Job], *, queued: bool = False) -> Iterator[Planned]:
        """Pair jobs with the ledger's knowledge; lazy, in the order of the jobs, those that wait for others last.

        In a queue each job stands behind those whose images it takes: there the order is kept.
        """
        items = map(self.hold, self._queued(jobs) if queued else self._every(jobs))
        return items if self.chain.is_empty and not self.choices.some else self._watched(items)

    def _watched(self, items: Iterable[Planned]) -> Iterator[Planned]:
        """Take note of what chained jobs have to know; where the choice is of some jobs, the others are left out."""
        for item in items:
            self.chain.hold(item.job, item.waits)
            if item.slots or item.action in {Action.RETRY, Action.SUBMITTED}:
                self.chain.comes(item.job)
            if not self.choices.some or _concerned(item):
                yield item

    def _every(self, jobs: Iterable[Job]) -> Iterator[Planned]:
        stream, chained = iter(jobs), list[Job]()
        while batch := list(islice(stream, AT_ONCE)):
            chained += [job for job in batch if job.waits_for]
            yield from self._pair([job for job in batch if not job.waits_for])
        for job in in_order(chained):
            yield self.link(job)

    def _queued(self, jobs: Iterable[Job]) -> Iterator[Planned]:
        stream = iter(jobs)
        while batch := list(islice(stream, AT_ONCE)):
            for waits, group in groupby(batch, key=lambda job: bool(job.waits_for)):
                some = list(group)
                yield from map(self.link, some) if waits else self._pair(some)

    def link(self, job: Job) -> Planned:
        """Plan a chained job: with its real key when its inputs are stored, else as one that waits for them."""
        real = self.chain.resolve(job)
        if isinstance(real, Missing):
            return self._unlinked(job, real)
        return replace(next(self._pair(list(self.freeze([real])))), linked=True, queued_as=job.key)

    def _unlinked(self, job: Job, missing: Missing) -> Planned:
        """Plan a chained job that cannot be drawn yet: it waits for other jobs, or for somebody's approval."""
        (known,) = self.ledger.jobs.known([job])
        cost, every = self.price(self.chain.foreseen(job), job.n), tuple(range(job.n))
        action = Action.CHANGED if known.previous else Action.NEW
        coming = Planned(job, action, missing.why, every, cost, linked=True)
        if job.after and isinstance(unseen := self._previews([job]).get(job.id, ""), str):
            return waiting(coming, ReasonCode.PREVIEW, unseen, (job.after,))
        if missing.unapproved:
            return waiting(coming, ReasonCode.ANCHOR, missing.why, missing.unapproved)
        if code := self.chain.held(job):
            return waiting(coming, code, f"{missing.why}, that cannot be drawn yet", job.waits_for)
        if never := self.chain.lacking(job):
            return Planned(job, Action.SKIP, f"{missing.why}; this run does not draw {', '.join(never)}", linked=True)
        if job.approved_inputs:
            return waiting(coming, ReasonCode.ANCHOR, until_approved(job.waits_for), job.waits_for)
        return coming

    def _pair(self, jobs: Sequence[Job]) -> Iterator[Planned]:
        pairs = list(zip(jobs, map(_drawn, self.ledger.jobs.known(jobs)), strict=True))
        there = self.taken([slot.path for _, known in pairs for slot in known.slots if slot.path])
        decided = [decide(job, known, self.choices, there.__contains__) for job, known in pairs]
        to_draw = [job for job, decision in zip(jobs, decided, strict=True) if decision.slots]
        owners, frozen, previews = self._owners(to_draw), self._frozen(to_draw), self._previews(to_draw)
        is_plain = not (owners or frozen or previews)
        for (job, known), decision in zip(pairs, decided, strict=True):
            action, why, slots, gone = decision
            self.chain.see(job)
            if known is UNKNOWN and is_plain:
                yield Planned(job, action, why, slots, self.price(job, len(slots)) if slots else None)
                continue
            preview = previews.get(job.id) if action is not Action.REDRAW else None
            stands = OutcomeKind.HELD if action is Action.HELD else job_status(job, known)
            if isinstance(preview, str):
                price = self.price(job, len(slots))
                planned = Planned(job, action, why, slots, price, job_status=stands)
                yield waiting(planned, ReasonCode.PREVIEW, preview, (job.after,) if job.after else ())
                continue
            slots, taken = _unfrozen(job, slots, frozen)
            if taken:
                action, why = (action, f"{why}; {taken}") if slots else (Action.FROZEN, taken)
            prompts = prompts_for(job, known, slots, preview, redraw=action is Action.REDRAW)
            each = group_by_prompt(job, slots, prompts)
            cost = together([self.price(asked, len(some)) for asked, some in each]) if slots else None
            replaces, tried = _replaced(job, known, slots, owners), _tried(known, prompts)
            yield Planned(
                job,
                action,
                why,
                slots,
                cost,
                replaces,
                stands,
                prompts=prompts,
                tried=tried,
                gone=gone,
                held=_newly_held(job, known) if action is Action.HELD else (),
                accepted=not slots and _is_accepted(job, known),
            )

    def _owners(self, jobs: Iterable[Job]) -> Mapping[str, str]:
        """Whose images stand where those of some jobs will go, by place; nobody's in a folder without images."""
        if self.is_bare:
            return {}
        return self.ledger.images.owners([place for job in jobs for place in _places(job, range(job.n))])

    def _frozen(self, jobs: Iterable[Job]) -> frozenset[str]:
        """Places of some jobs where approved images stand."""
        if not self.has_approved:
            return frozenset()
        return self.ledger.reviews.frozen([place for job in jobs for place in _places(job, range(job.n))])

    def _previews(self, jobs: Iterable[Job]) -> Mapping[str, Approved | str]:
        """For jobs with previews, by id: the approved one, or why they wait."""
        finals = [(job, job.after) for job in jobs if job.after]
        approved = self.ledger.reviews.approved([name for _, name in finals]) if finals and self.has_approved else {}
        return {job.id: _approval(job, name, approved.get(name, ())) for job, name in finals}

    @cached_property
    def has_approved(self) -> bool:
        """Whether anything is approved; a run and a review never work in one folder at the same time."""
        return self.ledger.reviews.any_approved()

    @cached_property
    def is_bare(self) -> bool:
        """Whether no image was stored yet when this was first asked."""
        return not self.ledger.images.any_stands()


def _drawn(known: Known) -> Known:
    """Leave out a job before that was only ever waiting for its inputs: under its provisional key nothing was drawn."""
    before = known.previous
    waited = before is not None and any(isinstance(image, JobImage) for image in before.request.images)
    return replace(known, previous=None) if waited else known


def _tried(known: Known, prompts: Prompts) -> tuple[tuple[int, Tried], ...]:
    """Say what earlier runs made of open slots with the prompt that they are drawn with now."""
    others = dict(prompts)
    return tuple((slot, tried) for slot, tried in known.tried if tried.prompt == others.get(slot))


def _newly_held(job: Job, known: Known) -> tuple[tuple[int, Reason], ...]:
    """Return the slots that may be paid, are not asked for again, and are not written down as held yet."""
    uncertain = known.with_state(SlotState.UNCERTAIN)
    return tuple((one.index, one.reason) for one in uncertain if one.index < job.n and one.reason.is_undecided)


def _is_accepted(job: Job, known: Known) -> bool:
    """Whether a person takes it that images of a job are missing."""
    open_ = [slot for slot in known.slots if slot.index < job.n and slot.state is not SlotState.STORED]
    return bool(open_) and all(slot.reason.code is ReasonCode.ACCEPTED for slot in open_)


def _replaced(job: Job, known: Known, to_draw: Sequence[int], owners: Mapping[str, str]) -> str | None:
    """Whose images stand where those to be drawn will go: its own, those of the job with its id before, or any job's.

    A job of another name may have left images there, as when ids are renamed or made anew from the prompt.
    """
    if any(slot.path for slot in known.slots if slot.index in to_draw):
        return job.key
    if known.previous:
        return known.previous.key
    return next((owners[place] for place in _places(job, to_draw) if place in owners), None) if owners else None


def _unfrozen(job: Job, slots: tuple[int, ...], frozen: frozenset[str]) -> tuple[tuple[int, ...], str]:
    """Return the slots in whose places no approved image stands, and what keeps the others from being drawn."""
    if not frozen:
        return slots, ""
    taken = {slot: place for slot in slots if (place := _places(job, [slot])[0]) in frozen}
    why = f"frozen: an approved image stands at {next(iter(taken.values()))}" if taken else ""
    return tuple(slot for slot in slots if slot not in taken), why


def _places(job: Job, slots: Iterable[int]) -> list[str]:
    """Where images go, relative to the output folder, without their extensions."""
    return [f"images/{job.path(slot, 'ext').removesuffix('.ext')}" for slot in slots]


def _concerned(item: Planned) -> bool:
    """Whether a choice of some jobs is about this one."""
    return bool(item.slots) or item.action in {Action.HELD, Action.FROZEN, Action.SUBMITTED}


def _as_approved(job: Job, approved: Sequence[Approved]) -> Job:
    """Give the job as it was when its images were approved; the job itself where they are its own, or none.

    What was approved says nothing of what the manifest writes by now.
    """
    if not approved or any(one.key == job.key for one in approved):
        return job
    return replace(job, key=approved[0].key, request=approved[0].request, asked=job.request, template="")


def _approval(job: Job, preview: str, approved: Sequence[Approved]) -> Approved | str:
    """Return the approved preview of a job, or why the job waits."""
    for one in approved:
        if normalize("NFC", one.request.prompt) == normalize("NFC", job.request.prompt):
            return one
    if approved:
        return f"waits: its preview {preview} was approved with another prompt; reject it to have it drawn anew"
    return f"waits for approval of its preview {preview}"


def prompts_for(
    job: Job, known: Known, slots: Sequence[int], preview: Approved | str | None, *, redraw: bool
) -> Prompts:
    """Give the prompts of slots that are not drawn with the job's own: reworded ones, rejected ones with their notes.

    A job follows its preview: it is drawn with the prompt that the approved one was drawn with.
    """
    if not known.slots and not isinstance(preview, Approved):
        return ()
    by_index = {slot.index: slot for slot in known.slots}
    asked = (job.asked or job.request).prompt
    shown = preview.prompt if isinstance(preview, Approved) else None
    prompts = []
    for index in slots:
        slot = by_index.get(index, Slot(index, SlotState.NOT_STARTED))
        before = (None if job.asked else slot.prompt) or shown or asked
        prompt = "\n".join(filter(None, (before, slot.note))) if redraw else before
        if prompt != asked:
            prompts.append((index, prompt))
    return tuple(prompts)
