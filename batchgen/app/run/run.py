"""One run's memory, from its first line in the ledger to its last word."""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from batchgen import reporter
from batchgen.app.config.exit_status import ENDED, SET_BY_PEOPLE, exit_status
from batchgen.app.config.lanes import Access
from batchgen.app.config.locate import as_kept
from batchgen.app.config.open_files import most_at_once
from batchgen.app.config.options import Options
from batchgen.app.config.project import Project, folder_warnings
from batchgen.app.control.orders import Orders
from batchgen.app.control.progress import Meter, as_json, troubles
from batchgen.app.control.steering import Steering
from batchgen.app.notebook import Facts, Shown
from batchgen.app.notify.alerts import alert
from batchgen.app.notify.news import STANDING, News
from batchgen.app.output import sidecars
from batchgen.app.output.derive import Source
from batchgen.app.output.fallback_spool import fallback_spool, leave
from batchgen.app.output.keeping import mirror
from batchgen.app.output.recovery import clear_spool
from batchgen.app.output.restore import make_room, put_back
from batchgen.app.preview.check import CheckResult, too_many
from batchgen.app.preview.kept_check import KEPT, KeptCheck
from batchgen.app.review import reworded
from batchgen.app.run.derivatives import RunDerivatives
from batchgen.app.run.event_log import EventLog
from batchgen.app.run.worklist import Worklist
from batchgen.app.watch import Watch
from batchgen.engine import LeftOpen, StopReasons
from batchgen.engine.lane import Part
from batchgen.errors import BatchgenError, Exit, InputError, Problem, Severity, StorageError, Unreachable
from batchgen.executor import LocalExecutor, MakeExecutor
from batchgen.executor.patience import what_waits
from batchgen.executor.proxies import DIRECT, Proxies
from batchgen.ledger import Ledger, RunStart
from batchgen.ledger.runs import new_run_id
from batchgen.model import Cause, OutcomeKind, ReasonCode, RouteChoice, Stop, StopKind
from batchgen.money import MICRO, MicroUSD, exact
from batchgen.planner import BY_PEOPLE, Estimate
from batchgen.planner.fingerprint import TOLD, told_before
from batchgen.planner.waiting import HOW, as_facts
from batchgen.reporter.thumb_maker import ThumbMaker
from batchgen.runtime.signals import Interrupted
from batchgen.storage import ImageStore, Workspace
from batchgen.storage.images import SharedFolder
from batchgen.text import counted, safe
from batchgen.version import VERSION

ASK_ABOVE = MicroUSD(5 * MICRO)
"""On a terminal, a run that may cost more than this asks once."""


@dataclass(frozen=True, slots=True, repr=False)
class RunResult(Shown):
    """How a run ended; `summary` is empty when a lock was skipped.

    `news`: the run ended with something that no run before it told.
    """

    summary: dict[str, Any]
    exit: Exit
    problems: tuple[Problem, ...] = ()
    output: Path | None = None
    report: Path | None = None
    store: str = ""
    news: bool = True

    @property
    def is_well(self) -> bool:
        """Whether nobody has to hear of it: all is stored, or all that is amiss was told before."""
        return self.exit is Exit.OK or (self.exit in STANDING and not self.news)

    def images(self) -> list[Path]:
        """Absolute paths of the stored images that this run wanted, in the order of the manifest.

        Empty with a store that is no folder: `images.csv` has the places of its objects.
        """
        from batchgen.app.output.maintain import opened

        if self.output is None or not self.summary.get("run_id"):
            return []
        with opened(self.output, readonly=True) as (ledger, workspace, store):
            root = store.root if isinstance(store, SharedFolder) else workspace.root
            if self.store and root == workspace.root:
                return []
            wanted, root = frozenset(ledger.images.paths_of(self.summary["run_id"])), root.resolve()
            return [root / image.path for image in ledger.images.stored() if image.path in wanted]

    def _facts(self) -> Facts:
        why = self.summary.get("why") or (ENDED[self.exit] if self.summary else "skipped")
        yield "ended", f"{why} (exit {self.exit:d})"
        if not self.summary:
            return
        images = self.summary["images"]
        yield "images", f"{images['stored']:,} of {images['wanted']:,} stored"
        money = self.summary["this_run"]["money"]
        names = ("confirmed", "estimated", "at_risk")
        spent = (f"{exact(money[f'{name}_micro_usd'])} {name.replace('_', ' ')}" for name in names)
        yield "money", " + ".join(spent)
        yield "output", self.output
        if self.report:
            yield "report", self.report


@dataclass
class Run:
    """One run of one manifest, from recovery to its last line; the folder's lock is held around it."""

    project: Project
    options: Options
    watch: Watch
    workspace: Workspace
    store: ImageStore
    ledger: Ledger
    access: tuple[Access, ...]
    kept: KeptCheck
    make_executor: MakeExecutor = LocalExecutor
    proxies: Proxies = DIRECT
    stops: StopReasons = field(default_factory=StopReasons)
    signal: Exit | None = None
    refused: str = ""
    occupied: str = ""
    told: set[str] = field(default_factory=set)
    closed: dict[str, dict[Part, Stop]] = field(default_factory=dict)
    """What each provider does not draw, as it said to whoever asked or collected in this run."""
    estimate: Estimate = field(default_factory=Estimate)
    planned: bool = False
    left: LeftOpen = field(default_factory=LeftOpen)
    still_waiting: dict[str, OutcomeKind] = field(default_factory=dict)
    collected: int = 0
    restored: int = 0
    held_up: Sequence[Mapping[str, Any]] = ()
    """What of the run at work waits for what."""
    rates: Mapping[str, Any] = field(default_factory=dict)
    """What of each configured rate was used within the last minute."""

    @property
    def checked(self) -> CheckResult:
        """What is wrong or doubtful in the manifest, and what it holds."""
        return self.kept.result

    def __post_init__(self) -> None:
        clock, limits = self.project.clock, self.project.settings.limits
        self.wording = None if self.options.reworded is None else reworded.read(self.options.reworded)
        self.run_id = new_run_id(clock.now())
        self.event_log = EventLog(self.workspace, self.run_id, clock, self.options.log_json)
        self.meter = Meter(clock, cap=limits.max_cost)
        self.started = clock.monotonic()
        self.orders = Orders(self.workspace, self.run_id)
        self.steering = Steering(
            limits, self.project.settings.budget, most_at_once(), is_ending=lambda: bool(self.stops)
        )
        self.fallback = fallback_spool(self.workspace.root, self.project.variables)
        self.offers = self.project.offers(self.ledger)
        self.derivatives = RunDerivatives.of(self.project, self.workspace, self.store, self.ledger)
        self.small = ThumbMaker(self.workspace, self.store)
        collaborators = (self.project, self.options, self.ledger, self.store, self.offers, self.stops)
        manifest_summary, manifest = self.checked.manifest_summary, self.project.settings.name
        rejected = tuple(row.why for row in manifest_summary.bad)
        self.news = News(self.ledger, self.run_id, manifest, rejected, strict=self.options.strict)
        self.worklist = Worklist(
            *collaborators, self.run_id, manifest_summary, self.kept.asked, self.news, self.derivatives.deriver
        )

    # ---- before the first call ---------------------------------------------------------------------------------------

    def prepare(self, collect: Callable[[LeftOpen], int]) -> None:
        """Bring the books up to the truth, write down what is wanted, add up what is left to do, and ask.

        `collect` looks once at what earlier runs left open, and says of how much the ledger has news.
        """
        self._begin()
        self.status_file()
        if left := LeftOpen.in_ledger(self.ledger):
            self.collected = collect(left)
        clear_spool(self.ledger, self.workspace, self.fallback)
        if self.wording is not None:
            self.worklist.only(reworded.give(self.wording, self.ledger, self.worklist.notices.append))
        self.estimate = self.worklist.plan()
        self.restored = put_back(self.ledger, self.store, self.note)
        self._fill_sidecars()
        self.left = LeftOpen.in_ledger(self.ledger)
        if self.worklist.strangers:
            raise InputError(*self.worklist.strangers)
        if self.worklist.images != self.checked.manifest_summary.images:
            path = self.project.manifest.path
            raise InputError(f"{path}, or a file that it names, changed while it was read: run the same command again")
        if why := too_many(self.project, self.estimate.images):
            raise InputError(why)
        self.planned = True
        self.ledger.runs.expect(self.run_id, self.estimate.low, self.estimate.expected, self.estimate.high)
        self.meter.jobs_total = self.estimate.jobs
        self.meter.expected, self.meter.high = self.estimate.expected, self.estimate.high
        self.meter.images_wanted = self.meter.images_stored + self.estimate.images
        self.worklist.grows = self.meter.grow
        self.status_file()
        if self.has_work:
            self._ask()

    @property
    def has_work(self) -> bool:
        """Whether anything is left to draw, or to wait for."""
        waits = self.waits and any(row.ended is None for row in self.left.batches)
        return self.estimate.images > 0 or bool(self.left.attempts or self.left.downloads) or waits

    @property
    def waits(self) -> bool:
        """Whether the run stays until every batch is collected."""
        return self.options.wait or self.project.provider.embedded or self.project.settings.route is RouteChoice.AUTO

    @property
    def has_batches(self) -> bool:
        """Whether some of what is left is asked for in batches, or waits in them."""
        waits = self.waits and any(row.ended is None for row in self.left.batches)
        return self.project.settings.route is RouteChoice.BATCH or False in self.worklist.sync or waits

    def _begin(self) -> None:
        budget = self.project.settings.budget
        command = {name: getattr(self.options, name) for name in self.options.__slots__}
        command["manifest"] = as_kept(self.project.manifest.path, self.workspace.root)
        command["budget"] = budget and asdict(budget)
        if len(self.project.lanes) == 1:
            command["base_url"] = self.project.provider.base_url  # wherever it was said
        self.ledger.stores.identity()  # stands on the page and in what it exports
        self.ledger.runs.begin(
            RunStart(
                run_id=self.run_id,
                manifest=self.project.settings.name,
                provider=self.project.providers,
                cap=self.project.settings.limits.max_cost,
                command=json.dumps(command, default=str),
                version=VERSION,
            )
        )

    def _ask(self) -> None:
        cap = self.project.settings.limits.max_cost
        most = min(self.estimate.high, cap) if cap is not None else self.estimate.high
        if self.project.free or not self.watch.attended or most <= ASK_ABOVE:
            return
        about = exact(self.estimate.expected)
        if not self.watch.ask(f"{self.estimate.images} images for about {about}, at most {exact(most)}. Draw them?"):
            raise InputError("not started, nothing was spent")

    # ---- while it works ----------------------------------------------------------------------------------------------

    def note(self, event: str, /, **facts: Any) -> None:
        self._tell(event, facts)
        self.meter.note(event, facts)
        if event == "batch_away":  # that is for people who look now: what the provider said is in the log
            return
        for image in facts.get("stored", ()):
            self.derivatives.deriver.add(Source(image["path"], image["sha256"]))
            self.small.add(image["path"], image["sha256"])
        self.event_log.note(event, **facts)

    def _tell(self, event: str, facts: Mapping[str, Any]) -> None:
        if event == "refused":
            self.refused = self.refused or str(facts["why"])
        if event == "occupied":
            self.occupied = self.occupied or str(facts["why"])
        said = alert(event, facts, self._where)
        if said and said.key not in self.told:
            self.told.add(said.key)
            self.watch.on_note(said.words, urgent=said.urgent)

    def status_file(self, in_flight: int = 0, **more: object) -> None:
        """Write down where the run stands. Blocks."""
        root = self.workspace.root.resolve()
        ledger = os.path.relpath(self.project.ledger_path.resolve(), root)
        facts = as_json(self.meter.snapshot(in_flight))
        waiting = [*self.held_up, *map(as_facts, self.worklist.waiting)]
        about = {"run_id": self.run_id, "ledger": ledger, "pid": os.getpid(), "waiting": waiting}
        about["open_batches"] = [asdict(one) for one in self.meter.batches.values()]
        self.event_log.status({**about, **facts, **self.steered(), **self._of_providers(), **more})

    def _of_providers(self) -> dict[str, Any]:
        """Say what each of several providers drew and cost; nothing of a single one, which the sums are about."""
        names = [lane.name for lane in self.project.lanes]
        return {"providers": self.meter.of_providers(names)} if len(names) > 1 else {}

    def steered(self) -> dict[str, Any]:
        """Say what people may change of the run, and how far."""
        steering = self.steering
        return {
            "paused": steering.paused,
            "takes_redraws": steering.takes_redraws() and not steering.is_ending(),
            "concurrency": steering.concurrency,
            "most_concurrency": steering.most,
            "rates": self.rates,
            "troubles": troubles(self.meter),
            "highest_cap_micro_usd": steering.highest,
        }

    # ---- the end -----------------------------------------------------------------------------------------------------

    def broke(self, error: BatchgenError) -> None:
        """Something that no job can answer for ended the run."""
        kind = {Exit.STORAGE: StopKind.STORAGE, Exit.ACCOUNT: StopKind.ACCOUNT, Exit.INPUT: StopKind.CONFIG}
        if isinstance(error, Interrupted):
            self.signal = error.exit
        self.stops.add(Stop(kind.get(error.exit, StopKind.SIGNAL), str(error)))

    def _verdict(self) -> tuple[Exit, str]:
        """Return the exit status, and why the run ended before its work was done."""
        if broken := (*self.ledger.accounts.audit(), *self._unexplained()):
            return Exit.BUG, "the accounts do not add up: " + "; ".join(broken)
        exposure = self.ledger.reservations.exposure(self.run_id)
        outcomes = (
            self.meter.outcomes
            + self.worklist.settled
            + self.worklist.fetched()
            + self.worklist.unwanted(self.still_waiting)
        )
        late, doubtful = len(self.worklist.held_late), len(self.worklist.doubtful)
        old, in_doubt = self.news.old(), Counter({OutcomeKind.HELD: late + doubtful})
        status = exit_status(
            self.stops.reasons,
            outcomes - old + in_doubt,
            signal=self.signal,
            refused=bool(self.refused) or self.worklist.held.total() > 0,
            rejected=self.news.some_rejected,
            charged=bool(exposure.spent or exposure.at_risk or outcomes[OutcomeKind.SUBMITTED]),
            left=bool(outcomes[OutcomeKind.NOT_STARTED]) or outcomes.total() < (self.meter.jobs_total or 0),
        )
        if self.occupied and status in {Exit.OK, Exit.SOME_FAILED, Exit.SUBMITTED}:
            return Exit.STORAGE, f"{self.occupied}; {what_waits(self.workspace)}"
        if status is Exit.SUBMITTED:
            return status, self._submitted()
        told = [f"{self._where() if stop.cause else ''}{stop.words}" for stop in self._told(status)]
        why = "; ".join(told) or self.refused or self._awaits(status)
        if status is Exit.HELD and not outcomes[OutcomeKind.HELD] + late:
            why = "finished, some jobs may have been paid and are asked for once more by the next run"
        if status is Exit.OK and not why and (old or self.checked.manifest_summary.bad):
            why = f"nothing new: {self._as_before(old)}"
        return status, why

    def _awaits(self, status: Exit) -> str:
        """Say for what the run did not start jobs that people let wait; empty where it ends for another reason."""
        jobs = self.worklist.held.total()
        return (
            f"{counted(jobs, 'job')} {'wait' if jobs != 1 else 'waits'} for a decision"
            if status is Exit.LIMIT and jobs
            else ""
        )

    def _as_before(self, old: Counter[OutcomeKind]) -> str:
        """Say what is amiss as an earlier run told, or as a person accepted."""
        jobs = (f"{counted(count, 'job')} {kind.replace('_', ' ')}" for kind, count in sorted(old.items()))
        bad = len(self.checked.manifest_summary.bad)
        return ", ".join((*jobs, *([f"{counted(bad, 'row')} left out"] if bad else []))) + ", as before"

    def _submitted(self) -> str:
        """Say what waits at the provider."""
        images, reserved = self.ledger.attempts.submitted()
        waits = "images wait" if images != 1 else "image waits"
        return f"{images:,} {waits} at the provider ({exact(reserved)} reserved); the same command collects them"

    def _where(self, name: str = "") -> str:
        """Say at which address something is wrong: at the only provider's, or the one's of this name."""
        lanes = self.project.lanes
        found = [lane.provider for lane in lanes if len(lanes) == 1 or lane.name == name]
        address = found[0].base_url if found else None
        return f"{safe(address, 200)}: " if address else ""

    def _told(self, status: Exit) -> list[Stop]:
        """Return the reasons to stop that count: a limit that stopped nothing is none."""
        return [stop for stop in self.stops.reasons if stop.kind not in SET_BY_PEOPLE or status is Exit.LIMIT]

    def _in_short(self, status: Exit) -> dict[str, Any]:
        """Say why the run ended in words of our own alone, and in codes: what stopped it, what is wrong on the way."""
        told = self._told(status)
        cause = next((stop.cause for stop in told if stop.cause), Cause.NONE)
        reason = "; ".join(stop.why for stop in told if stop.why) or self.refused
        reason = self._submitted() if status is Exit.SUBMITTED else reason
        stops = [stop.kind.value for stop in told]
        return {"reason": reason, "cause": cause.value, "stops": stops, **self._of_providers()}

    def _too_late(self, status: Exit) -> Iterator[Problem]:
        """Say which limit was met when nothing was left that it could have stopped."""
        if status in {Exit.OK, Exit.SUBMITTED, Exit.SOME_FAILED}:
            yield from (Problem(one.words, None, Severity.WARNING) for one in self.stops.reasons)

    def _unexplained(self) -> Iterator[str]:
        """Rows of the manifest and wanted images of which nobody can say what became of them.

        Chained jobs may turn out to be one and the same when their inputs are known, so they are not counted.
        """
        manifest_summary = self.checked.manifest_summary
        explained = manifest_summary.planned + manifest_summary.skipped + manifest_summary.rejected
        if manifest_summary.rows != explained:
            yield f"{manifest_summary.rows} rows were read, but {explained} are accounted for"
        known = self.ledger.jobs.images_wanted(self.run_id)
        if self.planned and not manifest_summary.taken and known != manifest_summary.images:
            yield f"{manifest_summary.images} images were asked for, but {known} are accounted for"

    def close(self) -> RunResult:
        """End the books, write the report and say how it went; a disk that refuses leaves the words true."""
        with suppress(StorageError):
            self.worklist.hold_the_rest()
        status, why = self._verdict()
        page = None
        try:
            summary, page = self._write_down(status, why)
        except (StorageError, Interrupted) as error:
            self.broke(error)
            status, why = self._verdict()
            with suppress(StorageError):
                self._end_run(status, why)
            summary = reporter.summary(self.ledger, self.run_id)
        samples = folder_warnings(self.project, self.ledger)
        told = (
            *self.checked.problems,
            *samples,
            *self.worklist.notices,
            *self._waiting(),
            *self._too_late(status),
            *self.derivatives.problems(),
        )
        news = self.news.is_news(status)
        # Also of a run that its ledger had no room for.
        waiting = [as_facts(one) for one in self.worklist.waiting]
        verdict = {"exit_code": status, "why": why, "news": news, "waiting": waiting, **self._in_short(status)}
        return RunResult(
            summary | verdict, status, told, self.workspace.root, page, store=self.project.store, news=news
        )

    def _waiting(self) -> Iterator[Problem]:
        """Say what waits for a person: nothing failed, and nothing goes on by itself."""
        previews = sum(one.jobs for one in self.worklist.waiting if one.code is ReasonCode.PREVIEW)
        if previews:
            jobs = counted(previews, "job")
            why = f"{jobs}: waiting for approval of previews; {HOW[ReasonCode.PREVIEW]}"
            yield Problem(why, None, Severity.WARNING)
        for one in self.worklist.waiting:
            if one.code in BY_PEOPLE:
                yield Problem(f"{counted(one.jobs, 'job')}: {one.why}; {HOW[one.code]}", None, Severity.WARNING)

    def _write_down(self, status: Exit, why: str) -> tuple[dict[str, Any], Path]:
        if self.has_work or self.collected:
            with suppress(Unreachable):  # the next run makes room
                make_room(self.ledger, self.store, self.note)
                self._fill_sidecars()
        # Who stopped the run does not wait for earlier images.
        self.derivatives.complete(earlier=self.signal is None)
        self.small.stop()
        self._end_run(status, why)
        said = self._says_it_all()
        if said:
            written = reporter.refresh(self.ledger, self.workspace, run_id=self.run_id)
        else:
            # Who stopped the run does not wait, nor does anybody for images that lie elsewhere.
            drew = 0 if self.signal is not None or self.project.store else self.meter.images_stored
            written = reporter.write(self.ledger, self.workspace, self.store, run_id=self.run_id, drew=drew)
        reporter.reject(self.workspace, [(row.place, row.why) for row in self.checked.manifest_summary.bad])
        self._end_run(status, why, told=self.worklist.fingerprint if said or self._mirrored(written.files) else None)
        self.news.keep(status)
        self.event_log.put("summary.json", dict(written.summary) | self._in_short(status))
        self.meter.state = "ended"
        self.status_file(exit_code=status)
        return dict(written.summary), written.page

    def _mirrored(self, files: Sequence[Path]) -> bool:
        """Give the store a copy of the report and of the ledger; one that is away gets it after the next run."""
        try:
            mirror(self.project, self.ledger, self.store, self.workspace, files)
        except StorageError as error:
            self.worklist.notices.append(Problem(f"report and ledger were not copied: {error}", None, Severity.WARNING))
            return False
        return True

    def _fill_sidecars(self) -> None:
        if self.project.settings.sidecars:
            sidecars.fill(self.ledger, self.store)

    def _says_it_all(self) -> bool:
        """Whether an earlier report needs nothing but this run's summary: the same is wanted, and nothing was done."""
        before, told = told_before(self.ledger, self.run_id)
        began = next((run.started for run in self.ledger.runs.latest_first() if run.run_id == before), None)
        return (
            told == self.worklist.fingerprint
            and not (began and self.ledger.reviews.decided_since(began))
            and not self.has_work
            and not self.collected
            and not self.restored
            and not self.derivatives.anew
            and self.workspace.exists("report/report.html")
        )

    def _end_run(self, status: Exit, why: str, told: int | None = None) -> None:
        """End the run in the books; `told` is the fingerprint of what the report tells, once it is written."""
        counts: dict[str, Any] = {**self.checked.manifest_summary.counts}
        if told is not None:
            counts |= {TOLD: told, KEPT: self.kept.facts}
        self.ledger.runs.end(self.run_id, status, why, counts)

    def leave(self) -> None:
        """Let go of what the run held open."""
        self.small.stop()
        with suppress(StorageError):
            self.ledger.queue.clear()
        self.orders.clear()
        self.event_log.close()
        if self.fallback:
            leave(self.fallback)
