"""Refusals by chance: they cost the refused calls their wait, and hardly more."""

import asyncio
from statistics import median

import pytest

from batchgen.limits import Limiter
from tests import virtual_time
from tests.limits.simulation import Batch, Chance, limits, script, starts, work_off

pytestmark = pytest.mark.sample(3)

SECOND = (0.9, 1.3)
TEN_SECONDS = (8.0, 15.0)
AT_ONCE = (0.15, 0.25)

SEEDS = [pytest.param(16, id="16 seeds"), pytest.param(1000, id="1000 seeds", marks=pytest.mark.slow)]


def tenth(seed: int) -> Chance:
    """Return a random tenth refused for a second."""
    return Chance(0.1, 1.0, seed)


def never(seed: int) -> Chance:
    """Return a provider that takes everything."""
    return Chance(0.0, 1.0, seed)


@pytest.mark.sample(1)
@pytest.mark.parametrize("seeds", SEEDS)
@pytest.mark.parametrize(
    ("concurrency", "calls", "drawing"),
    [
        (4, 100, SECOND),
        (4, 100, TEN_SECONDS),
        (16, 100, SECOND),
        (16, 100, TEN_SECONDS),
        (64, 300, SECOND),
        (64, 200, TEN_SECONDS),
    ],
)
def test_a_random_tenth_refused_costs_a_third_of_the_time_at_most(
    concurrency: int, calls: int, drawing: tuple[float, float], seeds: int
) -> None:
    """The median run takes at most 1.3 of the time without refusals, and hardly one takes twice the time."""
    batch = Batch(calls, concurrency, drawing)
    clean = median(work_off(batch, never(seed), seed).seconds for seed in range(9))
    times = sorted(work_off(batch, tenth(seed), seed).seconds / clean for seed in range(seeds))
    assert median(times) <= 1.3
    assert times[-1 - seeds // 200] <= 2


@pytest.mark.parametrize("seeds", SEEDS)
@pytest.mark.parametrize(("concurrency", "calls"), [(4, 100), (16, 100), (64, 200)])
@pytest.mark.parametrize("drawing", [AT_ONCE, SECOND], ids=["answers at once", "answers of a second"])
def test_a_refused_tenth_costs_what_it_costs_a_script_in_which_only_the_refused_call_waits(
    concurrency: int, calls: int, drawing: tuple[float, float], seeds: int
) -> None:
    """However short the answers are against the wait."""
    batch = Batch(calls, concurrency, drawing)
    against = [work_off(batch, tenth(seed), seed).seconds / script(batch, tenth(seed), seed) for seed in range(seeds)]
    assert median(against) <= 1.3


@pytest.mark.sample(1)
@pytest.mark.parametrize("rate", [60, 600])
@pytest.mark.parametrize("drawing", [SECOND, TEN_SECONDS], ids=["answers of a second", "of ten seconds"])
def test_a_refused_tenth_does_not_cost_the_configured_rate(rate: int, drawing: tuple[float, float]) -> None:
    """With rates configured the pace stays near them."""
    batch = Batch(200, 16, drawing, rate=rate)
    clean = work_off(batch, never(0), 0).seconds
    assert median(work_off(batch, tenth(seed), seed).seconds for seed in range(20)) <= 1.5 * clean


def test_a_refusal_among_many_answers_makes_only_its_own_place_wait() -> None:
    """The others go on at once; the place of the refused call is free again exactly when the refusal says."""

    async def main() -> None:
        limiter = Limiter(limits(concurrency=16), virtual_time.VirtualClock())
        loop = asyncio.get_running_loop()
        for _ in range(16):
            limiter.answered(await limiter.pace())
        refused = await limiter.pace()
        limiter.throttled(7.0, refused)
        begin = loop.time()

        async def call() -> float:
            async with limiter.slot():
                at = (await limiter.pace()).at
                await asyncio.sleep(60)
                return at - begin

        times = await asyncio.gather(*(call() for _ in range(16)))
        assert times == pytest.approx([*[0] * 15, 7], abs=0.01)

    virtual_time.run(main())


def test_a_burst_of_refusals_is_a_limit_and_a_few_are_chance() -> None:
    """Two of the first sixteen calls refused stop nobody; six of them stop all until the time they name."""

    async def resumes_in(refusals: int) -> float:
        limiter = Limiter(limits(concurrency=16), virtual_time.VirtualClock())
        for start in (await starts(limiter, *[(1,)] * 16))[:refusals]:
            limiter.throttled(30.0, start)
        return limiter.resumes_in

    async def main() -> None:
        assert await resumes_in(2) == 0
        assert await resumes_in(6) == pytest.approx(30, abs=0.01)

    virtual_time.run(main())


def test_a_call_sent_before_the_cut_does_not_cut_the_calls_side_by_side_again() -> None:
    """However many calls of one generation are refused, they cut once, by half at most."""

    async def main() -> None:
        limiter = Limiter(limits(concurrency=16), virtual_time.VirtualClock())
        old = await starts(limiter, *[(1,)] * 16)
        for start in old:
            limiter.throttled(1.0, start)
        assert 8 <= limiter.concurrency < 16
        cut = limiter.concurrency
        limiter.throttled(1.0, await limiter.pace())
        assert limiter.concurrency < cut

    virtual_time.run(main())
