"""`run`: lock, recover, plan, perform, settle, report, in this order, with every way to end."""

import asyncio
import json
import os
import secrets as tokens
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from batchgen import reporter
from batchgen.app import checking
from batchgen.app.ending import exit_status
from batchgen.app.environment import Secret, key_for
from batchgen.app.journal import Journal, run_id
from batchgen.app.openfiles import within_open_files
from batchgen.app.options import Options
from batchgen.app.progress import Meter, Watch, as_json
from batchgen.app.project import Project, open_project
from batchgen.app.recovery import recover
from batchgen.app.refuge import leave, refuge
from batchgen.app.signals import Interrupted, handled, interruptible
from batchgen.app.ticking import Ticker, heartbeat, stacks
from batchgen.app.wanting import Wants
from batchgen.clock import Offload
from batchgen.errors import BatchgenError, Exit, InputError, Locked, Problem, Severity, StorageError
from batchgen.executor import LocalExecutor, bring_home
from batchgen.ledger import Caps, Ledger, PendingDownload, RunStart, nowhere
from batchgen.limits import Breakers, Limiter
from batchgen.model import OutcomeKind, Provider, SlotState, Stop, StopKind
from batchgen.money import MICRO, MicroUSD, exact
from batchgen.planner import Estimate
from batchgen.runner import run as perform
from batchgen.storage import Folder
from batchgen.text import counted
from batchgen.version import VERSION
from batchgen.worker import Bench, Stops, Worker

T = TypeVar("T")

ASK_ABOVE = MicroUSD(5 * MICRO)
"""On a terminal, a run that may cost more than this asks once."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended; `summary` is empty when a lock was skipped."""

    summary: dict[str, Any]
    exit: Exit
    problems: tuple[Problem, ...] = ()
    output: Path | None = None
    report: Path | None = None


def run(path: Path, options: Options, watch: Watch, at: Callable[[str], None] = nowhere) -> RunResult:
    """Perform a manifest: check, lock, recover, plan, ask, draw, report.

    Raises BatchgenError when it could not begin. Afterwards every way to end is a result with an exit status. `at` is
    called with a name before and after each durable step: where tests let a run break.
    """
    project = within_open_files(open_project(path, options), watch)
    folder = Folder(project.output, at=at)
    with interruptible(), ExitStack() as stack:
        try:
            # Whoever works there already is noticed before a long manifest is walked; a folder is only made after that.
            if early := folder.root.is_dir():
                stack.enter_context(folder.lock(wait=options.if_locked == "wait"))
            checked = checking.check(project)
            if checked.errors:
                raise InputError(*checked.problems)
            _need_limit(project, watch)
            key = key_for(project.provider, project.variables)
            if not early:
                stack.enter_context(folder.lock(wait=options.if_locked == "wait"))
        except Locked:
            if options.if_locked != "skip":
                raise
            return RunResult({}, Exit.OK, (Problem("another run is working here; skipped", None, Severity.WARNING),))
        ledger = stack.enter_context(_books(project, folder, at))
        session = Session(project, options, watch, folder, ledger, key, checked)
        stack.callback(session.leave)
        return _performed(session)


def _performed(session: "Session") -> RunResult:
    try:
        with heartbeat(session.beat):
            session.prepare()
        if session.has_work:
            asyncio.run(session.work())
    except* BatchgenError as errors:
        for error in errors.exceptions:
            if isinstance(error, BatchgenError):
                session.broke(error)
    with heartbeat(session.beat):
        return session.close()


def _books(project: Project, folder: Folder, at: Callable[[str], None]) -> Ledger:
    """The ledger, unless pictures lie there that it does not know: all of them would be paid again."""
    unknown = InputError(
        f"{project.output} holds pictures that the ledger {project.ledger_path} does not know: batchgen adopt "
        f"{project.output} takes them in, so that nothing is paid again; or choose another --output"
    )
    has_pictures = next(folder.pictures(), None) is not None
    if has_pictures and not project.ledger_path.exists():
        raise unknown
    ledger = project.open_ledger(at=at)
    if has_pictures and not ledger.runs():
        ledger.close()
        raise unknown
    return ledger


def _need_limit(project: Project, watch: Watch) -> None:
    """Unattended, real money needs a limit."""
    if project.free or watch.attended:
        return
    budget = project.settings.budget
    if project.settings.limits.max_cost is None and not (budget and (budget.day or budget.month)):
        raise InputError(
            "nobody is at a terminal, so this run needs a limit: give --max-cost 25, or limits: {max_cost: 25} or "
            "budget: {day: 50} in the manifest"
        )


@dataclass
class Session:
    """One run of one manifest, from recovery to its last line; the folder's lock is held around it."""

    project: Project
    options: Options
    watch: Watch
    folder: Folder
    ledger: Ledger
    key: Secret | None
    checked: checking.CheckResult
    stops: Stops = field(default_factory=Stops)
    signal: Exit | None = None
    refused: str = ""
    estimate: Estimate = field(default_factory=Estimate)
    planned: bool = False
    pending: tuple[PendingDownload, ...] = ()
    still_waiting: int = 0
    recovered: int = 0

    def __post_init__(self) -> None:
        clock, limits = self.project.clock, self.project.settings.limits
        self.run_id = run_id(clock.now(), lambda: tokens.token_hex(2))
        self.journal = Journal(self.folder, self.run_id, clock, self.options.log_json)
        self.meter = Meter(clock, cap=limits.max_cost)
        self.started = clock.monotonic()
        self.refuge = refuge(self.folder.root, self.project.variables)
        self.tariff = self.project.tariff(self.ledger)
        self.wants = Wants(self.project, self.options, self.ledger, self.tariff, self.checked.census.taken, self.stops)

    # ---- before the first call ---------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Bring the books up to the truth, write down what is wanted, add up what is left to do, and ask."""
        self._begin()
        self._status_file()
        if self.refuge:
            bring_home(self.refuge, self.folder)
        self.recovered = recover(self.ledger, self.folder, self.tariff, self._note)
        self.pending = self.ledger.downloads()
        self.estimate = self.wants.plan()
        self.planned = True
        self.ledger.expect(self.run_id, self.estimate.low, self.estimate.expected, self.estimate.high)
        self.meter.jobs_total = self.wants.jobs
        self.meter.images_wanted = self.estimate.images
        self.meter.outcomes.update(self.wants.settled)
        self._status_file()
        if self.has_work:
            self._ask()

    @property
    def has_work(self) -> bool:
        """Whether anything is left to draw."""
        return self.estimate.images > 0 or bool(self.pending)

    def _begin(self) -> None:
        command = {name: getattr(self.options, name) for name in self.options.__slots__}
        self.ledger.begin_run(
            RunStart(
                run_id=self.run_id,
                manifest=self.project.settings.name,
                provider=self.project.provider.name,
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
        if not self.watch.ask(f"{self.estimate.images} pictures for about {about}, at most {exact(most)}. Draw them?"):
            raise InputError("not started, nothing was spent")

    # ---- the run -----------------------------------------------------------------------------------------------------

    async def work(self) -> None:
        """Draw what is left to do; the second signal leaves everything recorded and ends at once."""
        async with AsyncExitStack() as stack:
            books = stack.enter_context(ThreadPoolExecutor(1, "ledger"))
            disk = stack.enter_context(ThreadPoolExecutor(4, "disk"))
            on_books, on_disk = _offload(books), _offload(disk)
            this = asyncio.current_task()
            assert this is not None
            stack.enter_context(handled(self._drain, this.cancel))
            self.meter.changed = self.project.clock.monotonic()
            try:
                provider = await self._provider(stack, on_disk)
                executor = await self._executor(provider, stack, on_disk)
                await self._draw(provider, executor, on_books, on_disk, this.cancel)
            except asyncio.CancelledError:
                this.uncancel()
                disk.shutdown()
                await on_books(recover, self.ledger, self.folder, self.tariff, self._note)

    async def _provider(self, stack: AsyncExitStack, on_disk: Offload) -> Provider:
        """The provider, with an embedded mock started where it has no address of its own."""
        provider = self.project.provider
        if not provider.embedded or provider.base_url:
            return provider
        from batchgen.mock import MockConfig
        from batchgen.mock.embedded import start_embedded

        handle = await on_disk(start_embedded, MockConfig())
        stack.callback(handle.stop)
        return replace(provider, base_url=handle.base_url)

    async def _executor(self, provider: Provider, stack: AsyncExitStack, on_disk: Offload) -> LocalExecutor:
        executor = LocalExecutor(
            provider,
            self.key.reveal() if self.key else None,
            self.folder,
            clock=self.project.clock,
            offload=on_disk,
            prepare=self.project.settings.prepare,
            spare=self.refuge,
        )
        await executor.start()
        stack.push_async_callback(executor.close)
        return executor

    async def _draw(
        self,
        provider: Provider,
        executor: LocalExecutor,
        on_books: Offload,
        on_disk: Offload,
        give_up: Callable[[], object],
    ) -> None:
        settings = self.project.settings
        limiter = Limiter(settings.limits, self.project.clock)
        breakers = Breakers(settings.retry.breaker_probe_seconds, self.project.clock)
        self.stops.listen(lambda _stop: limiter.close())
        self.stops.listen(lambda _stop: breakers.close())
        bench = Bench(
            run_id=self.run_id,
            provider=provider,
            settings=settings,
            tariff=self.tariff,
            caps=self._caps,
            ledger=self.ledger,
            offload=on_books,
            executor=executor,
            download=executor.download,
            tidy=executor.settled,
            limiter=limiter,
            breaker=breakers,
            clock=self.project.clock,
            stops=self.stops,
            new_id=lambda: tokens.token_hex(12),
            note=self._note,
        )
        self.meter.state = "drawing"
        ticker = asyncio.create_task(self._ticker(limiter, on_disk, give_up).run())
        worker = Worker(bench)
        try:
            late = await worker.fetcher.backlog(self.pending)
            async with asyncio.TaskGroup() as background:
                waiting = [background.create_task(worker.fetcher.fetch(one)) for one in late]
                async for outcome in perform(self.wants.tasks(), worker, self.stops, on_books):
                    self.meter.done(outcome)
                    self.wants.finished(outcome)
            self.still_waiting = sum(task.result() is not SlotState.STORED for task in waiting)
        finally:
            self.stops.mute()
            ticker.cancel()
            await asyncio.gather(ticker, return_exceptions=True)

    # ---- while it works ----------------------------------------------------------------------------------------------

    def _caps(self) -> Caps:
        limits, budget = self.project.settings.limits, self.project.settings.budget
        return Caps(
            max_cost=limits.max_cost,
            max_images=limits.max_images,
            day=budget.day if budget else None,
            month=budget.month if budget else None,
            images_per_day=limits.images_per_day,
            timezone=budget.timezone if budget else "UTC",
        )

    def _note(self, event: str, /, **facts: Any) -> None:
        if event == "refused":
            self.refused = self.refused or str(facts["why"])
        self.meter.note(event, facts)
        self.journal.note(event, **facts)

    def _drain(self, status: Exit) -> None:
        """The first signal: start nothing new, finish what is under way."""
        self.signal = status
        self.meter.state = "draining"
        self.stops.add(Stop(StopKind.SIGNAL, f"stopped by {'Ctrl-C' if status is Exit.SIGINT else 'SIGTERM'}"))
        calls, most = counted(len(self.meter.reserved), "call"), exact(MicroUSD(sum(self.meter.reserved.values())))
        self.watch.on_note(f"draining {calls}, up to {most} at risk; once more stops at once", urgent=True)

    def _ticker(self, limiter: Limiter, on_disk: Offload, give_up: Callable[[], object]) -> Ticker:
        settings = self.project.settings

        async def write(in_flight: int) -> None:
            await on_disk(self._status_file, in_flight)

        def stuck(why: str) -> None:
            self.stops.add(Stop(StopKind.BUG, why))
            self.watch.on_note(why, urgent=True)
            with suppress(StorageError):
                self.journal.put_text("error.txt", f"{why}\n\n{stacks()}")
            give_up()

        return Ticker(
            self.project.clock,
            self.meter,
            self.watch,
            self.stops,
            permits=lambda: limiter.in_flight,
            write=write,
            stuck=stuck,
            deadline=settings.retry.deadline_seconds,
            until=None if settings.limits.max_duration is None else self.started + settings.limits.max_duration,
        )

    # ---- the end -----------------------------------------------------------------------------------------------------

    def broke(self, error: BatchgenError) -> None:
        """Something that no job can answer for ended the run."""
        kind = {Exit.STORAGE: StopKind.STORAGE, Exit.ACCOUNT: StopKind.ACCOUNT, Exit.INPUT: StopKind.CONFIG}
        if isinstance(error, Interrupted):
            self.signal = error.exit
        self.stops.add(Stop(kind.get(error.exit, StopKind.SIGNAL), str(error)))

    def _verdict(self) -> tuple[Exit, str]:
        """The exit status, and why the run ended before its work was done."""
        if broken := (*self.ledger.audit(), *self._unexplained()):
            return Exit.BUG, "the accounts do not add up: " + "; ".join(broken)
        exposure = self.ledger.exposure(self.run_id)
        outcomes = self.meter.outcomes + Counter({OutcomeKind.NOT_STARTED: self.still_waiting}) + self.wants.fetched()
        status = exit_status(
            self.stops.reasons,
            outcomes,
            signal=self.signal,
            refused=bool(self.refused),
            charged=bool(exposure.spent or exposure.at_risk),
        )
        return status, "; ".join(stop.why for stop in self.stops.reasons) or self.refused

    def _unexplained(self) -> Iterator[str]:
        """Rows of the manifest and wanted pictures of which nobody can say what became of them.

        Chained jobs may turn out to be one and the same when their inputs are known, so they are not counted.
        """
        census = self.checked.census
        explained = census.planned + census.skipped + census.rejected
        if census.rows != explained:
            yield f"{census.rows} rows were read, but {explained} are accounted for"
        known = self.ledger.totals(self.run_id).images.wanted
        if self.planned and not census.taken and known != census.images:
            yield f"{census.images} pictures were asked for, but {known} are accounted for"

    def _status_file(self, in_flight: int = 0, **more: object) -> None:
        """Write down where the run stands. Blocks."""
        root = self.folder.root.resolve()
        ledger = os.path.relpath(self.project.ledger_path.resolve(), root)
        facts = as_json(self.meter.snapshot(in_flight))
        self.journal.status({"run_id": self.run_id, "ledger": ledger, "pid": os.getpid(), **facts, **more})

    def beat(self) -> None:
        """Say that the run is alive, while something long is being read or written. Blocks."""
        self._status_file()

    def close(self) -> RunResult:
        """End the books, write the report and say how it went; a disk that refuses leaves the words true."""
        status, why = self._verdict()
        page = None
        try:
            page = self._write_down(status, why)
        except (StorageError, Interrupted) as error:
            self.broke(error)
            status, why = self._verdict()
            with suppress(StorageError):
                self._end_run(status, why)
        summary = {**reporter.summary(self.ledger, self.run_id), "exit_code": status, "why": why}
        return RunResult(summary, status, self.checked.problems, self.folder.root, page)

    def _write_down(self, status: Exit, why: str) -> Path:
        self._end_run(status, why)
        write = reporter.refresh if self._says_it_all() else reporter.write
        written = write(self.ledger, self.folder.root, run_id=self.run_id)
        self.journal.put("summary.json", dict(written.summary))
        self.meter.state = "ended"
        self._status_file(exit_code=status)
        return written.page

    def _says_it_all(self) -> bool:
        """Whether an earlier report needs nothing but this run's summary: the same is wanted, and nothing was done."""
        earlier = next((run for run in self.ledger.runs() if run.run_id != self.run_id), None)
        same = earlier is not None and json.loads(earlier.counts).get("digest") == self.wants.digest
        return (
            same and not self.has_work and not self.recovered and (self.folder.root / "report" / "report.html").exists()
        )

    def _end_run(self, status: Exit, why: str) -> None:
        census = self.checked.census
        counts = {name: getattr(census, name) for name in ("rows", "planned", "skipped", "rejected")}
        self.ledger.end_run(self.run_id, status, why, {**counts, "digest": self.wants.digest})

    def leave(self) -> None:
        """Let go of what the run held open."""
        self.journal.close()
        if self.refuge:
            leave(self.refuge)


def _offload(pool: ThreadPoolExecutor) -> Offload:
    async def offload(call: Callable[..., T], /, *args: Any) -> T:
        """What was begun is brought to its end, also when nobody waits for it any more."""
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(pool, call, *args))

    return offload
