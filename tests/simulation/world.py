"""The whole scheduler in virtual time: only the wire, the disk and the time are not the real ones."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from batchgen import catalog
from batchgen.app.config.exit_status import exit_status
from batchgen.engine.collector import Collector
from batchgen.engine.context import RunContext
from batchgen.engine.job_runner import JobRunner, Task
from batchgen.engine.lane import Lane
from batchgen.engine.open_items import LeftOpen
from batchgen.engine.run import run
from batchgen.engine.stop_reasons import StopReasons
from batchgen.errors import Exit
from batchgen.ledger import Caps, Ledger, RunStart, Totals, Wanted
from batchgen.limits import Breakers, Limiter
from batchgen.model import (
    Attempt,
    AttemptState,
    ImageRequest,
    Job,
    Operation,
    Outcome,
    OutcomeKind,
    Provider,
    ReasonCode,
    Receipt,
    Settings,
    SlotState,
    Stems,
    Stop,
    StopKind,
)
from batchgen.planner import Chain, Choices, Pairing, Planned
from batchgen.pricing import Offer, Offers, PriceList
from batchgen.runtime.clock import Offload
from batchgen.storage import LocalStore
from tests import virtual_time
from tests.offloading import in_place
from tests.simulation.provider import Sky, Weather

T = TypeVar("T")

OPENAI = catalog.provider("openai")
MODEL = "gpt-image-2"
LONGEST = 7 * 86400.0
"""Virtual seconds after which a run must have ended."""


def job(name: str, n: int = 1, *, size: str = "1024x1024", quality: str = "low") -> Job:
    """Make one job."""
    request = ImageRequest(
        Operation.GENERATE, f"an image of {name}", MODEL, params=(("quality", quality), ("size", size))
    )
    key = hashlib.sha256(f"{name}|{size}|{quality}".encode()).hexdigest()
    return Job(name, key, request, n, Stems((f"{name}-*",)))


def jobs(amount: int, n: int = 1, **rest: Any) -> tuple[Job, ...]:
    """Make jobs that are all alike."""
    return tuple(job(f"j{number}", n, **rest) for number in range(amount))


@dataclass(frozen=True, slots=True)
class Scene:
    """What one run does and in which weather. Seconds count from the run's begin; `slow_disk` makes writing take time.

    `signal_at`: the first signal; `abort_at`: the second one, or a kill, as far as the books can tell.
    """

    jobs: tuple[Job, ...]
    weather: Weather = field(default_factory=Weather)
    settings: Settings = field(default_factory=lambda: Settings("sim"))
    choices: Choices = field(default_factory=Choices)
    provider: Provider = OPENAI
    slow_disk: bool = False
    signal_at: float | None = None
    abort_at: float | None = None


@dataclass(frozen=True, slots=True)
class Story:
    """What came of one run."""

    run_id: str
    sky: Sky
    status: Exit
    stops: tuple[Stop, ...]
    outcomes: tuple[Outcome, ...]
    settled_before: Counter[OutcomeKind]
    planned: tuple[Planned, ...]
    refused: bool
    aborted: bool
    totals: Totals
    seconds: float
    events: Counter[str]

    @property
    def kinds(self) -> Counter[OutcomeKind]:
        """How jobs ended, by kind."""
        return Counter(outcome.kind for outcome in self.outcomes)


class World:
    """One output folder and its ledger, through one run after the other; the laws are checked after every commit."""

    def __init__(self, path: Path, seed: object = 0) -> None:
        self.seed = seed
        self.clock = virtual_time.VirtualClock()
        self.path = path
        self.billed_before = 0
        self.sky: Sky | None = None
        self.scene: Scene | None = None
        self.run_id = ""
        self.commits = 0
        self.fair = True
        self.numbers = count()
        self.given: Counter[tuple[str, int]] = Counter()
        self.broken: list[str] = []
        self.waiting: dict[str, Attempt] = {}
        self.accepted: dict[str, Receipt] = {}
        self.ledger = virtual_time.run(self._open())

    async def _open(self) -> Ledger:
        ledger = Ledger.open(self.path, ".", clock=self.clock, at=self._at)
        ledger._database.db.execute("PRAGMA synchronous = OFF")
        return ledger

    def close(self) -> None:
        """Let go of the file."""
        self.ledger.close()

    # ---- laws --------------------------------------------------------------------------------------------------------

    def _at(self, name: str) -> None:
        if name.endswith(".after_commit") and self.sky is not None:
            self.commits += 1
            self.check()

    def check(self) -> None:
        """Hold the books against the bill and the caps; what is wrong ends up in `broken`.

        What a provider counts above the bound of a call is booked as it stands: nothing could have kept it.
        """
        assert self.sky is not None
        assert self.scene is not None
        self.fair = self.fair and self.scene.weather.dear == 1
        if not self.fair:
            return
        book, billed = self._sums("1"), self.billed_before + self.sky.billed
        if billed > book.money:
            self._wrong(f"I1: billed {billed}, but the ledger knows of {book.money}")
        limits, budget = self.scene.settings.limits, self.scene.settings.budget
        if limits.max_cost is not None or limits.max_images is not None:
            mine = f"run_id = '{self.run_id}'"
            of_run = self._sums(mine)
            most = of_run.money if limits.max_cost is None else limits.max_cost + self._above_bounds(mine)
            if of_run.money > most or of_run.images > (limits.max_images or of_run.images):
                self._wrong(f"I2: {of_run} is more than {limits}")
        if budget and budget.day is not None:
            midnight = int(self.clock.now().replace(hour=0, minute=0, second=0).timestamp())
            today = self._sums("1", midnight // 900)
            if today.money > budget.day + self._above_bounds("1", midnight):
                self._wrong(f"I2: {today} is more than the budget {budget}")

    def _wrong(self, what: str) -> None:
        if len(self.broken) < 5:
            self.broken.append(what)

    def _sums(self, which: str, since: int = 0) -> "Sums":
        """Money and images of calls under way, and of those that ended since a quarter of an hour."""
        row = self.ledger._database.db.execute(
            "SELECT ifnull(sum(money), 0), ifnull(sum(images), 0) FROM"
            " (SELECT cost + at_risk AS money, images FROM spent"
            f" WHERE {which} AND quarter >= {since} UNION ALL"
            f" SELECT reserved, asked FROM attempts WHERE ended IS NULL AND {which})"
        ).fetchone()
        return Sums(*row)

    def _above_bounds(self, which: str, since: int = 0) -> int:
        """Say what calls that ended since then cost above their bounds."""
        found = self.ledger._database.db.execute(
            "SELECT ifnull(sum(cost - high), 0) FROM attempts"
            f" WHERE cost > high AND unixepoch(ended) >= {since} AND {which}"
        ).fetchone()
        return int(found[0])

    # ---- runs --------------------------------------------------------------------------------------------------------

    def run(self, scene: Scene) -> Story:
        """Run the jobs of a scene once, to its end."""
        story = virtual_time.run(self._run(scene))
        self.billed_before += story.sky.billed
        self.given += story.sky.given
        self.clock.drift += timedelta(seconds=story.seconds + 60)
        return story

    def plan(self, scene: Scene) -> list[Planned]:
        """Say what the next plain run of a scene's jobs would do."""
        chain = Chain(frozenset(), self.ledger, LocalStore(self.path.parent))
        price, choices = PriceList(scene.provider, scene.settings).cost, replace(scene.choices, at_risk=False)
        return list(Pairing(self.ledger, price, choices, chain, frozenset).plan(scene.jobs))

    def _sky(self, scene: Scene, number: int) -> Sky:
        return Sky(scene.weather, (self.seed, number), self.waiting, self.check, self.accepted)

    def _players(self, scene: Scene, sky: Sky) -> "Players":
        return Players(self, scene, sky, self.run_id)

    async def _run(self, scene: Scene) -> Story:
        number = next(self.numbers)
        self.run_id, self.scene = f"run-{number}", scene
        sky = self.sky = self._sky(scene, number)
        story = await self._players(scene, sky).play()
        self.check()
        return story


@dataclass(frozen=True, slots=True)
class Sums:
    """What the books say at one moment."""

    money: int
    images: int


class SingleThread:
    """An `Offload` as a single thread is one: in order, taking its time, and ending what it began."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._turn = asyncio.Lock()

    def __call__(self, call: Callable[..., T], /, *args: Any) -> Awaitable[T]:
        return asyncio.shield(asyncio.ensure_future(self._do(call, *args)))

    async def _do(self, call: Callable[..., T], *args: Any) -> T:
        async with self._turn:
            await asyncio.sleep(self._chance.choice((0.001, 0.004, 0.05)))
            return call(*args)

    async def rest(self) -> None:
        """Wait until everything that was begun has ended."""
        async with self._turn:
            return


class Players:
    """Everyone who takes part in one run."""

    def __init__(self, world: World, scene: Scene, sky: Sky, run_id: str) -> None:
        self.world, self.scene, self.sky, self.run_id = world, scene, sky, run_id
        self.chance = Random(repr((world.seed, run_id)))
        self.ledger = world.ledger
        self.price_list = PriceList(scene.provider, scene.settings)
        self.stops = StopReasons()
        self.disk = SingleThread(self.chance)
        self.offload: Offload = self.disk if scene.slow_disk else in_place
        self.events: Counter[str] = Counter()
        self.planned: list[Planned] = []
        self.settled_before: Counter[OutcomeKind] = Counter()
        self.outcomes: list[Outcome] = []
        self.aborted = False
        chain = Chain(frozenset(), self.ledger, LocalStore(world.path.parent))
        self.pairing = Pairing(self.ledger, self.price_list.cost, scene.choices, chain, frozenset)

    async def play(self) -> Story:
        loop = asyncio.get_running_loop()
        begin = loop.time()
        self._begin()
        main = asyncio.current_task()
        assert main is not None
        timers = []
        if self.scene.signal_at is not None:
            stop = Stop(StopKind.SIGNAL, "stopped by Ctrl-C")
            timers.append(loop.call_later(self.scene.signal_at, self.stops.add, stop))
        if self.scene.abort_at is not None:
            timers.append(loop.call_later(self.scene.abort_at, main.cancel))
        try:
            async with asyncio.timeout(LONGEST):
                await self._collect()
                async for outcome in self.outcomes_of(self._worker(), self._tasks()):
                    self.outcomes.append(outcome)
        except asyncio.CancelledError:
            self.aborted = True
            main.uncancel()
            await self.disk.rest()
        for timer in timers:
            timer.cancel()
        return self._story(loop.time() - begin)

    async def _collect(self) -> None:
        """Look once at what earlier runs left open."""
        await Collector(self._context()).begin(LeftOpen.in_ledger(self.ledger))

    async def outcomes_of(self, worker: JobRunner, tasks: Iterator[Task]) -> AsyncIterator[Outcome]:
        """Draw, and look beside it at what comes later."""
        async with worker.collector.looking(LeftOpen.in_ledger(self.ledger)):
            async for outcome in run(tasks, worker, self.stops, self.offload):
                yield outcome
            await worker.collector.rest()

    def _begin(self) -> None:
        scene, price_list = self.scene, self.price_list
        self.ledger.runs.begin(RunStart(self.run_id, "sim", scene.provider.name, cap=scene.settings.limits.max_cost))
        wanted = [Wanted(job, *price_list.kind(job.request)[:3], "openai") for job in scene.jobs]
        self.ledger.jobs.remember(wanted)

    def _tasks(self) -> Iterator[Task]:
        for item in self.pairing.plan(self.scene.jobs):
            self.planned.append(item)
            if item.slots:
                yield Task(item.job, item.slots, item.replaces, job_status=item.job_status)
            else:
                self.settled_before[item.job_status] += 1
                self._hold([item])

    def _hold(self, items: Iterable[Planned]) -> set[str]:
        """Write down what may be paid and no later run asks for; the keys of such jobs."""
        late = set()
        for item in items:
            late |= {item.job.key} if item.held else set()
            held = {slot: (SlotState.UNCERTAIN, replace(why, code=ReasonCode.HELD)) for slot, why in item.held}
            self.ledger.images.mark(item.job.key, held)
        return late

    def _worker(self) -> JobRunner:
        return JobRunner(self._context())

    def _context(self) -> RunContext:
        settings, clock = self.scene.settings, self.world.clock
        limiter, breakers = Limiter(settings.limits, clock), Breakers(settings.retry.breaker_probe_seconds, clock)
        lane = Lane(Offer(self.price_list), self.scene.provider, limiter, breakers, self._caps).follow(self.stops)
        return RunContext(
            run_id=self.run_id,
            lanes=(lane,),
            offers=Offers((lane.offer,)),
            settings=settings,
            ledger=self.ledger,
            offload=self.offload,
            executor=self.sky,
            forget=self._forget,
            clock=clock,
            stops=self.stops,
            new_id=lambda: f"{self.run_id}-{self.chance.getrandbits(64):016x}",
            note=self._note,
        )

    async def _forget(self, attempt_id: str) -> None:
        assert self.ledger.attempts.find(attempt_id).state is not AttemptState.DISPATCHED  # type: ignore[union-attr]

    def _caps(self) -> Caps:
        limits, budget = self.scene.settings.limits, self.scene.settings.budget
        return Caps(
            max_cost=limits.max_cost,
            max_images=limits.max_images,
            day=budget.day if budget else None,
            month=budget.month if budget else None,
            images_per_day=limits.images_per_day,
        )

    def _note(self, event: str, /, **_facts: Any) -> None:
        self.events[event] += 1

    def _story(self, seconds: float) -> Story:
        exposure = self.ledger.reservations.exposure(self.run_id)
        refused = self.events["refused"] > 0
        if not self.aborted:
            late = self._hold(self.world.plan(self.scene))
            self.outcomes = [
                replace(one, kind=OutcomeKind.HELD) if one.job.key in late else one for one in self.outcomes
            ]
        kinds = Counter(outcome.kind for outcome in self.outcomes) + self.settled_before
        totals = self.ledger.accounts.totals(self.run_id)
        status = exit_status(
            self.stops.reasons,
            kinds + Counter({OutcomeKind.HELD: totals.images.again}),
            signal=Exit.SIGINT if self.scene.signal_at is not None and self.stops.has(StopKind.SIGNAL) else None,
            refused=refused,
            charged=bool(exposure.spent or exposure.at_risk),
        )
        self.ledger.runs.end(self.run_id, status, "")
        return Story(
            run_id=self.run_id,
            sky=self.sky,
            status=status,
            stops=self.stops.reasons,
            outcomes=tuple(self.outcomes),
            settled_before=self.settled_before,
            planned=tuple(self.planned),
            refused=refused,
            aborted=self.aborted,
            totals=totals,
            seconds=seconds,
            events=self.events,
        )
