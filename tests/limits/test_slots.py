"""Parallel calls: first come, first served, in a number that may change."""

import asyncio

import pytest

from batchgen.limits import Closed, Limiter
from batchgen.limits.slots import Slots
from batchgen.model import Limits
from tests import virtual_time


async def settle() -> None:
    """Let every task that can run do so."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_slots_come_in_order_of_arrival() -> None:
    """Whoever waits longest gets the next free slot."""
    slots, order = Slots(1), list[int]()

    async def caller(number: int) -> None:
        await slots.acquire()
        order.append(number)
        await asyncio.sleep(0)
        slots.release()

    await asyncio.gather(*(caller(number) for number in range(5)))
    assert order == [0, 1, 2, 3, 4]
    assert slots.taken == 0


async def test_nobody_overtakes_who_waits() -> None:
    """A newcomer does not take a slot that was just freed for somebody who waits."""
    slots = Slots(1)
    await slots.acquire()
    first = asyncio.create_task(slots.acquire())
    await settle()
    slots.release()
    second = asyncio.create_task(slots.acquire())
    await settle()
    assert (first.done(), second.done()) == (True, False)
    second.cancel()


async def test_more_slots_admit_more_at_once() -> None:
    """Growing lets waiting calls in; shrinking keeps calls out without disturbing those under way."""
    slots = Slots(1)
    waiting = [asyncio.create_task(slots.acquire()) for _ in range(4)]
    await settle()
    slots.resize(3)
    await settle()
    assert [task.done() for task in waiting] == [True, True, True, False]
    slots.resize(1)
    slots.release()
    slots.release()
    await settle()
    assert not waiting[3].done()
    slots.release()
    await waiting[3]
    assert slots.taken == 1


async def test_a_cancelled_call_leaves_the_queue() -> None:
    """Cancelling a waiting call neither takes nor loses a slot, not even in the moment it was granted."""
    slots = Slots(1)
    await slots.acquire()
    early, late, last = (asyncio.create_task(slots.acquire()) for _ in range(3))
    await settle()
    early.cancel()
    await settle()
    slots.release()
    late.cancel()  # granted a moment ago, not yet awake
    await settle()
    assert last.done()
    assert slots.taken == 1


def test_closing_ends_every_wait_at_once() -> None:
    """When the run stops, calls that wait for a slot or a start give up, and later ones do not begin to wait."""

    async def main() -> None:
        limiter = Limiter(Limits(concurrency=1, images_per_minute=1), virtual_time.VirtualClock())
        await limiter.pace()

        async def wait_for_slot() -> None:
            async with limiter.slot():
                pass

        async with limiter.slot():
            waiting = [asyncio.create_task(wait_for_slot()), asyncio.create_task(_pace(limiter))]
            await asyncio.sleep(1)
            limiter.close()
            ends = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(end) for end in ends] == [Closed, Closed]
        assert asyncio.get_running_loop().time() < 2
        with pytest.raises(Closed):
            await limiter.pace()
        assert limiter.in_flight == 0

    virtual_time.run(main())


async def _pace(limiter: Limiter) -> None:
    await limiter.pace()
