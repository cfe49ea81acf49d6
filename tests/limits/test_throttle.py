"""What rate-limit answers do to the speed, and how it comes back."""

import asyncio
from collections.abc import Callable
from itertools import pairwise

import pytest

from batchgen.limits import Limiter
from batchgen.limits.limiter import LONGEST_PAUSE
from batchgen.limits.sliding_window import COOL_DOWN
from tests import virtual_time
from tests.limits.simulation import Bucket, Crowd, Fixed, Policy, Sliding, limits, simulate, starts

pytestmark = pytest.mark.sample(8)

CONFIGURED = 600
TRUE = 300


@pytest.mark.parametrize("tells", [True, False], ids=["with Retry-After", "without"])
@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize(
    "policy",
    [
        pytest.param(lambda: Sliding(TRUE), id="sliding"),
        pytest.param(lambda: Sliding(TRUE, strict=True), id="sliding, refused calls count"),
        pytest.param(lambda: Bucket(TRUE, TRUE), id="bucket of a minute"),
        pytest.param(lambda: Bucket(TRUE, 10), id="bucket of two seconds"),
        pytest.param(lambda: Fixed(TRUE), id="fixed minutes"),
    ],
)
def test_a_provider_at_half_the_configured_rate_is_used_well(
    policy: Callable[[], Policy], n: int, *, tells: bool
) -> None:
    """After two minutes at least 85 % of the true limit is used, and at most a tenth of all calls is refused."""
    crowd = Crowd(limits(images_per_minute=CONFIGURED), (n,), seconds=480, tells=tells)
    log = simulate(crowd, policy())
    assert log.units(120, 360) >= 0.85 * 6 * TRUE
    assert len(log.refused) <= 0.1 * (len(log.taken) + len(log.refused))


def test_a_refusal_pauses_the_whole_lane() -> None:
    """Nobody starts before the time that the provider asked for, whoever was refused."""

    async def main() -> None:
        limiter = Limiter(limits(images_per_minute=CONFIGURED), virtual_time.VirtualClock())
        first = await limiter.pace()
        limiter.throttled(12.0, first)
        times = [start.at for start in await starts(limiter, (1,), (4,))]
        assert min(times) == pytest.approx(12, abs=0.1)

    virtual_time.run(main())


def test_one_generation_of_calls_cuts_once() -> None:
    """Refusals of calls that started before the last cut do not cut again; one that started after it does."""

    async def main() -> None:
        limiter = Limiter(limits(images_per_minute=CONFIGURED), virtual_time.VirtualClock())
        old = await starts(limiter, *[(1,)] * 10)
        for start in old:
            limiter.throttled(1.0, start)
        once = limiter.share
        assert once < 1
        await asyncio.sleep(COOL_DOWN)
        limiter.throttled(1.0, old[0])
        assert limiter.share == pytest.approx(once, abs=0.01)
        limiter.throttled(1.0, await limiter.pace())
        assert limiter.share < 0.95 * once

    virtual_time.run(main())


def test_retry_after_does_not_put_off_the_recovery() -> None:
    """However often and long a provider asks to wait, speed grows again after the cool-down of the cut."""

    async def main() -> None:
        limiter = Limiter(limits(images_per_minute=CONFIGURED), virtual_time.VirtualClock())
        old = await starts(limiter, *[(1,)] * 20)
        limiter.throttled(2.0, old[0])
        cut = limiter.share
        for start in old[1:]:
            await asyncio.sleep(1)
            limiter.throttled(60.0, start)
        await asyncio.sleep(30)
        assert limiter.share > cut
        await asyncio.sleep(300)
        assert limiter.share == 1

    virtual_time.run(main())


def test_a_speed_can_be_held() -> None:
    """A provider that asks for patience gets the lower speed for as long as it is due."""

    async def main() -> None:
        limiter = Limiter(limits(images_per_minute=CONFIGURED), virtual_time.VirtualClock())
        limiter.throttled(1.0, await limiter.pace(), hold=900.0)
        cut = limiter.share
        await asyncio.sleep(899)
        assert limiter.share == cut
        await asyncio.sleep(310)
        assert limiter.share == 1

    virtual_time.run(main())


@pytest.mark.parametrize(
    ("asked", "pause"),
    [
        (None, 1.0),
        (0.0, 1.0),
        (-5.0, 1.0),
        (float("nan"), 1.0),
        (float("inf"), 1.0),
        (float("-inf"), 1.0),
        (0.534, 0.534),
        (12.0, 12.0),
        (300.0, 300.0),
        (3600.0, LONGEST_PAUSE),
        (1e30, LONGEST_PAUSE),
    ],
)
def test_the_pause_is_sane_whatever_is_asked(asked: float | None, pause: float) -> None:
    """Nonsense counts as nothing, and nobody waits longer than five minutes before looking again."""

    async def main() -> None:
        limiter = Limiter(limits(), virtual_time.VirtualClock())
        limiter.throttled(asked, await limiter.pace())
        assert (await limiter.pace()).at == pytest.approx(pause, abs=0.01)

    virtual_time.run(main())


def test_pauses_grow_while_they_are_too_short() -> None:
    """A provider that refuses everything is asked ever more rarely, at least once a minute."""

    async def main() -> list[float]:
        limiter = Limiter(limits(images_per_minute=CONFIGURED), virtual_time.VirtualClock())
        times = []
        for _ in range(12):
            start = await limiter.pace()
            times.append(start.at)
            await asyncio.sleep(0.02)
            limiter.throttled(0.5, start)
        return times

    times = virtual_time.run(main())
    gaps = [round(later - earlier, 3) for earlier, later in pairwise(times)]
    assert gaps[0] < 1
    assert gaps == sorted(gaps)
    assert gaps[-1] == pytest.approx(60, abs=1)


def test_without_rates_fewer_calls_run_side_by_side() -> None:
    """With no rate to lower, refusals lower the number of parallel calls, down to one, and answers let it grow back."""

    async def main() -> None:
        limiter = Limiter(limits(concurrency=16), virtual_time.VirtualClock())
        for _ in range(20):
            limiter.throttled(1.0, await limiter.pace())
            await asyncio.sleep(COOL_DOWN)
        assert limiter.concurrency == 1
        for _ in range(16 * 17 // 2):
            limiter.answered(await limiter.pace())
        assert limiter.concurrency == 16

    virtual_time.run(main())


def test_refusals_of_unnamed_calls_count_once_for_each_pause() -> None:
    """A caller that does not say which call was refused cuts once while the lane is paused."""

    async def main() -> None:
        limiter = Limiter(limits(images_per_minute=CONFIGURED), virtual_time.VirtualClock())
        await starts(limiter, *[(1,)] * 10)
        limiter.throttled(20.0)
        once = limiter.share
        await asyncio.sleep(16)
        limiter.throttled(20.0)
        assert limiter.share == pytest.approx(once, abs=0.01)

    virtual_time.run(main())


@pytest.mark.parametrize(
    ("headers", "pause"),
    [
        ({}, 0.1),
        ({"x-ratelimit-limit-images": "300"}, 0.2),
        ({"X-RateLimit-Limit-Images": " 300 "}, 0.2),
        ({"x-ratelimit-limit-images": "1"}, 60),
        ({"x-ratelimit-limit-images": "6000"}, 0.1),
        ({"x-ratelimit-limit-images": "999999999999"}, 0.1),
        *(({"x-ratelimit-limit-images": odd}, 0.1) for odd in ("0", "-1", "", "5.5", "1e3", "NaN", "inf", "٣", "many")),
        ({"x-ratelimit-limit-images": "9" * 5000}, 0.1),
        ({"x-ratelimit-limit-requests": "1"}, 0.1),
        ({"x-ratelimit-limit-input-images": "1"}, 0.1),
        ({"x-ratelimit-limit-project-tokens": "1"}, 0.1),
        *(({"x-ratelimit-remaining-images": rest}, 0.1) for rest in ("0", "-3", "600", "none")),
        *(
            ({"x-ratelimit-remaining-images": "0", "x-ratelimit-reset-images": reset}, 0.1)
            for reset in ("6m0s", "12ms", "58.891s", "1h", "1793491200", "-1s", "0", "soon")
        ),
        ({"retry-after": "60"}, 0.1),
    ],
)
def test_headers_only_ever_slow_down(headers: dict[str, str], pause: float) -> None:
    """A lower limit in a header is heeded, a higher or senseless one is not, and no header stalls for over a minute."""

    async def main() -> None:
        limiter = Limiter(limits(images_per_minute=CONFIGURED), virtual_time.VirtualClock())
        limiter.observe(headers.items())
        first, second = await starts(limiter, (1,), (1,))
        assert second.at - first.at == pytest.approx(pause, rel=0.05)

    virtual_time.run(main())
