"""Providers that count, and a crowd of callers that keeps a limiter busy, all in virtual time."""

import asyncio
import math
import random
from bisect import bisect_left
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Protocol

from batchgen.limits import Limiter, Start
from batchgen.model import Limits
from tests import virtual_time


class Policy(Protocol):
    """How a provider enforces its limit."""

    def ask(self, now: float, n: int) -> float | None:
        """None when a call for `n` images is taken, else the seconds after which it might be."""


class Sliding:
    """At most `limit` units in any sixty seconds; `strict` counts refused calls too."""

    def __init__(self, limit: int, *, strict: bool = False) -> None:
        self.limit, self.strict = limit, strict
        self.log: deque[tuple[float, int]] = deque()

    def ask(self, now: float, n: int) -> float | None:
        while self.log and self.log[0][0] <= now - 60:
            self.log.popleft()
        used = sum(weight for _, weight in self.log)
        if used + n <= self.limit:
            self.log.append((now, n))
            return None
        left = list(accumulate((weight for _, weight in self.log), lambda rest, weight: rest - weight, initial=used))
        wait = next(
            (at + 60 - now for (at, _), rest in zip(self.log, left[1:], strict=True) if rest + n <= self.limit), 1
        )
        if self.strict:
            self.log.append((now, n))
        return wait


class Bucket:
    """A token bucket: `limit` units a minute, at most `room` at once."""

    def __init__(self, limit: int, room: float) -> None:
        self.rate, self.room, self.level, self.at = limit / 60, room, room, 0.0

    def ask(self, now: float, n: int) -> float | None:
        self.level = min(self.room, self.level + (now - self.at) * self.rate)
        self.at = now
        if self.level < n:
            return (n - self.level) / self.rate
        self.level -= n
        return None


class Fixed:
    """At most `limit` units in each minute of the provider's clock."""

    def __init__(self, limit: int) -> None:
        self.limit, self.minute, self.used = limit, -1, 0

    def ask(self, now: float, n: int) -> float | None:
        minute = int((now + 17) // 60)
        self.minute, self.used = (minute, self.used) if minute == self.minute else (minute, 0)
        if self.used + n > self.limit:
            return (minute + 1) * 60 - 17 - now
        self.used += n
        return None


@dataclass(frozen=True)
class Crowd:
    """Callers who ask for `sizes` images at random, as many at once as there are slots, for so many seconds."""

    limits: Limits
    sizes: Sequence[int] = (1,)
    seconds: float = 185.0
    way: tuple[float, float] = (0.01, 0.05)
    drawing: tuple[float, float] = (3.0, 15.0)
    tells: bool = True
    stall: tuple[float, float] | None = None


@dataclass
class Log:
    """What happened: calls taken and refused with their time and weight, and how long calls waited for their start."""

    taken: list[tuple[float, int]] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    waits: dict[int, list[float]] = field(default_factory=dict)

    def units(self, begin: float, seconds: float = 60) -> int:
        """Units taken in a window."""
        times = [at for at, _ in self.taken]
        return sum(n for _, n in self.taken[bisect_left(times, begin) : bisect_left(times, begin + seconds)])

    def windows(self, until: float) -> list[int]:
        """Units taken in every window of a minute from the cold start on, a quarter of a second apart."""
        return [self.units(step / 4) for step in range(int((until - 60) * 4))]

    def wait(self, n: int, part: float = 0.99) -> float:
        """Return the wait that so large a part of the calls for n images did not exceed."""
        waits = sorted(self.waits[n])
        return waits[math.ceil(part * len(waits)) - 1]


def simulate(crowd: Crowd, policy: Policy, seed: int = 0) -> Log:
    """Let the crowd call a provider through a limiter of its own."""
    return virtual_time.run(_simulate(crowd, policy, random.Random(seed)))


async def _simulate(crowd: Crowd, policy: Policy, chance: random.Random) -> Log:
    log, loop = Log(), asyncio.get_running_loop()
    limiter = Limiter(crowd.limits, virtual_time.VirtualClock())

    async def call(n: int) -> bool:
        async with limiter.slot():
            begin = loop.time()
            start = await limiter.pace(n)
            log.waits.setdefault(n, []).append(loop.time() - begin)
            await asyncio.sleep(chance.uniform(*crowd.way))
            refused = policy.ask(loop.time(), n)
            if refused is None:
                log.taken.append((loop.time(), n))
                await asyncio.sleep(chance.uniform(*crowd.drawing))
                limiter.answered(start)
            else:
                log.refused.append(loop.time())
                await asyncio.sleep(chance.uniform(*crowd.way))
                limiter.throttled(refused if crowd.tells else None, start)
            return refused is None

    async def caller() -> None:
        while loop.time() < crowd.seconds:
            n = chance.choice(crowd.sizes)
            while not await call(n):
                pass

    stalls = asyncio.ensure_future(_stall(*crowd.stall)) if crowd.stall else None
    callers = [asyncio.ensure_future(caller()) for _ in range(crowd.limits.concurrency)]
    await asyncio.sleep(crowd.seconds)
    for task in (*callers, *([stalls] if stalls else [])):
        task.cancel()
    return log


async def _stall(every: float, seconds: float) -> None:
    while True:
        await asyncio.sleep(every)
        virtual_time.stall(seconds)


class Chance:
    """Refuses this part of the calls at random, for so many seconds."""

    def __init__(self, part: float, wait: float, seed: int) -> None:
        self.part, self.wait, self.chance = part, wait, random.Random(seed)

    def ask(self, now: float, n: int) -> float | None:
        return self.wait if self.chance.random() < self.part else None


@dataclass(frozen=True)
class Batch:
    """So many calls for one image each, at most so many at once; `tells` says whether a refusal names its wait.

    `refusing` is how long a refusal takes, as through a gateway that asks again itself.
    """

    calls: int
    concurrency: int
    drawing: tuple[float, float]
    tells: bool = True
    rate: int | None = None
    refusing: tuple[float, float] = (0.0, 0.0)


@dataclass
class Result:
    """What became of a batch: its seconds, refusals, and what was told and is known of limits in the end."""

    seconds: float = 0.0
    refused: int = 0
    told: list[int] = field(default_factory=list)
    learned: Mapping[str, int] = field(default_factory=dict)


def work_off(batch: Batch, policy: Policy, seed: int, known: Mapping[str, int] | None = None) -> Result:
    """Make all calls of a batch through a limiter, each until it is taken."""
    return virtual_time.run(_work_off(batch, policy, random.Random(seed), known or {}))


async def _work_off(batch: Batch, policy: Policy, chance: random.Random, known: Mapping[str, int]) -> Result:
    result, loop = Result(), asyncio.get_running_loop()
    allowed = Limits(concurrency=batch.concurrency, images_per_minute=batch.rate)
    limiter = Limiter(allowed, virtual_time.VirtualClock(), known, lambda _model, limit: result.told.append(limit))

    async def call() -> float | None:
        async with limiter.slot():
            start = await limiter.pace()
            await asyncio.sleep(chance.uniform(0.005, 0.02))
            wait = policy.ask(loop.time(), 1)
            if wait is None:
                await asyncio.sleep(chance.uniform(*batch.drawing))
                limiter.answered(start)
            else:
                result.refused += 1
                await asyncio.sleep(chance.uniform(*batch.refusing))
                limiter.throttled(wait if batch.tells else None, start)
            return wait

    async def caller() -> None:
        if (wait := await call()) is not None:
            await asyncio.sleep(wait if batch.tells else chance.uniform(0, 1))
            await caller()

    await asyncio.gather(*(caller() for _ in range(batch.calls)))
    result.seconds = loop.time()
    result.learned = {model: limit for model, limit in limiter.learned.items() if limit}
    return result


def script(batch: Batch, policy: Policy, seed: int) -> float:
    """Return the seconds of a plain script, in which a refused call waits in its place and the others do not."""
    return virtual_time.run(_script(batch, policy, random.Random(seed)))


async def _script(batch: Batch, policy: Policy, chance: random.Random) -> float:
    places, loop = asyncio.Semaphore(batch.concurrency), asyncio.get_running_loop()

    async def call() -> None:
        async with places:
            await asyncio.sleep(chance.uniform(0.005, 0.02))
            for wait in iter(lambda: policy.ask(loop.time(), 1), None):
                await asyncio.sleep(wait + chance.uniform(0.005, 0.02))
            await asyncio.sleep(chance.uniform(*batch.drawing))

    await asyncio.gather(*(call() for _ in range(batch.calls)))
    return loop.time()


def limits(**changes: int | None) -> Limits:
    """No limit but room for 256 calls at once, and these."""
    return replace(Limits(concurrency=256), **changes)  # type: ignore[arg-type]


async def starts(limiter: Limiter, *calls: tuple[int, ...]) -> list[Start]:
    """Ask for all these calls in order and at once; their starts when all were let go."""
    weights = [(*call, 0, 0)[:3] for call in calls]
    return await asyncio.gather(*(limiter.pace(n, inputs, tokens) for n, inputs, tokens in weights))
