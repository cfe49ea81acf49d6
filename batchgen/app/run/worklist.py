"""What a run wants: every job remembered, what is left to do added up, and how those stand that it does not ask for."""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from itertools import islice

from batchgen.app.config.options import Options
from batchgen.app.config.project import (
    Project,
    canaries_of,
    choices_of,
    how_to_adopt,
    jobs_of,
    odd_of,
    selected,
    wanted,
)
from batchgen.app.config.stores import images_at
from batchgen.app.notify.news import News
from batchgen.engine.group_by_prompt import group_by_prompt
from batchgen.engine.job_status import job_status
from batchgen.errors import InputError, Problem, Severity
from batchgen.ledger import Known, Ledger
from batchgen.manifest import ManifestSummary
from batchgen.manifest.digest_set import Seen, digest_of
from batchgen.model import Job, OutcomeKind, Reason, ReasonCode, RouteChoice, SlotState
from batchgen.planner import BY_PEOPLE, Action, Canaries, Chain, Estimate, Pairing, Planned, Tally, Waiting
from batchgen.planner.fingerprint import Fingerprint, is_finished, told_before
from batchgen.pricing import Offers
from batchgen.storage import ImageStore

REMEMBERED_AT_ONCE = 512
QUEUED_AT_ONCE = 2048
MOST_NOTICES = 5
"""Jobs whose trouble is told on the terminal; the report tells of all."""


@dataclass
class Worklist:
    """The jobs of one run, paired with the ledger: the manifest is read once, when they are written down.

    `manifest_summary` and `asked` are what the check of the manifest counted, and its fingerprint. `news` takes how
    jobs stand. `fingerprint` is that of what the ledger remembers. `waiting` says which jobs wait for what, and `held`
    counts those that keep the run from its end. `sync` says of what is left whether some of it is drawn by calls, and
    some of it not.
    `doubtful` are the keys of jobs that may be paid and that only a later run asks for again, `held_late` of those that
    no run asks for any more. `pairing` plans jobs as the ledger knows them by now, and `canaries` hold some of them.
    All of it blocks and belongs into the ledger's thread, but for what is told.
    """

    project: Project
    options: Options
    ledger: Ledger
    store: ImageStore
    offers: Offers
    run_id: str
    manifest_summary: ManifestSummary
    asked: int
    news: News
    settled: Counter[OutcomeKind] = field(default_factory=Counter)
    images: int = 0
    waiting: tuple[Waiting, ...] = ()
    held: Counter[ReasonCode] = field(default_factory=Counter)
    fingerprint: int = 0
    strangers: list[Problem] = field(default_factory=list)
    notices: list[Problem] = field(default_factory=list)
    sync: set[bool] = field(default_factory=set)
    doubtful: set[str] = field(default_factory=set)
    held_late: set[str] = field(default_factory=set)
    canaries: Canaries = field(default_factory=Canaries)
    _chained: dict[str, Job] = field(default_factory=dict)
    _followed: dict[str, Job] = field(default_factory=dict)
    _looked_for: set[str] = field(default_factory=set)
    _brought: Counter[OutcomeKind] = field(default_factory=Counter)
    _not_started: list[tuple[str, ReasonCode, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._chain = Chain(self.manifest_summary.taken, self.ledger, self.store)
        choices = choices_of(self.project, self.options, self.ledger)
        self.pairing = Pairing(self.ledger, self.offers.planned, choices, self._chain, self.store.taken)
        self._hold_by(self.canaries)

    def _hold_by(self, canaries: Canaries) -> None:
        self.canaries = canaries
        self.pairing = replace(self.pairing, hold=canaries.hold)

    def only(self, reworded: frozenset[str]) -> None:
        """Draw nothing but these jobs, by key."""
        self.pairing = replace(self.pairing, choices=replace(self.pairing.choices, reworded=reworded))

    def plan(self) -> Estimate:
        """Write down what is wanted, and add up what is left to do."""
        self.ledger.queue.clear()
        self.look_for_odd()
        before, told = told_before(self.ledger, self.run_id)
        options, manifest_summary = self.options, self.manifest_summary
        some = options.only or options.rejected or options.reworded or (options.first, options.sample) != (None, None)
        same = told == self.asked and not (manifest_summary.taken or some)
        comes = self.pairing.choices.odd or self.ledger.attempts.pending_jobs()
        if same and not comes and is_finished(self.ledger, self.store, before, manifest_summary.images):
            return self._as_before(before)
        return self._walk()

    def look_for_odd(self) -> None:
        """See which images that have come are not as asked, and may be asked for once more."""
        odd = odd_of(self.project, self.ledger)
        self.pairing = replace(self.pairing, choices=replace(self.pairing.choices, odd=odd))

    def _as_before(self, run_id: str) -> Estimate:
        """Want what a run before wanted, all of which is stored."""
        self.ledger.jobs.want_again(run_id)
        self.images, self.fingerprint = self.manifest_summary.images, self.asked
        self.settled[OutcomeKind.DONE] += self.manifest_summary.planned
        return Estimate(actions=((Action.STORED.value, self.manifest_summary.planned),))

    def _walk(self) -> Estimate:
        sums, everything = Tally(self.project.settings.limits), self._remembered()
        self._hold_by(canaries_of(self.project, self.manifest_summary, self.ledger))
        waiting = {image.job_key for image in self.ledger.downloads.waiting()}
        waiting |= self.ledger.attempts.pending_jobs()
        planned = sums.watch(self.pairing.plan(selected(everything, self.options)))
        drawn = (item.job for item in self._noted(planned, waiting) if item.slots or item.waits in BY_PEOPLE)
        while queued := list(islice(drawn, QUEUED_AT_ONCE)):
            self.ledger.queue.put(queued)
        deque(everything, maxlen=0)  # what --first leaves out is wanted all the same
        self.ledger.jobs.remember([wanted(self.pairing.link(job).job, self.offers) for job in self._chained.values()])
        self._write_not_started()
        estimate = sums.total()
        self.waiting = estimate.waiting
        return estimate

    def _noted(self, planned: Iterable[Planned], waiting: AbstractSet[str]) -> Iterator[Planned]:
        """Pass jobs on, and note of each what it comes to; the images of those in `waiting` are on their way."""
        for item in planned:
            self._look_for_strangers(item)
            if item.slots or item.later:
                self.sync.add(self.is_sync(item.job))
            if item.linked:
                del self._chained[item.job.id]
                self.ledger.jobs.remember([wanted(item.job, self.offers)])
            if self._is_worth_telling(item):
                self.tell(item.job, item.why)
            if item.waits in BY_PEOPLE:
                self._wait(item)
            if item.job.key in waiting:
                self.follow(item.job)
            elif not item.slots and not item.later:
                self.stands(item)
            yield item

    def _wait(self, item: Planned) -> None:
        """Write down why a job is not started, and that it keeps the run from its end."""
        self.held[item.waits] += 1
        self.not_started(item.job, item.waits, item.why)
        if len(self._not_started) >= REMEMBERED_AT_ONCE:
            self._write_not_started()

    def not_started(self, job: Job, code: ReasonCode, why: str) -> None:
        """Remember why a job is not started; it is written down with others, at the end at the latest."""
        self._not_started.append((job.key, code, why))

    def _write_not_started(self) -> None:
        if self._not_started:
            self.ledger.jobs.wait(self._not_started)
            self._not_started.clear()

    def stands(self, item: Planned) -> None:
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
                why = (
                    f"{where} is a file that the ledger does not know: if batchgen drew it, "
                    f"{how_to_adopt(self.project)} takes it in, so that nothing is paid again; "
                    "else move it away, or choose another path"
                )
                self.strangers.append(Problem(why, item.job.place))

    def follow(self, job: Job) -> None:
        """Have looked up in the end how a job stands: more than one part of the run asks for it."""
        self._followed[job.key] = job

    def fetched(self) -> Counter[OutcomeKind]:
        """How the jobs stand by now that waited for what an earlier run had paid. Blocks."""
        self._write_not_started()
        jobs = list(self._followed.values())
        batches = (jobs[first : first + REMEMBERED_AT_ONCE] for first in range(0, len(jobs), REMEMBERED_AT_ONCE))
        pairs = [pair for batch in batches for pair in zip(batch, self.ledger.jobs.known(batch), strict=True)]
        kinds = [job_status(*pair) for pair in pairs]
        self._looked_for |= self._followed.keys()
        self._followed.clear()
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
        if not names or self.pairing.choices.some:
            return
        plain = replace(self.pairing, choices=replace(self.pairing.choices, at_risk=False))
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
        away = [in_words(slot.reason) for slot in known.slots if slot.reason.code is ReasonCode.DOWNLOAD]
        if away:
            self.tell(job, away[0])

    def tell(self, job: Job, why: str, *, always: bool = False) -> None:
        """Tell people of a job; the report tells of all, the terminal of the first few, and of what is told always."""
        if always or len(self.notices) < MOST_NOTICES:
            self.notices.append(Problem(f"{job.id}: {why}", job.place, Severity.WARNING))

    def _remembered(self) -> Iterator[Job]:
        """Every job of the manifest, written down on the way; chained ones later, when their key is known.

        A provisional key that an earlier run left behind goes first: it must not pass for what was drawn before.
        """
        seen = Fingerprint()
        jobs = self._chain.watch(self.pairing.freeze(jobs_of(self.project, self.manifest_summary)))
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

    def prompts(self) -> Iterator[str]:
        """Give every prompt that may be sent in this run, each once."""
        seen = Seen()
        for item in self.pairing.plan(self.ledger.queue.jobs(), queued=True):
            for asked, _ in group_by_prompt(item.job, item.slots or item.later, item.prompts):
                prompt = asked.request.prompt
                if prompt and seen.add(digest_of(prompt)):
                    yield prompt

    def is_sync(self, job: Job) -> bool:
        """Whether a job is drawn by calls of its own."""
        return self.project.settings.route_of(job) is RouteChoice.SYNC


def in_words(reason: Reason) -> str:
    """Say why an image is not there."""
    return f"paid, but not fetched: {reason.words}" if reason.code is ReasonCode.DOWNLOAD else reason.words
