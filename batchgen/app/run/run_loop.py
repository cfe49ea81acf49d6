"""The part of a run that costs money: calls side by side on an event loop, until nothing is left or something stops."""

import asyncio
import secrets as tokens
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any

from batchgen.app.config.lanes import Access, LaneConfig
from batchgen.app.config.project import caps_of
from batchgen.app.control.progress import AT_PROVIDER, DRAWING
from batchgen.app.output import sidecars
from batchgen.app.output.recovery import clear_spool
from batchgen.app.run.obedience import Obedience
from batchgen.app.run.precheck import Precheck
from batchgen.app.run.redraws import Redraws
from batchgen.app.run.run import Run
from batchgen.app.run.watchdog import Watchdog, stacks
from batchgen.engine import AutoRoute, BatchCollector, BatchSubmitter, Collector, JobRunner, Lane, LeftOpen, RunContext
from batchgen.engine.run import run as perform
from batchgen.errors import Exit, Problem, Severity, StorageError, Unreachable
from batchgen.executor import Executor, Executors, ProviderBatches
from batchgen.ledger import account_mark
from batchgen.limits import Breakers, Limiter, SharedPace
from batchgen.model import ModerationCheck, OnCheck, Provider, RouteChoice, Stop, StopKind
from batchgen.money import MicroUSD, exact
from batchgen.runtime.clock import Offload
from batchgen.runtime.garbage import rare_collections
from batchgen.runtime.offload import Threads
from batchgen.runtime.signals import NAMES, Interrupted, handled
from batchgen.text import counted


@dataclass
class _Opened:
    """What asks one provider; `known` are the limits that earlier runs learned of it, `earlier` what they called it."""

    config: LaneConfig
    provider: Provider
    key: str | None
    executor: Executor
    batches: ProviderBatches
    known: Mapping[str, int] = field(default_factory=dict)
    earlier: frozenset[str] = frozenset()

    @property
    def account(self) -> str:
        """The mark of what has limits and images of its own: a key, and where it is used."""
        return account_mark(self.provider.base_url or self.provider.name, self.key)


def new_ids() -> Callable[[], str]:
    """Give ids that nobody else gives, one after the other: the ledger finds those of a run side by side."""
    first, number = tokens.token_hex(8), count()
    return lambda: f"{first}{next(number):08x}"


@dataclass(frozen=True)
class RunLoop:
    """The drawing of one run."""

    run: Run

    async def collect(self, left: LeftOpen) -> int:
        """Look once at what earlier runs left open, before anything is planned; of how much the ledger has news.

        A signal ends it at once: what is paid is collected next time.
        """
        told: list[Exit] = []
        this = asyncio.current_task()
        assert this is not None

        def interrupt(status: Exit) -> None:
            told.append(status)
            this.cancel()

        async with AsyncExitStack() as stack:
            stack.enter_context(handled(interrupt, lambda: None))
            try:
                return await self._collect(await self._providers(stack), left)
            except asyncio.CancelledError:
                if not told:
                    raise
                this.uncancel()
        raise Interrupted(told[0])

    async def work(self) -> None:
        """Draw what is left to do; the second signal leaves everything recorded and ends at once."""
        run = self.run
        async with AsyncExitStack() as stack:
            this = asyncio.current_task()
            assert this is not None
            stack.enter_context(handled(self._drain, this.cancel))
            run.meter.changed = run.project.clock.monotonic()
            providers = [lane.provider for lane in run.project.lanes]
            try:
                providers = await self._providers(stack)
                async with self._context(providers) as (context, on_disk):
                    stack.enter_context(rare_collections())
                    await self._draw(context, on_disk, this.cancel)
            except asyncio.CancelledError:
                this.uncancel()
                if broken_off := run.ledger.attempts.orphans():
                    await self._collect(providers, LeftOpen(broken_off), hasty=True)
                clear_spool(run.ledger, run.workspace, run.fallback)

    async def _collect(self, providers: Sequence[Provider], left: LeftOpen, *, hasty: bool = False) -> int:
        async with self._context(providers) as (context, _):
            ended = 0
            for lane in context.lanes if left.batches and not hasty else ():
                ended += await BatchCollector(context, lane).look()
            return ended + await Collector(context).begin(left, hasty=hasty)

    async def _providers(self, stack: AsyncExitStack) -> list[Provider]:
        """Return the providers, with an embedded mock started for each that has no address of its own."""
        return [await self._provider(stack, lane.provider) for lane in self.run.project.lanes]

    async def _provider(self, stack: AsyncExitStack, provider: Provider) -> Provider:
        if not provider.embedded or provider.base_url:
            return provider
        from batchgen.mock import MockConfig
        from batchgen.mock.embedded import start_embedded

        handle = await asyncio.to_thread(start_embedded, MockConfig())
        stack.callback(handle.stop)
        return replace(provider, base_url=handle.base_url)

    @asynccontextmanager
    async def _context(self, providers: Sequence[Provider]) -> AsyncIterator[tuple[RunContext, Offload]]:
        """Everyone that works on the run, and threads for the disk; at the end, what was begun there has ended too."""
        run, settings, clock = self.run, self.run.project.settings, self.run.project.clock
        with ExitStack() as stack:
            on_books = stack.enter_context(Threads(1, "ledger", run.ledger.group))
            on_disk = stack.enter_context(Threads(16, "disk"))
            opened = [
                self._open(config, provider, access, on_disk)
                for config, provider, access in zip(run.project.lanes, providers, run.access, strict=True)
            ]
            for one in opened:
                one.earlier = await on_books(self._earlier_names, one)
            named = {name: one.executor for one in opened for name in one.earlier}
            executor = Executors({one.config.name: one.executor for one in opened} | named)
            lanes = tuple([await self._lane(one, on_books) for one in opened])
            stack.callback(run.stops.mute)
            async with AsyncExitStack() as sessions:
                await sessions.enter_async_context(executor.session())
                for one in opened:
                    await sessions.enter_async_context(one.batches.session())
                context = RunContext(
                    run_id=run.run_id,
                    lanes=lanes,
                    offers=run.offers,
                    settings=settings,
                    ledger=run.ledger,
                    offload=on_books,
                    executor=executor,
                    forget=self._forget(executor, on_books, on_disk),
                    clock=clock,
                    stops=run.stops,
                    new_id=new_ids(),
                    note=run.note,
                    check_output=run.workspace.check_held,
                )
                yield context, on_disk
            for one, lane in zip(opened, lanes, strict=True):
                await self._keep_limits(one, lane, on_books)

    def _open(self, config: LaneConfig, provider: Provider, access: Access, on_disk: Offload) -> "_Opened":
        """Return what asks one provider, by calls and in batches; nothing connects before a session."""
        run = self.run
        key = access.key.reveal() if access.key else None
        revealed = {name: secret.reveal() for name, secret in access.headers.items()}
        own: dict[str, Any] = {"own_headers": revealed} if revealed else {}
        own |= {"proxies": run.proxies} if run.proxies.address else {}
        own |= {"clock": run.project.clock, "offload": on_disk, "prepare": run.project.settings.prepare}
        where = (provider, key, run.workspace, run.store)
        executor = run.make_executor(*where, spare=run.fallback, **own)
        return _Opened(config, provider, key, executor, ProviderBatches(*where, **own))

    async def _lane(self, one: "_Opened", on_books: Offload) -> Lane:
        run, settings, clock = self.run, one.config.settings, self.run.project.clock
        caps, steering = replace(caps_of(settings), earlier=one.earlier), run.steering
        shared = await on_books(self._is_shared)
        one.known = await on_books(run.ledger.learned_limits.of, one.config.name, one.key)
        lane = Lane(
            offer=next(offer for offer in run.offers if offer.name == one.config.name),
            provider=one.provider,
            limiter=Limiter(
                settings.limits,
                clock,
                one.known,
                partial(self._tell_limit, one.config.name),
                self._shared_pace(one, on_books) if shared else None,
            ),
            breaker=Breakers(settings.retry.breaker_probe_seconds, clock),
            caps=lambda: caps if caps.max_cost == steering.max_cost else replace(caps, max_cost=steering.max_cost),
            batches=one.batches,
            most=one.config.most,
            earlier=one.earlier,
            closed=run.closed.setdefault(one.config.name, {}),
        )
        return lane.follow(run.stops)

    def _is_shared(self) -> bool:
        """Whether other runs may use the ledger at the same time: it lies elsewhere, or they are in it. Blocks."""
        run = self.run
        own = run.workspace.root.resolve() == run.project.ledger_path.resolve().parent
        return not own or run.ledger.permits.are_shared()

    def _shared_pace(self, one: "_Opened", on_books: Offload) -> SharedPace:
        """Return the pace of all runs with this key in one ledger."""
        permits = self.run.ledger.permits
        return SharedPace(partial(on_books, permits.book, one.account), partial(on_books, permits.move, one.account))

    def _earlier_names(self, one: "_Opened") -> frozenset[str]:
        """Return what runs called this account before, which is said when its name is new. Blocks."""
        run, config = self.run, one.config
        if one.provider.embedded or not one.provider.base_url:
            return frozenset()
        others = {lane.name for lane in run.project.lanes} - {config.name}
        earlier, is_new = run.ledger.account_names.take(one.account, config.name, others)
        if earlier and is_new:
            names = ", ".join(sorted(earlier))
            why = f"{config.name} was called {names} before: what is open there and its images of the day count on"
            run.watch.on_note(why, urgent=True)
        return earlier

    async def _keep_limits(self, one: "_Opened", lane: Lane, on_books: Offload) -> None:
        learned = {model: limit for model, limit in lane.limiter.learned.items() if limit != one.known.get(model)}
        if learned:
            await on_books(self.run.ledger.learned_limits.keep, lane.name, one.key, learned)

    def _tell_limit(self, name: str, model: str, limit: int) -> None:
        """Say once that a limit showed itself that nobody configured."""
        run = self.run
        run.note("limit_learned", model=model, provider=name, calls_per_minute=limit)
        run.watch.on_note(f"{name} takes about {counted(limit, 'call')} a minute for {model}; the pace follows")

    def _forget(self, executor: Executor, on_books: Offload, on_disk: Offload) -> Callable[[str], Awaitable[None]]:
        """Say what is done once a call is settled; sidecars come before what would bring them is taken away."""
        run = self.run
        if not run.project.settings.sidecars:
            return executor.forget

        async def forget(attempt_id: str) -> None:
            rows = await on_books(run.ledger.report_rows.sidecars, attempt_id)
            with suppress(Unreachable):  # at the end, or in the next run, missing ones are written
                await on_disk(sidecars.write, run.store, rows)
            await executor.forget(attempt_id)

        return forget

    async def _draw(self, context: RunContext, on_disk: Offload, give_up: Callable[[], object]) -> None:
        run, worker, settings = self.run, JobRunner(context), context.settings
        watchdog = asyncio.create_task(self._watchdog(context, worker, on_disk, give_up).run())
        watchdog.add_done_callback(self._watch_over)
        try:
            await self._precheck(context, run.worklist.prompts())
            run.meter.state = DRAWING
            async with worker.collector.looking(run.left):
                if settings.route is RouteChoice.AUTO:
                    await self._draw_in_time(context, worker)
                elif run.has_batches:
                    await self._submit(context, worker)
                else:
                    run.steering.takes_redraws = lambda: worker.additions.is_open
                    await self._perform(context, worker)
                    await self._draw_failing_again(context, worker)
                run.still_waiting = await worker.collector.rest()
        finally:
            watchdog.cancel()
            await asyncio.gather(watchdog, return_exceptions=True)
            run.held_up = ()

    def _redraws(self, context: RunContext, worker: JobRunner) -> Redraws:
        run = self.run
        return Redraws(
            run.worklist,
            run.ledger,
            worker.additions,
            context.offload,
            precheck=partial(self._precheck, context),
            tell=partial(run.watch.on_note, urgent=True),
        )

    async def _precheck(self, context: RunContext, prompts: Iterator[str]) -> None:
        """Ask about prompts first, where that is wanted and free; an endpoint that fails stops nothing.

        Of several providers, the first one that has such an endpoint judges.
        """
        run = self.run
        able = [pair for pair in zip(context.lanes, run.access, strict=True) if pair[0].provider.moderations]
        if context.settings.moderation_check is ModerationCheck.NO or not able:
            return
        lane, access = able[0]
        precheck = Precheck(
            lane.provider,
            run.ledger,
            run.project.clock,
            access.key.reveal() if access.key else None,
            {name: secret.reveal() for name, secret in access.headers.items()},
            run.proxies,
            goes_on=lambda: not context.stops,
            note=run.meter.checks_prompts,
        )
        found = await precheck.look(prompts, context.offload)
        run.worklist.prechecked.flagged |= found.flagged
        run.note("prechecked", prompts=found.prompts, flagged=len(found.flagged), why=found.trouble)
        if found.trouble:
            why = f"moderation_check: {lane.name}: {found.trouble}; the other prompts are sent without it"
            run.worklist.notices.append(Problem(why, None, Severity.WARNING))

    async def _perform(self, context: RunContext, worker: JobRunner) -> None:
        """Draw by calls, side by side, until nothing is left of the plan, nor of what people ask for meanwhile."""
        run = self.run
        tasks, more = run.worklist.tasks(), True
        while more:
            async for outcome in perform(tasks, worker, run.stops, context.offload):
                run.meter.done(outcome)
                run.worklist.finished(outcome)
            more = not context.stops and await worker.additions.more()

    async def _draw_failing_again(self, context: RunContext, worker: JobRunner) -> None:
        """Draw what fails a check once more, where that is wanted: paid, within the limits."""
        run = self.run
        if context.settings.on_check is not OnCheck.RETRY_ONCE or context.stops:
            return
        await asyncio.to_thread(run.derivatives.deriver.catch_up)
        failing = await context.offload(lambda: list(run.worklist.failing()))
        at_once = context.settings.limits.concurrency
        for first in range(0, len(failing), at_once):
            if context.stops:
                return
            some = failing[first : first + at_once]
            await asyncio.gather(*(worker.draw_again(*one) for one in some))
        if failing:
            run.note("checked", redrawn=sum(len(slots) for _, _, slots in failing))

    async def _submit(self, context: RunContext, worker: JobRunner) -> None:
        """Ask for what is wanted in batches, and by calls for what is drawn so.

        Where the run waits for the batches, it asks again for what they did not bring.
        """
        run, submitter, collector = self.run, BatchSubmitter(context), BatchCollector(context)
        while True:
            async for outcome in submitter.submit(run.worklist.tasks(again=True, sync=False)):
                run.worklist.finished(outcome)
            await self._perform_some(context, worker)
            run.meter.state = AT_PROVIDER
            if not run.waits or not await collector.wait():
                return

    async def _perform_some(self, context: RunContext, worker: JobRunner) -> None:
        """Draw by calls what is drawn so beside batches."""
        run = self.run
        if True in run.worklist.sync and not context.stops:
            async for outcome in perform(
                run.worklist.tasks(again=True, sync=True), worker, context.stops, context.offload
            ):
                run.worklist.finished(outcome)

    async def _draw_in_time(self, context: RunContext, worker: JobRunner) -> None:
        """Draw by the deadline, as cheaply as that allows."""
        worklist, planned = self.run.worklist, timedelta(seconds=self.run.estimate.wall_seconds)
        tasks, others = partial(worklist.tasks, again=True, sync=False), partial(self._perform_some, context, worker)
        async for outcome in AutoRoute(context, worker, tasks, planned, others).draw():
            worklist.finished(outcome)

    def _watch_over(self, watchdog: asyncio.Task[None]) -> None:
        """Without the watchdog nobody watches time and progress: its bug ends the run."""
        if not watchdog.cancelled() and (bug := watchdog.exception()):
            self.run.stops.add(Stop(StopKind.BUG, f"a bug: {type(bug).__name__}"))

    def _drain(self, status: Exit) -> None:
        """Start nothing new and finish what is under way: the first signal."""
        run, meter = self.run, self.run.meter
        run.signal = status
        meter.state = "draining"
        run.stops.add(Stop(StopKind.SIGNAL, f"stopped by {NAMES[status]}"))
        calls, most = counted(len(meter.reserved), "call"), exact(MicroUSD(sum(meter.reserved.values())))
        run.watch.on_note(f"draining {calls}, up to {most} at risk; once more stops at once", urgent=True)

    def _watchdog(
        self, context: RunContext, worker: JobRunner, on_disk: Offload, give_up: Callable[[], object]
    ) -> Watchdog:
        run, settings = self.run, self.run.project.settings

        async def write(in_flight: int) -> None:
            await on_disk(run.status_file, in_flight)

        def stuck(why: str) -> None:
            run.stops.add(Stop(StopKind.BUG, why))
            run.watch.on_note(why, urgent=True)
            with suppress(StorageError):
                run.event_log.put_text("error.txt", f"{why}\n\n{stacks()}")
            give_up()

        return Watchdog(
            run.project.clock,
            run.meter,
            run.watch,
            run.stops,
            permits=lambda: sum(lane.limiter.in_flight - lane.limiter.waiting for lane in context.lanes),
            obey=Obedience(run, context, worker, self._redraws(context, worker), on_disk).look,
            write=write,
            stuck=stuck,
            deadline=settings.retry.deadline_seconds,
            until=None if settings.limits.max_duration is None else run.started + settings.limits.max_duration,
        )
