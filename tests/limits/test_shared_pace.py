"""Several processes with one key and one ledger keep one pace, in virtual time over connections of their own."""

import asyncio
import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from batchgen.ledger import Ledger
from batchgen.limits import Limiter, SharedPace
from batchgen.model import Limits
from tests import virtual_time
from tests.limits.simulation import Fixed, Log, Policy, Sliding
from tests.offloading import in_place

FOUR = 4
ACCOUNT = "one key"


@dataclass
class Office:
    """A ledger, in which each process has a connection of its own."""

    path: Path
    clock: virtual_time.VirtualClock = field(default_factory=virtual_time.VirtualClock)
    stack: ExitStack = field(default_factory=ExitStack)

    def process(self, limits: Limits, account: str = ACCOUNT) -> Limiter:
        """Return the limiter of one more process."""
        ledger = self.stack.enter_context(Ledger.open(self.path, str(id(object())), clock=self.clock))
        ledger._database.db.execute("PRAGMA synchronous = OFF")
        permits = ledger.permits
        pace = SharedPace(partial(in_place, permits.book, account), partial(in_place, permits.move, account))
        return Limiter(limits, self.clock, shared=pace)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """Return a ledger that several processes share."""
    office = Office(tmp_path / "ledger.db")
    with office.stack:
        yield office


@dataclass(frozen=True)
class Work:
    """Callers of one process, from `begin` to `end`; `delay` is how long a call is held up before it leaves."""

    limits: Limits
    sizes: Sequence[int] = (1,)
    begin: float = 0.0
    end: float = 250.0
    delay: tuple[float, float] = (0.0, 0.02)
    pauses: float = 0.0


async def work(office: Office, one: Work, policy: Policy, log: Log, seed: int) -> None:
    """Keep a process busy, as a run does it."""
    chance, loop = random.Random(seed), asyncio.get_running_loop()
    await asyncio.sleep(one.begin)
    limiter = office.process(one.limits)

    async def call(n: int) -> None:
        async with limiter.slot():
            start = await limiter.pace(n)
            await asyncio.sleep(chance.uniform(*one.delay))
            if limiter.is_late(start):
                await limiter.put_off(start)
            limiter.sent(start)
            await asyncio.sleep(chance.uniform(0.01, 0.05))
            refused = policy.ask(loop.time(), n)
            if refused is not None:
                log.refused.append(loop.time())
                limiter.throttled(refused, start)
                return
            log.taken.append((loop.time(), n))
            await asyncio.sleep(chance.uniform(3, 15))
            limiter.answered(start)

    async def caller() -> None:
        while loop.time() < one.end:
            await call(chance.choice(one.sizes))
            await asyncio.sleep(chance.uniform(0, one.pauses))

    callers = [asyncio.ensure_future(caller()) for _ in range(one.limits.concurrency)]
    await asyncio.sleep(max(0.0, one.end - loop.time()))
    for task in callers:
        task.cancel()


def simulate(office: Office, works: Sequence[Work], policy: Policy, seed: int = 0) -> Log:
    """Let processes work side by side at one provider."""

    async def main() -> Log:
        log = Log()
        await asyncio.gather(*(work(office, one, policy, log, seed * 100 + at) for at, one in enumerate(works)))
        log.taken.sort()
        return log

    return virtual_time.run(main())


def limits(rate: int, concurrency: int = 40) -> Limits:
    """Return the limit that each process states."""
    return Limits(images_per_minute=rate, concurrency=concurrency)


@pytest.mark.parametrize(("rate", "sizes"), [(20, (1,)), (120, (1,)), (240, (1, 4))])
def test_four_processes_use_one_limit_and_never_more(office: Office, rate: int, sizes: tuple[int, ...]) -> None:
    """No refusal, and at least 97 % of what the provider allows from the first minute to the last."""
    log = simulate(office, [Work(limits(rate), sizes)] * FOUR, Sliding(rate))
    assert log.refused == []
    assert log.units(0, 240) >= 0.97 * 4 * rate


def test_fixed_minutes_are_kept_as_well(office: Office) -> None:
    """The common pace is as even as that of one process."""
    log = simulate(office, [Work(limits(120))] * FOUR, Fixed(120))
    assert log.refused == []


def test_one_that_ends_or_begins_leaves_no_gap(office: Office) -> None:
    """Who comes later, is killed, or has little to do changes nothing of the sum."""
    works = [
        Work(limits(120)),
        Work(limits(120), begin=50),
        Work(limits(120), end=100),
        Work(limits(120, concurrency=1), pauses=20),
    ]
    log = simulate(office, works, Sliding(120))
    assert log.refused == []
    assert log.units(0, 240) >= 0.97 * 4 * 120


@pytest.mark.parametrize("seed", range(3))
def test_calls_that_are_held_up_cause_no_refusal(office: Office, seed: int) -> None:
    """Up to two seconds between the permit and the call: the others learn of it before they go on."""
    log = simulate(office, [Work(limits(120), delay=(0, 2))] * FOUR, Sliding(120), seed)
    assert log.refused == []
    assert log.units(0, 240) >= 0.8 * 4 * 120


def test_who_has_less_work_waits_no_longer(office: Office) -> None:
    """A process with one call at a time gets its turn between those of a crowd."""

    async def main() -> float:
        crowd, single = office.process(limits(60)), office.process(limits(60))
        loop = asyncio.get_running_loop()
        tasks = [asyncio.ensure_future(crowd.pace()) for _ in range(60)]
        await asyncio.sleep(5.5)
        begin = loop.time()
        await single.pace()
        waited = loop.time() - begin
        for task in tasks:
            task.cancel()
        return waited

    assert virtual_time.run(main()) <= 2.1


def test_another_key_has_a_pace_of_its_own(office: Office) -> None:
    """Limits are a key's."""

    async def main() -> float:
        one, other = office.process(limits(60)), office.process(limits(60), "another key")
        await asyncio.gather(*(limiter.pace() for limiter in (one, other) for _ in range(11)))
        return asyncio.get_running_loop().time()

    assert virtual_time.run(main()) == pytest.approx(10, abs=0.1)


def test_a_restart_goes_on_where_the_last_run_was_killed(office: Office) -> None:
    """What a run used before it died still counts: the next one begins behind it, and not a minute later."""
    log = simulate(office, [Work(limits(120), end=60), Work(limits(120), begin=60)], Sliding(120))
    assert log.refused == []
    assert log.units(0, 240) >= 0.97 * 4 * 120


def test_bookings_of_another_boot_keep_nobody_waiting(office: Office) -> None:
    """The clock of the machine begins anew: what was booked by the old one is forgotten."""

    async def before() -> None:
        await asyncio.sleep(100_000)
        await asyncio.gather(*(office.process(limits(5)).pace() for _ in range(3)))

    async def after() -> float:
        await office.process(limits(5)).pace()
        return asyncio.get_running_loop().time()

    virtual_time.run(before())
    office.clock.drift += timedelta(seconds=100_000)
    assert virtual_time.run(after()) <= 1


def test_a_call_heavier_than_the_limit_starts_by_itself(office: Office) -> None:
    """It waits until everything of the others has left the window."""

    async def main() -> tuple[float, float]:
        one, other = office.process(limits(5)), office.process(limits(5))
        await one.pace()
        heavy = await other.pace(10)
        after = await one.pace()
        return heavy.at, after.at

    heavy, after = virtual_time.run(main())
    assert heavy >= 60
    assert after >= heavy + 60
