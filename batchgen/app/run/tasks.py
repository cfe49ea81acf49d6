"""What of a run may start, in order: planned anew while it is pulled, and looked at once more when it starts."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from batchgen.app.config.project import wanted
from batchgen.app.output.derive import Deriver
from batchgen.app.output.measures import keep_measures
from batchgen.app.preview.precheck import Prechecked
from batchgen.app.run.canary_watch import CanaryWatch
from batchgen.app.run.worklist import Worklist, in_words
from batchgen.engine.group_by_prompt import Prompts, group_by_prompt
from batchgen.engine.job_runner import Prepare, Task, prepared
from batchgen.engine.job_status import job_status
from batchgen.engine.stop_reasons import StopReasons
from batchgen.imaging.digest import digest
from batchgen.limits import TemplateBreaker
from batchgen.manifest.digest_set import Seen, digest_of
from batchgen.model import (
    PRECHECK,
    FileImage,
    Job,
    ModerationCheck,
    OnCheck,
    Outcome,
    OutcomeKind,
    Reason,
    ReasonCode,
    SlotState,
)
from batchgen.money import ZERO
from batchgen.planner import Action, Planned
from batchgen.planner.waiting import WaitingTally
from batchgen.runtime.change import Change, first_of
from batchgen.runtime.clock import Offload

IN_VAIN = frozenset({OutcomeKind.MODERATED, OutcomeKind.FAILED})
ENDS = IN_VAIN | {OutcomeKind.DONE, OutcomeKind.PARTIAL}
"""How a job ends that says something of its template."""


@dataclass
class Tasks:
    """What of a planned worklist may start, and when: jobs wait for each other's images, for checks, and for people.

    `grows` is told of images whose jobs start although they waited when the run was planned. `prechecked` says which
    prompts are flagged. What gives tasks blocks and belongs into the ledger's thread; the others belong to the event
    loop.
    """

    worklist: Worklist
    deriver: Deriver
    stops: StopReasons
    grows: Callable[[int], None]
    prechecked: Prechecked = field(default_factory=Prechecked)
    _under_way: set[str] = field(default_factory=set)
    _redrawing: set[str] = field(default_factory=set)
    _redrawn: set[str] = field(default_factory=set)
    _changed: Change = field(default_factory=Change)
    _held_back: dict[ReasonCode, Seen] = field(default_factory=lambda: defaultdict(Seen))
    _breaker: TemplateBreaker = field(default_factory=TemplateBreaker)

    def __post_init__(self) -> None:
        self.ledger, self.settings = self.worklist.ledger, self.worklist.project.settings
        self._canary_watch = CanaryWatch(
            self.worklist.canaries, self.ledger, self.deriver, self.settings.checks, self.stops
        )

    def left(self, *, again: bool = False, sync: bool | None = None) -> Iterator[Task]:
        """Say what is left to do, planned anew while it is pulled; jobs that take images prepare themselves.

        `again`: this is asked more than once in a run, and how the jobs stand in the end is in the ledger. `sync`: only
        what is drawn by calls, or only what is not.
        """
        self.worklist.look_for_odd()
        for item in self._planned(self.ledger.queue.jobs()):
            if sync not in {None, self.worklist.is_sync(item.job)}:
                continue
            if item.waits:
                self._held_back[item.waits].add(digest_of(item.queued_as or item.job.key))
                continue
            item = self._come(item)  # noqa: PLW2901 - the same job, under its own key
            drawn = self._looked_at(item, again=again)
            if drawn.slots and not self._is_given_up(drawn.job):
                yield self._tasked(drawn)
            elif not again:
                self.worklist.stands(drawn)
        yield from self._released(again=again)

    def _planned(self, queued: Iterable[Job]) -> Iterator[Planned]:
        """Plan jobs of the queue as the ledger knows them by now."""
        return self.worklist.pairing.plan(queued, queued=True)

    def _looked_at(self, item: Planned, *, again: bool) -> Planned:
        if again:
            self.worklist.follow(item.job)
        return item if item.job.waits_for else self._unflagged(item)

    def _come(self, item: Planned) -> Planned:
        """Plan a chained job anew under its real key, when its inputs have come since it was queued."""
        if not item.queued_as or item.queued_as == item.job.key:
            return item
        self.ledger.jobs.forget([item.queued_as])
        anew = replace(next(self._planned([item.job])), linked=True)
        self._remember(item.queued_as, anew.job)
        return anew

    def _remember(self, queued_as: str, job: Job) -> None:
        """Write a chained job down under its real key, also in the queue where that is gone through once more."""
        self.ledger.jobs.remember([wanted(job, self.worklist.offers)])
        if self.settings.on_check is OnCheck.RETRY_ONCE:
            self.ledger.queue.rename(queued_as, job.key)

    def _tasked(self, item: Planned) -> Task:
        self._under_way.add(item.job.id)
        self._canary_watch.starts(item.job)
        if item.job.id in self._redrawn:  # what was planned of it may have been drawn meanwhile
            return self._task(item, self._after_redraw)
        return self._task(item, self._prepare if item.job.waits_for else self._look_again)

    def _task(self, item: Planned, prepare: Prepare | None = None) -> Task:
        redraw = item.action is Action.REDRAW
        known_odd = () if redraw else self.worklist.pairing.choices.odd
        return Task(
            item.job,
            item.slots,
            item.replaces,
            prepare,
            job_status=item.job_status,
            tried=item.tried,
            prompts=item.prompts,
            redraw=redraw,
            high=item.quote.high if item.quote else ZERO,
            odd=frozenset(slot for slot in item.slots if (item.job.key, slot) in known_odd)
            if known_odd
            else frozenset(),
        )

    def _is_given_up(self, job: Job) -> bool:
        """Whether too many of the job's template were in vain; then it is written down why the job is not started."""
        if why := self._breaker.given_up.get(job.template):
            self.worklist.not_started(job, ReasonCode.TEMPLATE, why)
        return bool(why)

    def _released(self, *, again: bool) -> Iterator[Task]:
        """Say which of the jobs that waited may start by now: people decide, and checks end, while a run works."""
        if not self._held_back:
            return
        self.worklist.canaries.look(self.ledger)
        held, self._held_back = self._held_back, defaultdict(Seen)
        still = WaitingTally()
        for item in self._planned(self._among(held)):
            if item.waits is ReasonCode.CANARY and not again and self._canary_watch.may_open(item.job.template):
                # It claims nothing while it waits: its canaries may need what the limits leave.
                yield self._task(replace(self._come(item), slots=(), cost=None), self._await_checks)
                continue
            still.add(item)
            if item.waits or not item.slots:
                continue
            queued = digest_of(item.queued_as or item.job.key)
            item = self._come(item)  # noqa: PLW2901 - the same job, under its own key
            self._release(item, next(code for code, keys in held.items() if queued in keys))
            drawn = self._looked_at(item, again=again)
            if drawn.slots:
                yield self._tasked(drawn)
            elif not again:
                self.worklist.stands(drawn)
        self.worklist.waiting = still.total()

    def _release(self, item: Planned, code: ReasonCode) -> None:
        self.worklist.held[code] -= 1
        self.grows(len(item.slots))

    async def _await_checks(self, task: Task, offload: Offload) -> Task | Outcome:
        """Wait for the checks of the canaries; they may pass for the template of this job, or not."""
        if not await self._canary_watch.opens(task.job.template, offload):
            return _not_started(task.job, ReasonCode.CANARY)
        item = await offload(lambda: self._unflagged(self._come(next(self._planned([task.job])))))
        if not item.slots:
            return Outcome(item.job, item.job_status, reason=Reason(ReasonCode.PLANNED, detail=item.why))
        self._release(item, ReasonCode.CANARY)
        ready = self._tasked(item)
        assert ready.prepare is not None, "every task looks once more"
        return await prepared(ready.prepare(ready, offload))

    def _among(self, held: Mapping[ReasonCode, Seen]) -> Iterator[Job]:
        """Give the jobs of the queue that were held back."""
        return (job for job in self.ledger.queue.jobs() if any(digest_of(job.key) in keys for keys in held.values()))

    def finished(self, outcome: Outcome) -> None:
        """Let those that waited for a job look again."""
        self._canary_watch.ends(outcome.job)
        if outcome.reason.code is not ReasonCode.TRANSIENT and outcome.kind in ENDS:
            in_vain = outcome.kind in IN_VAIN
            if self._breaker.note(outcome.job.template, in_vain=in_vain):
                self._tell_given_up(outcome.job)
        if outcome.reason.code is ReasonCode.PLANNED:
            self.worklist.news.found(outcome.kind, outcome.job.key)
        else:
            self.worklist.news.asked(outcome.kind, outcome.job.key)
        if outcome.kind in {OutcomeKind.FAILED, OutcomeKind.HELD} or outcome.reason.code is ReasonCode.DOWNLOAD:
            self.worklist.tell(outcome.job, in_words(outcome.reason))
        redrawn = outcome.job.id in self._redrawing  # what else is asked of such a job waits until then
        (self._redrawing if redrawn else self._under_way).discard(outcome.job.id)
        if redrawn or outcome.job.id in self.worklist.manifest_summary.taken:
            self._changed.tell()

    def _tell_given_up(self, job: Job) -> None:
        why = f"{self._breaker.given_up[job.template]}: the others are not started; change its prompt"
        self.worklist.tell(job, why, always=True)

    async def _prepare(self, task: Task, offload: Offload) -> Task | Outcome:
        """Wait for the jobs whose images this one takes, then plan it with its real key."""
        await self._until_none_is(task.job.waits_for, self._under_way, self._redrawing)
        if self._is_given_up(task.job):
            return _not_started(task.job, ReasonCode.TEMPLATE)
        item = await offload(self._link, task.job)
        if item.job.waits_for:
            return _not_started(task.job, ReasonCode.PLANNED, item.why)
        if not item.slots:
            return Outcome(item.job, item.job_status, reason=Reason(ReasonCode.PLANNED, detail=item.why))
        return self._task(item)

    async def _after_redraw(self, task: Task, offload: Offload) -> Task | Outcome:
        """Plan a job anew when images of it have been drawn again that somebody rejected."""
        await self._until_none_is([task.job.id], self._redrawing)
        item = await offload(lambda: next(self._planned([task.job]), None))
        if item is None or not item.slots:
            return Outcome(task.job, item.job_status if item else task.job_status, reason=Reason(ReasonCode.PLANNED))
        return await prepared(self._look_again(self._task(item), offload))

    async def _until_none_is(self, names: Sequence[str], *among: AbstractSet[str]) -> None:
        """Wait until none of some jobs is among others, or the run stops."""
        while any(name in some for some in among for name in names) and not self.stops:
            await first_of(self._changed.wait(), self.stops.wait())

    def _look_again(self, task: Task, offload: Offload) -> Task | Outcome | Awaitable[Task | Outcome]:
        """Draw nothing of a template that was given up meanwhile, nor with an input image that was changed."""
        if self._is_given_up(task.job):
            return _not_started(task.job, ReasonCode.TEMPLATE)
        request = task.job.request
        if not (request.images or request.mask or request.files):
            return task
        inputs = (*request.images, request.mask, *(image for _, image in request.files))
        return self._look_at(task, [image for image in inputs if isinstance(image, FileImage)], offload)

    async def _look_at(self, task: Task, inputs: Sequence[FileImage], offload: Offload) -> Task | Outcome:
        """Draw nothing with an input image that is not the one that was read: its job would not be what it says."""
        for image in inputs:
            if not await offload(self.worklist.project.manifest.inputs.is_as_read, image):
                why = f"not drawn: {image.path} was changed after this run read it; run the same command again"
                self.worklist.tell(task.job, why, always=True)
                return _not_started(task.job, ReasonCode.INPUT, why)
        return task

    def _link(self, job: Job) -> Planned:
        """Plan a job anew; its provisional key goes first, so that what it replaces is what was drawn before."""
        self.ledger.jobs.forget([job.key])
        item = self.worklist.pairing.link(job)
        self._remember(job.key, item.job)
        return self._unflagged(item)

    def rejected(self, jobs: Iterable[Job]) -> list[Planned]:
        """Say what of some jobs is rejected and may be drawn again now: nothing of one that is under way. Blocks."""
        choices = replace(self.worklist.pairing.choices, rejected=True, reworded=None, at_risk=False)
        pairing = replace(self.worklist.pairing, choices=choices)
        return [item for item in pairing.plan(pairing.freeze(jobs)) if item.slots and self._is_at_rest(item.job)]

    def redraw(self, jobs: Iterable[Job]) -> list[tuple[Planned, Task]]:
        """Give the tasks that draw rejected images again; whatever else is asked of their jobs waits for them. Blocks.

        Like all planning it belongs into the ledger's thread: nothing of such a job starts in between.
        """
        drawn = [item for item in map(self._unflagged, self.rejected(jobs)) if item.slots]
        for item in drawn:
            self._redrawing.add(item.job.id)
            self._redrawn.add(item.job.id)
            self.grows(len(item.slots))
        return [(item, self._task(item, self._look_again)) for item in drawn]

    def _is_at_rest(self, job: Job) -> bool:
        return job.id not in self._under_way and job.id not in self._redrawing

    def failing(self) -> Iterator[tuple[Job, Prompts, tuple[int, ...]]]:
        """Say which images of this run fail the checks and may be drawn once more, with the prompts of each. Blocks."""
        checks = self.settings.checks
        keep_measures(self.ledger, checks, dict(self.deriver.result.measured))
        if not (found := self.ledger.measures.failing(digest(checks), self.worklist.run_id)):
            return
        for item in self._planned(self.ledger.queue.jobs()):
            if slots := found.pop(item.job.key, ()):
                prompts = tuple((slot, prompt) for slot, prompt in slots if prompt is not None)
                yield item.job, prompts, tuple(slot for slot, _ in slots)

    def _unflagged(self, item: Planned) -> Planned:
        """Leave out what a moderation endpoint flagged: it is moderated, without a call; or told, and sent.

        An image that is to be drawn anew, or is asked for once more, stays as it is.
        """
        if not self.prechecked.flagged:
            return item
        flagged = {
            slot: categories
            for asked, slots in group_by_prompt(item.job, item.slots, item.prompts)
            if (categories := self.prechecked.of(asked.request.prompt)) is not None
            for slot in slots
        }
        if not flagged:
            return item
        warns = self.settings.moderation_check is ModerationCheck.WARN
        what = ", ".join(next(iter(flagged.values()))) or "flagged"
        sent = "sent all the same" if warns else "not sent"
        self.worklist.tell(item.job, f"its prompt is flagged before it is sent ({what}); {sent}")
        if warns:
            return item
        rest = tuple(slot for slot in item.slots if slot not in flagged)
        if item.action is Action.REDRAW:
            return replace(item, slots=rest)
        moderated = {
            slot: (SlotState.MODERATED, Reason(ReasonCode.MODERATED, PRECHECK, ", ".join(categories) or "flagged"))
            for slot, categories in flagged.items()
            if (item.job.key, slot) not in self.worklist.pairing.choices.odd
        }
        self.ledger.images.mark(item.job.key, moderated)
        (known,) = self.ledger.jobs.known([item.job])
        return replace(item, slots=rest, job_status=job_status(item.job, known))


def _not_started(job: Job, code: ReasonCode, why: str = "") -> Outcome:
    return Outcome(job, OutcomeKind.NOT_STARTED, reason=Reason(code, detail=why))
