"""The pace of starts: strict over every sliding minute, even, and fair to heavy calls."""

import asyncio
from collections.abc import Callable

import pytest

from batchgen.limits import Limiter
from batchgen.limits.sliding_window import GUARD, WINDOW
from batchgen.model import Limits
from tests import virtual_time
from tests.limits.simulation import Bucket, Crowd, Fixed, Policy, Sliding, limits, simulate, starts

pytestmark = pytest.mark.sample(6)

L = 600
MIXED = tuple(range(1, 11))


@pytest.mark.parametrize(("sizes", "least", "typical"), [((1,), 0.99, 0.995), ((4,), 0.99, 0.995), (MIXED, 0.96, 0.98)])
def test_every_window_is_used_and_none_overrun(sizes: tuple[int, ...], least: float, typical: float) -> None:
    """From a cold start a strict sliding window refuses nothing and is used to the full, whatever the weights.

    Where weights differ, a window may begin just after a call for ten and end just before one.
    """
    log = simulate(Crowd(limits(images_per_minute=L), sizes), Sliding(L))
    windows = log.windows(180)
    assert log.refused == []
    assert min(windows) >= least * L
    assert sum(windows) / len(windows) >= typical * L
    assert log.units(0) >= 0.98 * L


@pytest.mark.sample(3)
@pytest.mark.parametrize(
    "policy",
    [
        pytest.param(lambda: Sliding(L, strict=True), id="sliding, refused calls count"),
        pytest.param(lambda: Bucket(L, L), id="bucket of a minute"),
        pytest.param(lambda: Bucket(L, 10), id="bucket of a second"),
        pytest.param(lambda: Fixed(L), id="fixed minutes"),
    ],
)
@pytest.mark.parametrize("n", [1, 4])
def test_other_ways_of_counting_refuse_nothing_either(policy: Callable[[], Policy], n: int) -> None:
    """The pace is even enough for providers that count each second, fixed minutes or refused calls as well."""
    assert simulate(Crowd(limits(images_per_minute=L), (n,), seconds=130), policy()).refused == []


def test_a_stalling_loop_causes_no_refusal() -> None:
    """After half a second in which nothing could run there is no burst that overruns the window."""
    log = simulate(Crowd(limits(images_per_minute=L), (1,), stall=(5, 0.5)), Sliding(L))
    assert log.refused == []
    assert min(log.windows(180)) >= 0.97 * L


def test_ten_wait_no_longer_than_one() -> None:
    """A call for ten images waits as long as a call for one."""
    log = simulate(Crowd(limits(images_per_minute=L), MIXED, seconds=400), Sliding(L))
    assert log.wait(10) <= 1.05 * log.wait(1)
    assert log.wait(10, 0.5) <= 1.05 * log.wait(1, 0.5)


def test_calls_start_in_order_of_arrival() -> None:
    """Light calls do not overtake heavy ones."""

    async def main() -> None:
        limiter = Limiter(Limits(images_per_minute=60), virtual_time.VirtualClock())
        times = [start.at for start in await starts(limiter, (10,), (1,), (10,), (1,), (1,))]
        assert times == sorted(times)
        assert times == pytest.approx([0, 10, 11, 21, 22], abs=0.01)

    virtual_time.run(main())


def test_a_call_heavier_than_the_limit_goes_by_itself() -> None:
    """Ten images with a limit of five a minute start when the window is empty, and the next call when it is again."""

    async def main() -> None:
        limiter = Limiter(Limits(images_per_minute=5), virtual_time.VirtualClock())
        times = [start.at for start in await starts(limiter, (1,), (10,), (1,), (10,))]
        assert times[1] >= WINDOW + GUARD
        assert times[1] + WINDOW + GUARD <= times[2] <= times[1] + 2 * WINDOW
        assert times[3] >= times[2] + WINDOW + GUARD

    virtual_time.run(main())


def test_every_kind_of_unit_has_its_own_limit() -> None:
    """Requests, images, reference images and tokens each slow down the calls that use them, and only those."""

    async def rate(calls: int, *weights: int, **configured: int) -> float:
        limiter = Limiter(limits(**configured), virtual_time.VirtualClock())
        begin = asyncio.get_running_loop().time()
        await starts(limiter, *((weights,) * calls))
        return asyncio.get_running_loop().time() - begin

    async def main() -> None:
        assert await rate(31, 4, 0, 100, requests_per_minute=60) == pytest.approx(30, abs=0.1)
        assert await rate(31, 4, 0, 100, images_per_minute=240) == pytest.approx(30, abs=0.1)
        assert await rate(31, 4, 3, 100, input_images_per_minute=180) == pytest.approx(30, abs=0.1)
        assert await rate(31, 4, 0, 100, tokens_per_minute=6000) == pytest.approx(30, abs=0.1)
        assert await rate(31, 4, 0, 100, input_images_per_minute=1) == pytest.approx(0, abs=0.1)
        assert await rate(31, 4, 1, 100, images_per_minute=2400, requests_per_minute=60) == pytest.approx(30, abs=0.1)

    virtual_time.run(main())


def test_idle_time_is_not_saved_up() -> None:
    """After an idle hour, as after a suspended one, no more starts at once than half a second of the rate."""

    async def main() -> None:
        limiter = Limiter(limits(images_per_minute=L), virtual_time.VirtualClock())
        await limiter.pace()
        virtual_time.stall(3600)
        begin = asyncio.get_running_loop().time()
        times = [start.at for start in await starts(limiter, *[(1,)] * 100)]
        assert sum(at < begin + 0.05 for at in times) <= 5
        assert times[-1] - begin == pytest.approx(9.5, abs=0.2)

    virtual_time.run(main())


def test_steps_of_the_wall_clock_change_nothing() -> None:
    """The pace goes by the monotonic clock, whatever an administrator or the season does to the other one."""

    async def main() -> None:
        clock = virtual_time.VirtualClock()
        limiter = Limiter(limits(images_per_minute=60), clock)
        day = 24 * (virtual_time.EPOCH.replace(hour=1) - virtual_time.EPOCH)
        for step in (day, -2 * day, day / 24, -day / 24):
            clock.drift += step
            begin = clock.monotonic()
            await limiter.pace()
            await limiter.pace()
            assert clock.monotonic() - begin <= 2.1
        assert clock.monotonic() >= 6.9

    virtual_time.run(main())


def test_cancelled_calls_leave_the_queue() -> None:
    """Calls cancelled at the head or in the middle of the queue cost the others nothing."""

    async def main() -> None:
        limiter = Limiter(limits(images_per_minute=60), virtual_time.VirtualClock())
        calls = [asyncio.create_task(_start(limiter)) for _ in range(5)]
        await asyncio.sleep(0.5)
        for cancelled in (1, 3):
            calls[cancelled].cancel()
        ends = await asyncio.gather(*calls, return_exceptions=True)
        assert [end for end in ends if isinstance(end, float)] == pytest.approx([0, 1, 2], abs=0.01)

    virtual_time.run(main())


def test_the_window_counts_from_when_a_call_really_left() -> None:
    """What happens between permit and hand-over is told with `sent`, and moves the call in its window."""

    async def main() -> None:
        clock = virtual_time.VirtualClock()
        limiter = Limiter(limits(images_per_minute=1), clock)
        start = await limiter.pace()
        await clock.sleep(20)
        limiter.sent(start)
        await limiter.pace()
        assert clock.monotonic() == pytest.approx(20 + WINDOW + GUARD, abs=0.01)

    virtual_time.run(main())


async def _start(limiter: Limiter) -> float:
    return (await limiter.pace()).at


@pytest.mark.parametrize(("limit", "shards"), [(5, 8), (50, 8), (180, 4)])
def test_a_share_of_a_rate_is_kept_to_its_fraction(limit: int, shards: int) -> None:
    """Over ten minutes one of several machines starts its part of all calls, and never more in any minute."""
    share = Limits(images_per_minute=limit, shards=shards)
    log = simulate(Crowd(share, (1,), seconds=660), Sliding(limit))
    part = limit / shards
    assert max(log.windows(600)) <= max(1, part)
    assert log.units(0, 600) <= 10 * part + 1
    assert log.units(0, 600) >= 0.9 * 10 * (int(part) or part) - 1
