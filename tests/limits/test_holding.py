"""While a lane is held nothing starts, whatever the pace; then it goes on as it would."""

import asyncio

import pytest

from batchgen.limits import Closed, Limiter
from batchgen.model import Limits
from tests import virtual_time


@pytest.mark.parametrize("limits", [Limits(concurrency=4), Limits(concurrency=4, images_per_minute=6000)])
def test_nothing_starts_while_it_is_held(limits: Limits) -> None:
    """Calls before it are started at once, those that come meanwhile start when it goes on, in their order."""

    async def main() -> None:
        clock = virtual_time.VirtualClock()
        limiter, begun = Limiter(limits, clock), list[tuple[int, float]]()

        async def call(number: int) -> None:
            async with limiter.slot():
                await limiter.pace()
                begun.append((number, clock.monotonic()))
                await clock.sleep(1)

        first = [asyncio.create_task(call(number)) for number in range(2)]
        await clock.sleep(0.5)
        limiter.hold()
        later = [asyncio.create_task(call(number)) for number in range(2, 8)]
        await clock.sleep(2000)
        assert [number for number, _ in begun] == [0, 1]
        assert limiter.in_flight - limiter.waiting == 0
        limiter.go_on()
        await asyncio.gather(*first, *later)
        assert [number for number, _ in begun] == [*range(8)]
        assert begun[2][1] == pytest.approx(2000.5, abs=0.1)

    virtual_time.run(main())


def test_a_held_lane_ends_with_the_run() -> None:
    """Who waits for a start, or for leave to go on, is told that the run stops."""

    async def main() -> None:
        limiter = Limiter(Limits(), virtual_time.VirtualClock())
        limiter.hold()
        waits = [asyncio.ensure_future(each) for each in (limiter.pace(), limiter.opened())]
        await asyncio.sleep(5)
        limiter.close()
        assert [type(one) for one in await asyncio.gather(*waits, return_exceptions=True)] == [Closed, Closed]

    virtual_time.run(main())


def test_a_hold_during_a_pause_of_the_provider_outlasts_it() -> None:
    """Neither ends the other."""

    async def main() -> None:
        clock = virtual_time.VirtualClock()
        limiter = Limiter(Limits(), clock)
        limiter.throttled(30.0, await limiter.pace())
        limiter.hold()
        waits = asyncio.ensure_future(limiter.pace())
        await clock.sleep(40)
        assert not waits.done()
        limiter.throttled(30.0)
        limiter.go_on()
        start = await waits
        assert start.at >= 70

    virtual_time.run(main())
