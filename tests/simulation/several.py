"""Several providers in one world: each with a weather, prices and limits of its own, and books of all their calls."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from random import Random
from typing import Any

from batchgen import catalog
from batchgen.engine.context import RunContext
from batchgen.engine.lane import Lane
from batchgen.executor.protocol import Came
from batchgen.executor.several import Executors
from batchgen.ledger import RunStart, Wanted
from batchgen.limits import Breakers, Limiter
from batchgen.model import Attempt, Limits, OnUncertain, Pending, Provider, Retry, Settings
from batchgen.money import MicroUSD
from batchgen.pricing import Offer, Offers, PriceList
from tests.simulation.provider import Sky, Weather
from tests.simulation.world import MODEL, OPENAI, Players, Scene, Story, World, job

LIST = catalog.price_of(MODEL, OPENAI, ())
MISCHIEF = ("broken", "silent", "cut_off", "lost", "truncated", "none", "later", "address", "blocked_late", "short")


@dataclass(frozen=True, slots=True)
class Side:
    """One provider. `price` is a multiple of the usual one, `refuses` a quality that it does not take."""

    name: str
    weather: Weather = field(default_factory=Weather)
    limits: Limits = field(default_factory=lambda: Limits(concurrency=4))
    weight: int = 1
    price: int = 1
    refuses: str = ""

    @property
    def dies(self) -> bool:
        """Whether its quota or its key ends."""
        return self.weather.no_quota_from is not None or self.weather.no_key_from is not None

    @property
    def provider(self) -> Provider:
        """The provider as its file would have it."""
        assert LIST is not None
        assert LIST.tokens is not None
        rates = {name: getattr(LIST.tokens, name) * Decimal(self.price) for name in LIST.tokens.__slots__}
        price = replace(LIST, tokens=replace(LIST.tokens, **rates))
        refused = (("quality", (self.refuses,)),) if self.refuses else ()
        return replace(OPENAI, name=self.name, prices=((MODEL, price),), refused_values=refused)


@dataclass(frozen=True, slots=True)
class Several(Scene):
    """A scene with several providers."""

    sides: tuple[Side, ...] = ()

    @property
    def concurrency(self) -> int:
        """Calls at once at all of them together."""
        return sum(side.limits.concurrency for side in self.sides)


@dataclass(frozen=True, slots=True)
class Asked:
    """One call as a provider saw it: from when to when, in seconds, and what came."""

    side: str
    attempt: Attempt
    begin: float
    end: float
    came: Came


class Skies(Sky):
    """All providers of a scene; every call is written down with its time."""

    def __init__(self, world: World, scene: Several, seed: object) -> None:
        super().__init__(Weather(), seed, world.waiting, world.check, world.accepted)
        self.each = {
            side.name: Sky(side.weather, (seed, side.name), world.waiting, world.check, world.accepted)
            for side in scene.sides
        }
        self.asked: list[Asked] = []
        self.out: dict[str, str] = {}
        self._executors = Executors({name: _Watched(name, sky, self.asked) for name, sky in self.each.items()})

    @asynccontextmanager
    async def session(self) -> AsyncIterator[None]:
        """Be there."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._executors.session())
            yield

    async def execute(self, attempts: Sequence[Attempt]) -> Sequence[Came]:
        """Serve attempts, each at its provider."""
        return await self._executors.execute(attempts)

    async def collect(self, open: Sequence[Pending | Attempt]) -> Sequence[Came]:  # noqa: A002 - as in the protocol
        """Tell of what was accepted."""
        return await self._executors.collect(open)

    def gather(self) -> "Skies":
        """Bring the books of all together, when the run is over."""
        for sky in self.each.values():
            self.calls += sky.calls
            self.verdicts += sky.verdicts
            self.given += sky.given
            self.bill += sky.bill
        return self

    @property
    def billed(self) -> int:
        """Micro-dollars billed so far by all."""
        return sum(sky.billed for sky in self.each.values())


@dataclass
class _Watched:
    """A provider whose calls are written down."""

    name: str
    sky: Sky
    asked: list[Asked]
    __hash__ = object.__hash__

    def session(self) -> Any:
        return self.sky.session()

    async def execute(self, attempts: Sequence[Attempt]) -> Sequence[Came]:
        assert all(attempt.provider == self.name for attempt in attempts), "a call goes where it was reserved for"
        begin = asyncio.get_running_loop().time()
        came = await self.sky.execute(attempts)
        end = asyncio.get_running_loop().time()
        self.asked += [Asked(self.name, one, begin, end, what) for one, what in zip(attempts, came, strict=True)]
        return came

    async def collect(self, open: Sequence[Pending | Attempt]) -> Sequence[Came]:  # noqa: A002 - as in the protocol
        return await self.sky.collect(open)

    async def forget(self, attempt_id: str) -> None:
        await self.sky.forget(attempt_id)


class WideWorld(World):
    """An output folder that several providers draw into."""

    def _sky(self, scene: Scene, number: int) -> Sky:
        assert isinstance(scene, Several)
        return Skies(self, scene, (self.seed, number))

    def _players(self, scene: Scene, sky: Sky) -> Players:
        assert isinstance(scene, Several)
        return Crowd(self, scene, sky, self.run_id)


class Crowd(Players):
    """Everyone who takes part in a run with several providers."""

    def __init__(self, world: World, scene: Several, sky: Sky, run_id: str) -> None:
        super().__init__(world, scene, sky, run_id)
        self.sides = scene.sides
        self.offers = Offers(tuple(Offer(_prices(side, scene.settings), side.weight) for side in scene.sides))
        self.pairing = replace(self.pairing, price=self.offers.planned)

    def _begin(self) -> None:
        names = ", ".join(side.name for side in self.sides)
        self.ledger.runs.begin(RunStart(self.run_id, "sim", names, cap=self.scene.settings.limits.max_cost))
        self.ledger.jobs.remember([Wanted(job, *self.offers.kind(job)) for job in self.scene.jobs])

    def _note(self, event: str, /, **facts: Any) -> None:
        super()._note(event, **facts)
        if event == "provider_out":
            assert isinstance(self.sky, Skies)
            self.sky.out[facts["provider"]] = facts["kind"]

    def _context(self) -> RunContext:
        context, clock, settings = super()._context(), self.world.clock, self.scene.settings
        lanes = tuple(
            Lane(
                offer,
                side.provider,
                Limiter(side.limits, clock),
                Breakers(settings.retry.breaker_probe_seconds, clock),
                lambda side=side: replace(self._caps(), images_per_day=side.limits.images_per_day),  # type: ignore[misc]
            ).follow(self.stops)
            for side, offer in zip(self.sides, self.offers, strict=True)
        )
        limits = replace(settings.limits, concurrency=sum(side.limits.concurrency for side in self.sides))
        return replace(context, lanes=lanes, offers=self.offers, settings=replace(settings, limits=limits))


def _prices(side: Side, settings: Settings) -> PriceList:
    limits = replace(settings.limits, **{name: getattr(side.limits, name) for name in ("concurrency",)})
    return PriceList(side.provider, replace(settings, limits=limits))


def any_several(seed: int, count: int, *, mischief: bool) -> Several:
    """Draw providers by a seed: some die, some refuse; with `mischief`, answers fail in ways that may be paid."""
    chance = Random(repr((seed, count, mischief)))
    jobs = tuple(
        job(f"j{number}", chance.choice((1, 1, 2)), quality=chance.choice(("low", "medium")))
        for number in range(chance.randint(4, 30))
    )
    sides = tuple(_side(chance, f"p{number}", jobs, mischief=mischief) for number in range(count))
    cap = MicroUSD(chance.choice((20_000, 200_000))) if chance.random() < 0.3 else None
    return Several(
        jobs,
        settings=Settings(
            "sim",
            limits=Limits(max_cost=cap),
            retry=Retry(base_seconds=0.5, cap_seconds=5, deadline_seconds=200.0),
            on_uncertain=chance.choice(tuple(OnUncertain)),
        ),
        sides=sides,
        slow_disk=chance.random() < 0.3,
    )


def _side(chance: Random, name: str, jobs: tuple[Any, ...], *, mischief: bool) -> Side:
    weights = {"whole": 10.0, "limited": chance.choice((0, 1)), "unconnected": chance.choice((0, 0.3))}
    if mischief:
        weights |= {one: chance.choice((0, 0.4)) for one in MISCHIEF}
    dies = chance.random() < 0.4
    weather = Weather(
        weights={one: weight for one, weight in weights.items() if weight},
        seconds=(1.0, chance.choice((3.0, 30.0))),
        no_quota_from=chance.randint(1, 12) if dies and chance.random() < 0.5 else None,
        no_key_from=chance.randint(1, 12) if dies else None,
        quota_form=chance.randrange(3),
        doomed=frozenset(one.id for one in jobs if chance.random() < chance.choice((0, 0, 0.3))),
    )
    limits = Limits(
        images_per_minute=chance.choice((None, 5, 20, 60)),
        concurrency=chance.choice((1, 3, 8)),
        images_per_day=chance.choice((None, None, 3)),
    )
    return Side(
        name,
        weather,
        limits,
        weight=chance.choice((1, 1, 2, 0)),
        price=chance.choice((1, 1, 2)),
        refuses=chance.choice(("", "", "medium")),
    )


def by_slot(sky: Skies) -> Mapping[tuple[str, int], list[Asked]]:
    """Return the calls for each image, in the order in which they began."""
    found = defaultdict[tuple[str, int], list[Asked]](list)
    for one in sorted(sky.asked, key=lambda one: one.begin):
        for slot in one.attempt.slots:
            found[one.attempt.job_key, slot].append(one)
    return found


def skies_of(story: Story) -> Skies:
    """Return the providers of a run, with their books brought together."""
    assert isinstance(story.sky, Skies)
    return story.sky
