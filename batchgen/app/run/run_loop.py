"""The part of a run that costs money: calls side by side on an event loop, until nothing is left or something stops."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property, partial

from batchgen.app.control.progress import AT_PROVIDER, DRAWING
from batchgen.app.control.watchdog import Watchdog, stacks
from batchgen.app.output.recovery import clear_spool
from batchgen.app.preview.precheck import Precheck
from batchgen.app.run.order_handler import OrderHandler
from batchgen.app.run.redraws import Redraws
from batchgen.app.run.run import Run
from batchgen.app.run.run_context import run_context
from batchgen.app.run.tasks import Tasks
from batchgen.engine.auto_route import AutoRoute
from batchgen.engine.batch_collector import BatchCollector
from batchgen.engine.batch_submitter import BatchSubmitter
from batchgen.engine.collector import Collector
from batchgen.engine.context import RunContext
from batchgen.engine.job_runner import JobRunner
from batchgen.engine.open_items import LeftOpen
from batchgen.engine.run import run as perform
from batchgen.errors import Exit, Problem, Severity, StorageError
from batchgen.model import ModerationCheck, OnCheck, Provider, RouteChoice, Stop, StopKind
from batchgen.money import MicroUSD, exact
from batchgen.runtime.clock import Offload
from batchgen.runtime.garbage import rare_collections
from batchgen.runtime.signals import NAMES, Interrupted, handled
from batchgen.text import counted

MOST_FRUITLESS = 20
"""Batches that may end one after the other without an image, before a run that waits submits no more: a queue that is
full is halved so often."""


@dataclass(frozen=True)
class RunLoop:
    """The drawing of one run."""

    run: Run

    @cached_property
    def tasks(self) -> Tasks:
        """What of the plan may start."""
        run = self.run
        return Tasks(run.worklist, run.derivatives.deriver, run.stops, grows=run.meter.grow)

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
                async with run_context(run, providers) as (context, on_disk):
                    stack.enter_context(rare_collections())
                    await self._draw(context, on_disk, this.cancel)
            except asyncio.CancelledError:
                this.uncancel()
                if broken_off := run.ledger.attempts.orphans():
                    await self._collect(providers, LeftOpen(broken_off), hasty=True)
                clear_spool(run.ledger, run.workspace, run.fallback)

    async def _collect(self, providers: Sequence[Provider], left: LeftOpen, *, hasty: bool = False) -> int:
        async with run_context(self.run, providers) as (context, _):
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
        self.tasks.prechecked.flagged |= found.flagged
        run.note("prechecked", prompts=found.prompts, flagged=len(found.flagged), why=found.trouble)
        if found.trouble:
            why = f"moderation_check: {lane.name}: {found.trouble}; the other prompts are sent without it"
            run.worklist.notices.append(Problem(why, None, Severity.WARNING))

    async def _perform(self, context: RunContext, worker: JobRunner) -> None:
        """Draw by calls, side by side, until nothing is left of the plan, nor of what people ask for meanwhile."""
        run = self.run
        tasks, more = self.tasks.left(), True
        while more:
            async for outcome in perform(tasks, worker, run.stops, context.offload):
                run.meter.done(outcome)
                self.tasks.finished(outcome)
            more = not context.stops and await worker.additions.more()

    async def _draw_failing_again(self, context: RunContext, worker: JobRunner) -> None:
        """Draw what fails a check once more, where that is wanted: paid, within the limits."""
        run = self.run
        if context.settings.on_check is not OnCheck.RETRY_ONCE or context.stops:
            return
        await asyncio.to_thread(run.derivatives.deriver.catch_up)
        failing = await context.offload(lambda: list(self.tasks.failing()))
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

        Where the run waits for the batches, it asks again for what they did not bring, as long as some of them bring
        images; then it leaves the rest to the next run.
        """
        run, submitter, collector = self.run, BatchSubmitter(context), BatchCollector(context)
        stored, fruitless = run.meter.images_stored, 0
        while True:
            if fruitless < MOST_FRUITLESS:
                async for outcome in submitter.submit(self.tasks.left(again=True, sync=False)):
                    self.tasks.finished(outcome)
            await self._perform_some(context, worker)
            run.meter.state = AT_PROVIDER
            if not run.waits or not await collector.wait():
                return
            fruitless = fruitless + 1 if run.meter.images_stored == stored else 0
            stored = run.meter.images_stored

    async def _perform_some(self, context: RunContext, worker: JobRunner) -> None:
        """Draw by calls what is drawn so beside batches."""
        run = self.run
        if True in run.worklist.sync and not context.stops:
            tasks = self.tasks.left(again=True, sync=True)
            async for outcome in perform(tasks, worker, context.stops, context.offload):
                self.tasks.finished(outcome)

    async def _draw_in_time(self, context: RunContext, worker: JobRunner) -> None:
        """Draw by the deadline, as cheaply as that allows."""
        planned = timedelta(seconds=self.run.estimate.wall_seconds)
        tasks, others = partial(self.tasks.left, again=True, sync=False), partial(self._perform_some, context, worker)
        async for outcome in AutoRoute(context, worker, tasks, planned, others).draw():
            self.tasks.finished(outcome)

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
        precheck, tell = partial(self._precheck, context), partial(run.watch.on_note, urgent=True)
        redraws = Redraws(self.tasks, worker.additions, context.offload, precheck, tell)

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
            obey=OrderHandler(run, context, worker, redraws, on_disk).look,
            write=write,
            stuck=stuck,
            deadline=settings.retry.deadline_seconds,
            until=None if settings.limits.max_duration is None else run.started + settings.limits.max_duration,
        )
