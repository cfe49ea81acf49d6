"""What a run wants: every job remembered, what is left to do added up, and the tasks in the order they may start."""

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from itertools import islice

from batchgen.app.config.options import Options
from batchgen.app.config.project import Project, canaries_of, choices_of, jobs_of, odd_of, selected, wanted
from batchgen.app.config.stores import images_at
from batchgen.app.notify.news import News
from batchgen.app.output.derive import Deriver, keep_measures
from batchgen.app.run.canary_watch import CanaryWatch
from batchgen.app.run.precheck import Prechecked
from batchgen.engine import StopReasons, Task, Words, job_status, said
from batchgen.engine.job_runner import Prepare, prepared
from batchgen.errors import InputError, Problem, Severity
from batchgen.imaging.digest import digest
from batchgen.ledger import Known, Ledger
from batchgen.limits import TemplateBreaker
from batchgen.manifest import ManifestSummary
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
    RouteChoice,
    SlotState,
)
from batchgen.money import ZERO
from batchgen.planner import BY_PEOPLE, Action, Canaries, Chain, Estimate, Pairing, Planned, Tally, Waiting
from batchgen.planner.fingerprint import Fingerprint, is_finished, told_before
from batchgen.planner.waiting import WaitingTally
from batchgen.pricing import Offers
from batchgen.runtime.change import Change
from batchgen.runtime.clock import Offload
from batchgen.storage import ImageStore

REMEMBERED_AT_ONCE = 512
QUEUED_AT_ONCE = 2048
IN_VAIN = frozenset({OutcomeKind.MODERATED, OutcomeKind.FAILED})
ENDS = IN_VAIN | {OutcomeKind.DONE, OutcomeKind.PARTIAL}
"""How a job ends that says something of its template."""
MOST_NOTICES = 5
"""Jobs whose trouble is told on the terminal; the report tells of all."""


@dataclass
class Worklist:
    """The jobs of one run, paired with the ledger: the manifest is read once, when they are written down.

    `manifest_summary` and `asked` are what the check of the manifest counted, and its fingerprint. `news` takes how
    jobs stand. `fingerprint` is that of what the ledger remembers. `waiting` says which jobs wait for what, and `held`
    counts those that keep the run from its end. `grows` is told of jobs that start although they waited when the run
    was planned. `sync` says of what is left whether some of it is drawn by calls, and some of it not.
    `doubtful` are the keys of jobs that may be paid and that only a later run asks for again, `held_late` of those that
    no run asks for any more.
    `plan` and `tasks` block and belong into the ledger's thread; the others belong to the event loop.
    """

    project: Project
    options: Options
    ledger: Ledger
    store: ImageStore
    offers: Offers
    stops: StopReasons
    run_id: str
    manifest_summary: ManifestSummary
    asked: int
    news: News
    deriver: Deriver
    settled: Counter[OutcomeKind] = field(default_factory=Counter)
    images: int = 0
    waiting: tuple[Waiting, ...] = ()
    held: Counter[ReasonCode] = field(default_factory=Counter)
    grows: Callable[[int], None] = lambda _images: None
    fingerprint: int = 0
    strangers: list[Problem] = field(default_factory=list)
    notices: list[Problem] = field(default_factory=list)
    sync: set[bool] = field(default_factory=set)
    doubtful: set[str] = field(default_factory=set)
    held_late: set[str] = field(default_factory=set)
    _chained: dict[str, Job] = field(default_factory=dict)
    _fetched: dict[str, Job] = field(default_factory=dict)
    _looked_for: set[str] = field(default_factory=set)
    _brought: Counter[OutcomeKind] = field(default_factory=Counter)
    _under_way: set[str] = field(default_factory=set)
    _redrawing: set[str] = field(default_factory=set)
    _redrawn: set[str] = field(default_factory=set)
    _changed: Change = field(default_factory=Change)
    _waits: list[tuple[str, ReasonCode, str]] = field(default_factory=list)
    _held_back: dict[ReasonCode, Seen] = field(default_factory=lambda: defaultdict(Seen))
    _breaker: TemplateBreaker = field(default_factory=TemplateBreaker)
    prechecked: Prechecked = field(default_factory=Prechecked)

    def __post_init__(self) -> None:
        self._chain = Chain(self.manifest_summary.taken, self.ledger, self.store)
        choices = choices_of(self.project, self.options, self.ledger)
        self._pairing = Pairing(self.ledger, self.offers.planned, choices, self._chain, self.store.taken)
        self._watch_over(Canaries())

    def _watch_over(self, canaries: Canaries) -> None:
        self._canaries = canaries
        self._canary_watch = CanaryWatch(canaries, self.ledger, self.deriver, self.project.settings.checks, self.stops)
        self._pairing = replace(self._pairing, hold=canaries.hold)

    def only(self, reworded: frozenset[str]) -> None:
        """Draw nothing but these jobs, by key."""
        self._pairing = replace(self._pairing, choices=replace(self._pairing.choices, reworded=reworded))

    def plan(self) -> Estimate:
        """Write down what is wanted, and add up what is left to do."""
        self.ledger.queue.clear()
        self._look_for_odd()
        before, told = told_before(self.ledger, self.run_id)
        options, manifest_summary = self.options, self.manifest_summary
        some = options.only or options.rejected or options.reworded or (options.first, options.sample) != (None, None)
        same = told == self.asked and not (manifest_summary.taken or some)
        comes = self._pairing.choices.odd or self.ledger.attempts.pending_jobs()
        if same and not comes and is_finished(self.ledger, self.store, before, manifest_summary.images):
            return self._as_before(before)
        return self._walk()

    def _look_for_odd(self) -> None:
        """See which images that have come are not as asked, and may be asked for once more."""
        odd = odd_of(self.project, self.ledger)
        self._pairing = replace(self._pairing, choices=replace(self._pairing.choices, odd=odd))

    def _as_before(self, run_id: str) -> Estimate:
        """Want what a run before wanted, all of which is stored."""
        self.ledger.jobs.want_again(run_id)
        self.images, self.fingerprint = self.manifest_summary.images, self.asked
        self.settled[OutcomeKind.DONE] += self.manifest_summary.planned
        return Estimate(actions=((Action.STORED.value, self.manifest_summary.planned),))

    def _walk(self) -> Estimate:
        sums, everything = Tally(self.project.settings.limits), self._remembered()
        self._watch_over(canaries_of(self.project, self.manifest_summary, self.ledger))
        waiting = {image.job_key for image in self.ledger.downloads.waiting()}
        waiting |= self.ledger.attempts.pending_jobs()
        planned = sums.watch(self._pairing.plan(selected(everything, self.options)))
        drawn = (item.job for item in self._noted(planned, waiting) if item.slots or item.waits in BY_PEOPLE)
        while queued := list(islice(drawn, QUEUED_AT_ONCE)):
            self.ledger.queue.put(queued)
        deque(everything, maxlen=0)  # what --first leaves out is wanted all the same
        self.ledger.jobs.remember([wanted(self._pairing.link(job).job, self.offers) for job in self._chained.values()])
        self._write_waits()
        estimate = sums.total()
        self.waiting = estimate.waiting
        return estimate

    def _noted(self, planned: Iterable[Planned], waiting: AbstractSet[str]) -> Iterator[Planned]:
        """Pass jobs on, and note of each what it comes to; the images of those in `waiting` are on their way."""
        for item in planned:
            self._look_for_strangers(item)
            if item.slots or item.later:
                self.sync.add(self._is_sync(item.job))
            if item.linked:
                del self._chained[item.job.id]
                self.ledger.jobs.remember([wanted(item.job, self.offers)])
            if self._is_worth_telling(item) and len(self.notices) < MOST_NOTICES:
                self.notices.append(Problem(f"{item.job.id}: {item.why}", item.job.place, Severity.WARNING))
            if item.waits in BY_PEOPLE:
                self._wait(item)
            if item.job.key in waiting:
                self._fetched[item.job.key] = item.job
            elif not item.slots and not item.later:
                self._stands(item)
            yield item

    def _wait(self, item: Planned) -> None:
        """Write down why a job is not started."""
        self.held[item.waits] += 1
        self._waits.append((item.job.key, item.waits, item.why))
        if len(self._waits) >= REMEMBERED_AT_ONCE:
            self._write_waits()

    def _write_waits(self) -> None:
        if self._waits:
            self.ledger.jobs.wait(self._waits)
            self._waits.clear()

    def _stands(self, item: Planned) -> None:
        """Count a job for which nothing is asked; what may be paid and is not asked for again is held from now on."""
        self.settled[item.job_status] += 1
        self.news.found(item.job_status, item.job.key, accepted=item.accepted)
        self._hold(item)

    def _hold(self, item: Planned) -> None:
        if item.held:
            held = {slot: (SlotState.UNCERTAIN, replace(why, code=ReasonCode.HELD)) for slot, why in item.held}
            self.ledger.images.mark(item.job.key, held)

    def _is_worth_telling(self, item: Planned) -> bool:
        """Whether somebody has to do something before a job can come to its end, which the status does not say."""
        held = item.action is Action.HELD and self.options.rejected
        frozen = item.action is Action.FROZEN and item.job_status is not OutcomeKind.DONE
        return bool(item.gone) or held or frozen

    def _look_for_strangers(self, item: Planned) -> None:
        """Find a file that somebody else put where an image shall go, before the image is paid."""
        ext = (item.job.request.param("output_format") or "png").replace("jpeg", "jpg")
        places = [f"images/{item.job.path(slot, ext)}" for slot in item.slots]
        taken = self.store.taken(places)
        for place in places:
            if place not in taken or self.ledger.images.owner(place) is not None:
                continue
            self.store.head(place)  # a link or a file in the way to it is told by the store, with what to do
            if len(self.strangers) < InputError.most:
                where = images_at(self.project.output, self.project.store, place)
                why = f"{where} was not written by batchgen: move it away, or choose another path"
                self.strangers.append(Problem(why, item.job.place))

    def fetched(self) -> Counter[OutcomeKind]:
        """How the jobs stand by now that waited for what an earlier run had paid. Blocks."""
        self._write_waits()
        jobs = list(self._fetched.values())
        batches = (jobs[first : first + REMEMBERED_AT_ONCE] for first in range(0, len(jobs), REMEMBERED_AT_ONCE))
        pairs = [pair for batch in batches for pair in zip(batch, self.ledger.jobs.known(batch), strict=True)]
        kinds = [job_status(*pair) for pair in pairs]
        self._looked_for |= self._fetched.keys()
        self._fetched.clear()
        for (job, known), kind in zip(pairs, kinds, strict=True):
            self.news.found(kind, job.key)
            if kind is OutcomeKind.NOT_STARTED and known.with_state(SlotState.UNCERTAIN):
                self.doubtful.add(job.key)
            self._tell_away(job, known)
        self._brought.update(kinds)
        return self._brought

    def hold_the_rest(self) -> None:
        """Hold what this run left in doubt and no later run asks for: its books say what the next plan says. Blocks."""
        names = self.ledger.risk.undecided()
        if not names or self._pairing.choices.some:
            return
        plain = replace(self._pairing, choices=replace(self._pairing.choices, at_risk=False))
        for item in plain.plan((job for job in self.ledger.queue.jobs() if job.id in names), queued=True):
            (self.held_late if item.held else self.doubtful).add(item.job.key)
            self._hold(item)

    def unwanted(self, waiting: Mapping[str, OutcomeKind]) -> Counter[OutcomeKind]:
        """Count jobs that nobody wants any more and whose images, which are paid, have not come."""
        others = {key: kind for key, kind in waiting.items() if key not in self._looked_for}
        for key, kind in others.items():
            self.news.found(kind, key)
        return Counter(others.values())

    def _tell_away(self, job: Job, known: Known) -> None:
        """Say why a paid image did not come from its address."""
        away = [_in_words(slot.reason) for slot in known.slots if slot.reason.code is ReasonCode.DOWNLOAD]
        if away and self._notices_left:
            self.notices.append(Problem(f"{job.id}: {away[0]}", job.place, Severity.WARNING))

    def _remembered(self) -> Iterator[Job]:
        """Every job of the manifest, written down on the way; chained ones later, when their key is known.

        A provisional key that an earlier run left behind goes first: it must not pass for what was drawn before.
        """
        jobs, seen = (
            self._chain.watch(self._pairing.freeze(jobs_of(self.project, self.manifest_summary))),
            Fingerprint(),
        )
        while batch := list(islice(jobs, REMEMBERED_AT_ONCE)):
            chained = {job.id: job for job in batch if job.waits_for}
            self._chained |= chained
            self.ledger.jobs.forget([job.key for job in chained.values()])
            asked = [wanted(job, self.offers) for job in batch]
            self.ledger.jobs.remember([one for one in asked if not one.job.waits_for])
            for one in asked:
                self.images += one.job.n
                seen.add(one)
            yield from batch
        self.fingerprint = seen.value

    def tasks(self, *, again: bool = False, sync: bool | None = None) -> Iterator[Task]:
        """Say what is left to do, planned anew while it is pulled; jobs that take images prepare themselves.

        `again`: this is asked more than once in a run, and how the jobs stand in the end is in the ledger. `sync`: only
        what is drawn by calls, or only what is not.
        """
        self._look_for_odd()
        for item in self._pairing.plan(self.ledger.queue.jobs(), queued=True):
            if sync not in {None, self._is_sync(item.job)}:
                continue
            if item.waits:
                self._held_back[item.waits].add(digest_of(item.queued_as or item.job.key))
                continue
            item = self._come(item)  # noqa: PLW2901 - the same job, under its own key
            if again:
                self._fetched[item.job.key] = item.job
            drawn = item if item.job.waits_for else self._unflagged(item)
            if drawn.slots and not self._is_given_up(drawn.job):
                yield self._tasked(drawn)
            elif not again:
                self._stands(drawn)
        yield from self._released(again=again)

    def _is_sync(self, job: Job) -> bool:
        return self.project.settings.route_of(job) is RouteChoice.SYNC

    def _come(self, item: Planned) -> Planned:
        """Plan a chained job anew under its real key, when its inputs have come since it was queued."""
        if not item.queued_as or item.queued_as == item.job.key:
            return item
        self.ledger.jobs.forget([item.queued_as])
        anew = replace(next(self._pairing.plan([item.job], queued=True)), linked=True)
        self._remember(item.queued_as, anew.job)
        return anew

    def _remember(self, queued_as: str, job: Job) -> None:
        """Write a chained job down under its real key, also in the queue where that is gone through once more."""
        self.ledger.jobs.remember([wanted(job, self.offers)])
        if self.project.settings.on_check is OnCheck.RETRY_ONCE:
            self.ledger.queue.rename(queued_as, job.key)

    def _tasked(self, item: Planned) -> Task:
        self._under_way.add(item.job.id)
        self._canary_watch.starts(item.job)
        if item.job.id in self._redrawn:  # what was planned of it may have been drawn meanwhile
            return self._task(item, self._after_redraw)
        return self._task(item, self._prepare if item.job.waits_for else self._look_again)

    def _task(self, item: Planned, prepare: Prepare | None = None) -> Task:
        redraw = item.action is Action.REDRAW
        odd = () if redraw else (slot for slot in item.slots if (item.job.key, slot) in self._pairing.choices.odd)
        return Task(
            item.job,
            item.slots,
            item.replaces,
            prepare,
            job_status=item.job_status,
            tried=item.tried,
            words=item.words,
            redraw=redraw,
            high=item.quote.high if item.quote else ZERO,
            odd=frozenset(odd),
        )

    def _is_given_up(self, job: Job) -> bool:
        """Whether too many of the job's template were in vain; then it is written down why the job is not started."""
        if why := self._breaker.given_up.get(job.template):
            self._waits.append((job.key, ReasonCode.TEMPLATE, why))
        return bool(why)

    def _released(self, *, again: bool) -> Iterator[Task]:
        """Say which of the jobs that waited may start by now: people decide, and checks end, while a run works."""
        if not self._held_back:
            return
        self._canaries.look(self.ledger)
        held, self._held_back = self._held_back, defaultdict(Seen)
        still = WaitingTally()
        for item in self._pairing.plan(self._among(held), queued=True):
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
            if again:
                self._fetched[item.job.key] = item.job
            drawn = item if item.job.waits_for else self._unflagged(item)
            if drawn.slots:
                yield self._tasked(drawn)
            elif not again:
                self._stands(drawn)
        self.waiting = still.total()

    def _release(self, item: Planned, code: ReasonCode) -> None:
        self.held[code] -= 1
        self.grows(len(item.slots))

    async def _await_checks(self, task: Task, offload: Offload) -> Task | Outcome:
        """Wait for the checks of the canaries; they may pass for the template of this job, or not."""
        if not await self._canary_watch.opens(task.job.template, offload):
            return Outcome(task.job, OutcomeKind.NOT_STARTED, reason=Reason(ReasonCode.CANARY))
        item = await offload(lambda: self._unflagged(self._come(next(self._pairing.plan([task.job], queued=True)))))
        if not item.slots:
            return Outcome(item.job, item.job_status, reason=Reason(ReasonCode.PLANNED, detail=item.why))
        self._release(item, ReasonCode.CANARY)
        ready = self._tasked(item)
        assert ready.prepare is not None, "every task looks once more"
        return await prepared(ready.prepare(ready, offload))

    def _among(self, held: Mapping[ReasonCode, Seen]) -> Iterator[Job]:
        """Give the jobs of the queue that were held back."""
        return (job for job in self.ledger.queue.jobs() if any(digest_of(job.key) in keys for keys in held.values()))

    @property
    def _notices_left(self) -> int:
        return max(0, MOST_NOTICES - len(self.notices))

    def finished(self, outcome: Outcome) -> None:
        """Let those that waited for a job look again."""
        self._canary_watch.ends(outcome.job)
        if outcome.reason.code is not ReasonCode.TRANSIENT and outcome.kind in ENDS:
            in_vain = outcome.kind in IN_VAIN
            if self._breaker.note(outcome.job.template, in_vain=in_vain):
                self._tell_given_up(outcome.job)
        if outcome.reason.code is ReasonCode.PLANNED:
            self.news.found(outcome.kind, outcome.job.key)
        else:
            self.news.asked(outcome.kind, outcome.job.key)
        failed = outcome.kind in {OutcomeKind.FAILED, OutcomeKind.HELD} or outcome.reason.code is ReasonCode.DOWNLOAD
        if failed and self._notices_left:
            why = f"{outcome.job.id}: {_in_words(outcome.reason)}"
            self.notices.append(Problem(why, outcome.job.place, Severity.WARNING))
        redrawn = outcome.job.id in self._redrawing  # what else is asked of such a job waits until then
        (self._redrawing if redrawn else self._under_way).discard(outcome.job.id)
        if redrawn or outcome.job.id in self.manifest_summary.taken:
            self._changed.tell()

    def _tell_given_up(self, job: Job) -> None:
        why = f"{self._breaker.given_up[job.template]}: the others are not started; change its prompt"
        self.notices.append(Problem(f"{job.id}: {why}", job.place, Severity.WARNING))

    async def _prepare(self, task: Task, offload: Offload) -> Task | Outcome:
        """Wait for the jobs whose images this one takes, then plan it with its real key."""
        await self._until_none_is(task.job.waits_for, self._under_way, self._redrawing)
        if self._is_given_up(task.job):
            return Outcome(task.job, OutcomeKind.NOT_STARTED, reason=Reason(ReasonCode.TEMPLATE))
        item = await offload(self._link, task.job)
        if item.job.waits_for:
            return Outcome(task.job, OutcomeKind.NOT_STARTED, reason=Reason(ReasonCode.PLANNED, detail=item.why))
        if not item.slots:
            return Outcome(item.job, item.job_status, reason=Reason(ReasonCode.PLANNED, detail=item.why))
        return self._task(item)

    async def _after_redraw(self, task: Task, offload: Offload) -> Task | Outcome:
        """Plan a job anew when images of it have been drawn again that somebody rejected."""
        await self._until_none_is([task.job.id], self._redrawing)
        item = await offload(lambda: next(self._pairing.plan([task.job], queued=True), None))
        if item is None or not item.slots:
            return Outcome(task.job, item.job_status if item else task.job_status, reason=Reason(ReasonCode.PLANNED))
        return await prepared(self._look_again(self._task(item), offload))

    async def _until_none_is(self, names: Sequence[str], *among: AbstractSet[str]) -> None:
        """Wait until none of some jobs is among others, or the run stops."""
        stopped = asyncio.ensure_future(self.stops.wait())
        try:
            while any(name in some for some in among for name in names) and not self.stops:
                change = asyncio.ensure_future(self._changed.wait())
                await asyncio.wait({change, stopped}, return_when=asyncio.FIRST_COMPLETED)
                change.cancel()
        finally:
            stopped.cancel()

    def _look_again(self, task: Task, offload: Offload) -> Task | Outcome | Awaitable[Task | Outcome]:
        """Draw nothing of a template that was given up meanwhile, nor with an input image that was changed."""
        if self._is_given_up(task.job):
            return Outcome(task.job, OutcomeKind.NOT_STARTED, reason=Reason(ReasonCode.TEMPLATE))
        request = task.job.request
        if not (request.images or request.mask or request.files):
            return task
        inputs = (*request.images, request.mask, *(image for _, image in request.files))
        return self._look_at(task, [image for image in inputs if isinstance(image, FileImage)], offload)

    async def _look_at(self, task: Task, inputs: Sequence[FileImage], offload: Offload) -> Task | Outcome:
        """Draw nothing with an input image that is not the one that was read: its job would not be what it says."""
        for image in inputs:
            if not await offload(self.project.manifest.inputs.is_as_read, image):
                why = f"not drawn: {image.path} was changed after this run read it; run the same command again"
                self.notices.append(Problem(f"{task.job.id}: {why}", task.job.place, Severity.WARNING))
                return Outcome(task.job, OutcomeKind.NOT_STARTED, reason=Reason(ReasonCode.INPUT, detail=why))
        return task

    def _link(self, job: Job) -> Planned:
        """Plan a job anew; its provisional key goes first, so that what it replaces is what was drawn before."""
        self.ledger.jobs.forget([job.key])
        item = self._pairing.link(job)
        self._remember(job.key, item.job)
        return self._unflagged(item)

    def find(self, names: Collection[str]) -> list[Job]:
        """Find jobs of the manifest by id, reading it no further than to the last of them. Blocks; no ledger needed."""
        left, found = set(names), list[Job]()
        for job in jobs_of(self.project, self.manifest_summary) if left else ():
            if job.id in left:
                found.append(job)
                left.discard(job.id)
            if not left:
                break
        return found

    def rejected(self, jobs: Iterable[Job]) -> list[Planned]:
        """Say what of some jobs is rejected and may be drawn again now: nothing of one that is under way. Blocks."""
        choices = replace(self._pairing.choices, rejected=True, reworded=None, at_risk=False)
        pairing = replace(self._pairing, choices=choices)
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

    def failing(self) -> Iterator[tuple[Job, Words, tuple[int, ...]]]:
        """Say which images of this run fail the checks and may be drawn once more, with the words of each. Blocks."""
        checks = self.project.settings.checks
        keep_measures(self.ledger, checks, dict(self.deriver.result.measured))
        if not (found := self.ledger.measures.failing(digest(checks), self.run_id)):
            return
        for item in self._pairing.plan(self.ledger.queue.jobs(), queued=True):
            if slots := found.pop(item.job.key, ()):
                words = tuple((slot, prompt) for slot, prompt in slots if prompt is not None)
                yield item.job, words, tuple(slot for slot, _ in slots)

    def prompts(self) -> Iterator[str]:
        """Give every prompt that may be sent in this run, each once."""
        seen = Seen()
        for item in self._pairing.plan(self.ledger.queue.jobs(), queued=True):
            for asked, _ in said(item.job, item.slots or item.later, item.words):
                prompt = asked.request.prompt
                if prompt and seen.add(digest_of(prompt)):
                    yield prompt

    def _unflagged(self, item: Planned) -> Planned:
        """Leave out what a moderation endpoint flagged: it is moderated, without a call; or told, and sent.

        An image that is to be drawn anew, or is asked for once more, stays as it is.
        """
        if not self.prechecked.flagged:
            return item
        flagged = {
            slot: categories
            for asked, slots in said(item.job, item.slots, item.words)
            if (categories := self.prechecked.of(asked.request.prompt)) is not None
            for slot in slots
        }
        if not flagged:
            return item
        warns = self.project.settings.moderation_check is ModerationCheck.WARN
        what = ", ".join(next(iter(flagged.values()))) or "flagged"
        if self._notices_left:
            why = f"its prompt is flagged before it is sent ({what}); {'sent all the same' if warns else 'not sent'}"
            self.notices.append(Problem(f"{item.job.id}: {why}", item.job.place, Severity.WARNING))
        if warns:
            return item
        rest = tuple(slot for slot in item.slots if slot not in flagged)
        if item.action is Action.REDRAW:
            return replace(item, slots=rest)
        moderated = {
            slot: (SlotState.MODERATED, Reason(ReasonCode.MODERATED, PRECHECK, ", ".join(categories) or "flagged"))
            for slot, categories in flagged.items()
            if (item.job.key, slot) not in self._pairing.choices.odd
        }
        self.ledger.images.mark(item.job.key, moderated)
        (known,) = self.ledger.jobs.known([item.job])
        return replace(item, slots=rest, job_status=job_status(item.job, known))


def _in_words(reason: Reason) -> str:
    return f"paid, but not fetched: {reason.words}" if reason.code is ReasonCode.DOWNLOAD else reason.words
