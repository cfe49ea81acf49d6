"""What works on a run while its event loop turns: its providers opened as lanes, their executors, and threads."""

import secrets as tokens
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count

from batchgen.app.config.lanes import Access, LaneConfig
from batchgen.app.config.project import caps_of
from batchgen.app.output import sidecars
from batchgen.app.run.run import Run
from batchgen.engine.context import RunContext
from batchgen.engine.lane import Lane
from batchgen.errors import Unreachable
from batchgen.executor.batches import ProviderBatches
from batchgen.executor.local import LocalExecutor
from batchgen.executor.protocol import Executor, Setup
from batchgen.executor.several import Executors
from batchgen.ledger import account_mark
from batchgen.limits import Breakers, Limiter, SharedPace
from batchgen.model import Provider
from batchgen.runtime.clock import Offload
from batchgen.runtime.offload import Threads
from batchgen.text import counted


def new_ids() -> Callable[[], str]:
    """Give ids that nobody else gives, one after the other: the ledger finds those of a run side by side."""
    first, number = tokens.token_hex(8), count()
    return lambda: f"{first}{next(number):08x}"


@asynccontextmanager
async def run_context(run: Run, providers: Sequence[Provider]) -> AsyncIterator[tuple[RunContext, Offload]]:
    """Open everyone that works on the run, and threads for the disk; at the end, what was begun there has ended too."""
    with ExitStack() as stack:
        on_books = stack.enter_context(Threads(1, "ledger", run.ledger.group))
        on_disk = stack.enter_context(Threads(16, "disk"))
        each = zip(run.project.lanes, providers, run.access, strict=True)
        opened = [_Opened(run, on_books, on_disk, *one) for one in each]
        for one in opened:
            one.earlier = await on_books(one.earlier_names)
        named = {name: one.executor for one in opened for name in one.earlier}
        executor = Executors({one.config.name: one.executor for one in opened} | named)
        lanes = tuple([await one.lane() for one in opened])
        stack.callback(run.stops.mute)
        async with AsyncExitStack() as sessions:
            await sessions.enter_async_context(executor.session())
            for one in opened:
                await sessions.enter_async_context(one.batches.session())
            context = RunContext(
                run_id=run.run_id,
                lanes=lanes,
                offers=run.offers,
                settings=run.project.settings,
                ledger=run.ledger,
                offload=on_books,
                executor=executor,
                forget=_forget(run, executor, on_books, on_disk),
                clock=run.project.clock,
                stops=run.stops,
                new_id=new_ids(),
                note=run.note,
                check_output=run.workspace.check_held,
            )
            yield context, on_disk
        for one, lane in zip(opened, lanes, strict=True):
            await one.keep_limits(lane)


@dataclass
class _Opened:
    """What asks one provider, by calls and in batches; nothing connects before a session.

    `known` are the limits that earlier runs learned of it, `earlier` what they called it.
    """

    run: Run
    on_books: Offload
    on_disk: Offload
    config: LaneConfig
    provider: Provider
    access: Access
    known: Mapping[str, int] = field(default_factory=dict)
    earlier: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        run, access = self.run, self.access
        self.key = access.key.reveal() if access.key else None
        revealed = {name: secret.reveal() for name, secret in access.headers.items()}
        setup = Setup(
            self.provider,
            self.key,
            run.workspace,
            run.store,
            clock=run.project.clock,
            offload=self.on_disk,
            prepare=run.project.settings.prepare,
            spare=run.fallback,
            own_headers=revealed,
            proxies=run.proxies,
        )
        self.executor: Executor = (run.make_executor or LocalExecutor)(setup)
        self.batches = ProviderBatches(setup)
        self.account = account_mark(self.provider.base_url or self.provider.name, self.key)
        """The mark of what has limits and images of its own: a key, and where it is used."""

    async def lane(self) -> Lane:
        run, config, clock = self.run, self.config, self.run.project.clock
        settings, steering = config.settings, run.steering
        caps = replace(caps_of(settings), earlier=self.earlier)
        shared = await self.on_books(self._is_shared)
        self.known = await self.on_books(run.ledger.learned_limits.of, config.name, self.key)
        lane = Lane(
            offer=next(offer for offer in run.offers if offer.name == config.name),
            provider=self.provider,
            limiter=Limiter(
                settings.limits, clock, self.known, self._tell_limit, self._shared_pace() if shared else None
            ),
            breaker=Breakers(settings.retry.breaker_probe_seconds, clock),
            caps=lambda: caps if caps.max_cost == steering.max_cost else replace(caps, max_cost=steering.max_cost),
            batches=self.batches,
            most=config.most,
            earlier=self.earlier,
            closed=run.closed.setdefault(config.name, {}),
        )
        return lane.follow(run.stops)

    def _is_shared(self) -> bool:
        """Whether other runs may use the ledger at the same time: it lies elsewhere, or they are in it. Blocks."""
        run = self.run
        own = run.workspace.root.resolve() == run.project.ledger_path.resolve().parent
        return not own or run.ledger.permits.are_shared()

    def _shared_pace(self) -> SharedPace:
        """Return the pace of all runs with this key in one ledger."""
        permits = self.run.ledger.permits
        return SharedPace(
            partial(self.on_books, permits.book, self.account), partial(self.on_books, permits.move, self.account)
        )

    def earlier_names(self) -> frozenset[str]:
        """Return what runs called this account before, which is said when its name is new. Blocks."""
        run, config = self.run, self.config
        if self.provider.embedded or not self.provider.base_url:
            return frozenset()
        others = {lane.name for lane in run.project.lanes} - {config.name}
        earlier, is_new = run.ledger.account_names.take(self.account, config.name, others)
        if earlier and is_new:
            names = ", ".join(sorted(earlier))
            why = f"{config.name} was called {names} before: what is open there and its images of the day count on"
            run.watch.on_note(why, urgent=True)
        return earlier

    async def keep_limits(self, lane: Lane) -> None:
        learned = {model: limit for model, limit in lane.limiter.learned.items() if limit != self.known.get(model)}
        if learned:
            await self.on_books(self.run.ledger.learned_limits.keep, lane.name, self.key, learned)

    def _tell_limit(self, model: str, limit: int) -> None:
        """Say once that a limit showed itself that nobody configured."""
        run, name = self.run, self.config.name
        run.note("limit_learned", model=model, provider=name, calls_per_minute=limit)
        run.watch.on_note(f"{name} takes about {counted(limit, 'call')} a minute for {model}; the pace follows")


def _forget(run: Run, executor: Executor, on_books: Offload, on_disk: Offload) -> Callable[[str], Awaitable[None]]:
    """Say what is done once a call is settled; sidecars come before what would bring them is taken away."""
    if not run.project.settings.sidecars:
        return executor.forget

    async def forget(attempt_id: str) -> None:
        rows = await on_books(run.ledger.report_rows.sidecars, attempt_id)
        with suppress(Unreachable):  # at the end, or in the next run, missing ones are written
            await on_disk(sidecars.write, run.store, rows)
        await executor.forget(attempt_id)

    return forget
