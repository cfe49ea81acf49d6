"""What a run wants: every job remembered, what is left to do added up, and the tasks in the order they may start."""

import asyncio
import os
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import islice

from batchgen.app.options import Options
from batchgen.app.project import Project, choices_of, jobs_of, selected
from batchgen.app.tariff import Tariff
from batchgen.clock import Offload
from batchgen.errors import InputError, Problem, Severity
from batchgen.ledger import CHANGED, Ledger, Wanted
from batchgen.model import Job, Outcome, OutcomeKind
from batchgen.planner import GONE, Action, Chain, Estimate, Pairing, Planned, Tally
from batchgen.worker import Stops, Task, standing

REMEMBERED_AT_ONCE = 512
MOST_NOTICES = 5
"""Jobs whose trouble is told on the terminal; the report tells of all."""


@dataclass
class Wants:
    """The jobs of one run, paired with the ledger.

    `taken` are ids of jobs whose pictures other jobs take, `waiting` counts those whose previews are not approved.
    `plan` and `tasks` block and belong into the ledger's thread; the others belong to the event loop.
    """

    project: Project
    options: Options
    ledger: Ledger
    tariff: Tariff
    taken: frozenset[str]
    stops: Stops
    settled: Counter[OutcomeKind] = field(default_factory=Counter)
    jobs: int = 0
    images: int = 0
    waiting: int = 0
    digest: int = 0
    strangers: list[Problem] = field(default_factory=list)
    notices: list[Problem] = field(default_factory=list)
    _chained: dict[str, Job] = field(default_factory=dict)
    _fetched: list[Job] = field(default_factory=list)
    _under_way: set[str] = field(default_factory=set)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        root, choices = self.project.output, choices_of(self.project, self.options)
        self._chain = Chain(self.taken, self.ledger, root)
        self._pairing = Pairing(
            self.ledger, self.tariff.cost, choices, self._chain, lambda path: os.path.lexists(f"{root}/{path}")
        )

    def only(self, reworded: frozenset[str]) -> None:
        """Draw nothing but these jobs, by key."""
        self._pairing = replace(self._pairing, choices=replace(self._pairing.choices, reworded=reworded))

    def plan(self) -> Estimate:
        """Write down what is wanted, and add up what is left to do."""
        sums, everything = Tally(self.project.settings.limits), self._remembered()
        waiting = {picture.job_key for picture in self.ledger.downloads()}
        for item in sums.watch(self._pairing.plan(selected(everything, self.options))):
            self.jobs += 1
            self._look_for_strangers(item)
            if item.linked:
                del self._chained[item.job.id]
                self.ledger.remember([self._wanted(item.job)])
            if self._is_worth_telling(item) and len(self.notices) < MOST_NOTICES:
                self.notices.append(Problem(f"{item.job.id}: {item.why}", item.job.place, Severity.WARNING))
            self.waiting += bool(item.later)
            if item.job.key in waiting:
                self._fetched.append(item.job)
            elif not item.slots and not item.later:
                self.settled[item.standing] += 1
        deque(everything, maxlen=0)  # what --first leaves out is wanted all the same
        self.ledger.remember([self._wanted(self._pairing.link(job).job) for job in self._chained.values()])
        return sums.total()

    def _is_worth_telling(self, item: Planned) -> bool:
        """Whether somebody has to do something before a job can come to its end, which the status does not say."""
        held = item.action is Action.HELD and self.options.rejected
        frozen = item.action is Action.FROZEN and item.standing is not OutcomeKind.DONE
        return GONE in item.why or held or frozen

    def _look_for_strangers(self, item: Planned) -> None:
        """A file that somebody else put where a picture shall go is found before the picture is paid."""
        ext = (item.job.request.param("output_format") or "png").replace("jpeg", "jpg")
        for slot in item.slots:
            place = f"images/{item.job.path(slot, ext)}"
            taken = os.path.lexists(self.project.output / place) and self.ledger.owner(place) is None
            if taken and len(self.strangers) < InputError.most:
                why = f"{self.project.output / place} is no picture of batchgen's: move it away, or choose another path"
                self.strangers.append(Problem(why, item.job.place))

    def fetched(self) -> Counter[OutcomeKind]:
        """How the jobs stand by now whose pictures from an earlier run waited at an address. Blocks."""
        known = self.ledger.known(self._fetched)
        return Counter(standing(*pair) for pair in zip(self._fetched, known, strict=True))

    def _remembered(self) -> Iterator[Job]:
        """Every job of the manifest, written down on the way; chained ones later, when their key is known.

        A provisional key that an earlier run left behind goes first: it must not pass for what was drawn before.
        """
        jobs = self._chain.watch(self._pairing.freeze(jobs_of(self.project)))
        while batch := list(islice(jobs, REMEMBERED_AT_ONCE)):
            chained = {job.id: job for job in batch if job.waits_for}
            self._chained |= chained
            self.ledger.forget([job.key for job in chained.values()])
            self.ledger.remember([self._wanted(job) for job in batch if not job.waits_for])
            for job in batch:
                self.images += job.n
                self.digest ^= hash_of(job)
            yield from batch

    def _wanted(self, job: Job) -> Wanted:
        request, tariff = job.request, self.tariff
        return Wanted(
            job, tariff.model_of(request), tariff.size(request), tariff.quality(request), self.project.provider.name
        )

    def tasks(self) -> Iterator[Task]:
        """What is left to do, planned anew while it is pulled; jobs that wait for others prepare themselves."""
        for item in self._pairing.plan(selected(self._pairing.freeze(jobs_of(self.project)), self.options)):
            if not item.slots:
                continue
            if item.job.id in self.taken:
                self._under_way.add(item.job.id)
            prepare = self._prepare if item.job.waits_for else None
            yield replace(_task(item), prepare=prepare)

    def finished(self, outcome: Outcome) -> None:
        """A job ended: those that wait for it look again."""
        failed = outcome.kind in {OutcomeKind.FAILED, OutcomeKind.HELD}
        if (failed or outcome.why == CHANGED) and len(self.notices) < MOST_NOTICES:
            self.notices.append(Problem(f"{outcome.job.id}: {outcome.why}", outcome.job.place, Severity.WARNING))
        if outcome.job.id in self._under_way:
            self._under_way.discard(outcome.job.id)
            self._changed.set()
            self._changed = asyncio.Event()

    async def _prepare(self, task: Task, offload: Offload) -> Task | Outcome:
        """Wait for the jobs whose pictures this one takes, then plan it with its real key."""
        stopped = asyncio.ensure_future(self.stops.wait())
        try:
            while self._under_way & set(task.job.waits_for) and not self.stops:
                change = asyncio.ensure_future(self._changed.wait())
                await asyncio.wait({change, stopped}, return_when=asyncio.FIRST_COMPLETED)
                change.cancel()
        finally:
            stopped.cancel()
        item = await offload(self._link, task.job)
        if item.job.waits_for:
            return Outcome(task.job, OutcomeKind.NOT_STARTED, why=item.why)
        if not item.slots:
            return Outcome(item.job, item.standing, why=item.why)
        return _task(item)

    def _link(self, job: Job) -> Planned:
        """Plan a job anew; its provisional key goes first, so that what it replaces is what was drawn before."""
        self.ledger.forget([job.key])
        item = self._pairing.link(job)
        self.ledger.remember([self._wanted(item.job)])
        return item


def _task(item: Planned) -> Task:
    return Task(
        item.job,
        item.slots,
        item.replaces,
        standing=item.standing,
        tried=item.tried,
        words=item.words,
        redraw=item.action is Action.REDRAW,
    )


def hash_of(job: Job) -> int:
    """Tells whether a job is wanted as it was: its key, how many pictures, its tags; 62 bits, to fit anywhere."""
    wanted = repr((job.key, job.n, job.tags, job.listing, job.variant)).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(wanted, digest_size=8).digest()) >> 2
