"""The virtual loop that these and other laws are measured with."""

import asyncio

import pytest

from tests import virtual_time


def test_hours_pass_at_once() -> None:
    """Sleeping in the virtual loop moves its clock and takes no time."""

    async def main() -> float:
        await asyncio.sleep(3 * 3600)
        return asyncio.get_running_loop().time()

    assert virtual_time.run(main()) == pytest.approx(3 * 3600, abs=0.01)


def test_a_hang_names_who_waits_where() -> None:
    """When no task can run and no timer is set, Hang says which task waits at which line."""

    async def stuck() -> None:
        await asyncio.get_running_loop().create_future()

    async def main() -> None:
        await asyncio.create_task(stuck(), name="the stuck one")

    with pytest.raises(
        virtual_time.Hang, match=r"no runnable task and no timer(.|\n)*the stuck one waits at .* in stuck"
    ):
        virtual_time.run(main())


def test_spinning_is_a_hang() -> None:
    """Tasks that keep each other busy without ever reaching a timer do not run for ever."""

    async def main() -> None:
        while True:  # noqa: ASYNC110 - the very thing that is looked at
            await asyncio.sleep(0)

    with pytest.raises(virtual_time.Hang, match="without reaching a timer"):
        virtual_time.run(main(), most_turns=1000)


def test_a_stall_delays_what_was_due() -> None:
    """A stall is time in which nothing else runs."""

    async def main() -> float:
        loop = asyncio.get_running_loop()
        due: asyncio.Future[float] = loop.create_future()
        loop.call_later(1, lambda: due.set_result(loop.time()))
        virtual_time.stall(5)
        return await due

    assert virtual_time.run(main()) == pytest.approx(5, abs=0.01)


def test_the_wall_clock_may_drift_alone() -> None:
    """A step of the wall clock does not touch the monotonic one."""

    async def main() -> None:
        clock = virtual_time.VirtualClock()
        before = clock.monotonic()
        clock.drift -= 2 * (virtual_time.EPOCH - virtual_time.EPOCH.replace(month=10))
        assert clock.now() < virtual_time.EPOCH
        assert clock.monotonic() == before

    virtual_time.run(main())
