"""The breaker: when it opens, how it probes, when it gives up."""

import asyncio
from dataclasses import dataclass

import pytest

from batchgen.limits import Breaker, Breakers, Closed, Limiter
from batchgen.model import Limits, Remedy, Retry
from tests import virtual_time

PROBES = Retry().breaker_probe_seconds
GOOD, BAD = Remedy.NONE, Remedy.UNCERTAIN


@dataclass
class Caller:
    """Makes calls, one after the other, that end as told."""

    breaker: Breaker

    async def __call__(self, *ends: Remedy) -> None:
        for end in ends:
            ticket = await self.breaker.allow()
            assert ticket is not None
            self.breaker.record(ticket, end)


def breaker() -> Breaker:
    """Make a breaker as it is configured by default."""
    return Breaker(PROBES, virtual_time.VirtualClock())


@pytest.mark.parametrize(
    ("ends", "opens"),
    [
        ([BAD] * 4, False),
        ([BAD] * 5, True),
        ([Remedy.EMPTY] * 5, True),
        ([BAD, Remedy.EMPTY] * 2 + [Remedy.EMPTY], True),
        ([BAD] * 4 + [GOOD] + [BAD] * 4, False),
        ([BAD] * 4 + [Remedy.MODERATED] + [BAD] * 4, False),
        ([BAD] * 4 + [Remedy.WAIT, Remedy.RESEND, Remedy.RETRY] + [BAD], True),
        ([GOOD, GOOD, GOOD, GOOD, BAD] * 9 + [GOOD] * 4, False),
        ([GOOD, GOOD, GOOD, GOOD, BAD] * 10, True),
        ([GOOD] * 40 + [BAD, GOOD] * 4 + [GOOD] * 10, False),
        ([BAD, GOOD] * 9 + [GOOD] * 31, False),
        ([BAD, GOOD] * 9 + [GOOD] * 31 + [Remedy.WAIT] * 50, False),
        ([Remedy.RETRY] * 100, False),
        ([Remedy.FAIL_JOB] * 100, False),
        ([Remedy.WAIT] * 100, False),
    ],
)
def test_it_opens_on_what_may_have_cost_money_for_nothing(ends: list[Remedy], *, opens: bool) -> None:
    """Five in a row that were perhaps or surely charged for nothing open it, or a fifth of the last fifty; no other."""

    async def main() -> None:
        one = breaker()
        await Caller(one)(*ends)
        assert one.is_open is opens

    virtual_time.run(main())


def test_probes_come_after_a_minute_two_and_four() -> None:
    """An open breaker lets one call through after 60, then 120, then 240 seconds; the third failure gives up."""

    async def main() -> None:
        one, loop, times = breaker(), asyncio.get_running_loop(), list[float]()
        await Caller(one)(*[BAD] * 5)
        while ticket := await one.allow():
            assert ticket.probe
            times.append(loop.time())
            one.record(ticket, BAD)
        assert times == pytest.approx([60, 180, 420], abs=0.1)
        assert one.given_up
        assert await one.allow() is None

    virtual_time.run(main())


def test_one_good_probe_closes_it_and_clears_the_count() -> None:
    """After a good probe everyone goes on, and it takes five new failures, and three new probes, to end it."""

    async def main() -> None:
        one = breaker()
        await Caller(one)(*[BAD] * 5, BAD, GOOD)
        assert not one.is_open
        await Caller(one)(*[BAD] * 4)
        assert not one.is_open
        await Caller(one)(BAD, BAD, BAD)
        assert not one.given_up
        await Caller(one)(BAD)
        assert one.given_up

    virtual_time.run(main())


def test_one_probe_at_a_time() -> None:
    """While a probe is out, everybody else waits for what it brings."""

    async def main() -> None:
        one = breaker()
        await Caller(one)(*[BAD] * 5)
        waiting = [asyncio.create_task(one.allow()) for _ in range(8)]
        await asyncio.sleep(3600)
        probes = [task.result() for task in waiting if task.done()]
        assert len(probes) == 1
        assert probes[0] is not None
        one.record(probes[0], GOOD)
        assert not [ticket for ticket in await asyncio.gather(*waiting[1:]) if ticket is None or ticket.probe]

    virtual_time.run(main())


def test_an_unused_probe_is_passed_on() -> None:
    """A probe that was not sent, for want of money or because of a stop, leaves the next caller its turn at once."""

    async def main() -> None:
        one = breaker()
        await Caller(one)(*[BAD] * 5)
        first = await one.allow()
        assert first is not None
        second = asyncio.create_task(one.allow())
        await asyncio.sleep(5)
        assert not second.done()
        one.release(first)
        ticket = await second
        assert ticket is not None
        assert ticket.probe
        one.record(ticket, GOOD)
        one.release(ticket)
        assert not one.is_open

    virtual_time.run(main())


def test_a_probe_that_proves_nothing_is_repeated() -> None:
    """A rate limit or a connection that never stood is no failed probe and no good one: the next comes later."""

    async def main() -> None:
        one, loop = breaker(), asyncio.get_running_loop()
        await Caller(one)(*[BAD] * 5, Remedy.RESEND, Remedy.WAIT)
        assert one.is_open
        assert not one.given_up
        await Caller(one)(GOOD)
        assert [one.is_open, loop.time()] == [False, pytest.approx(180, abs=0.1)]

    virtual_time.run(main())


def test_calls_from_before_it_opened_do_not_count() -> None:
    """Late answers neither close an open breaker, nor fail its probe, nor count once it has closed."""

    async def main() -> None:
        one = breaker()
        old = [await one.allow() for _ in range(20)]
        for ticket in old[:5]:
            assert ticket is not None
            one.record(ticket, BAD)
        late = [ticket for ticket in old[5:] if ticket]
        assert not any(one.admits(ticket) for ticket in late)
        probe = await one.allow()
        assert probe is not None
        for ticket in late[:5]:
            one.record(ticket, BAD)
        one.record(late[5], GOOD)
        assert one.is_open
        one.record(probe, GOOD)
        for ticket in late[6:]:
            one.record(ticket, BAD)
        assert not one.is_open

    virtual_time.run(main())


def test_half_an_hour_of_rate_limits_gives_up() -> None:
    """Rate limits alone end it after thirty minutes, unless any call succeeds in between."""

    async def main() -> None:
        for good_at, given_up in ((None, True), (20, False)):
            one = breaker()
            for minute in range(31):
                await Caller(one)(GOOD if minute == good_at else Remedy.WAIT)
                await asyncio.sleep(60)
            assert bool(one.given_up) is given_up

    virtual_time.run(main())


def test_hopeless_timeouts_cost_at_most_one_and_twenty_calls_and_three_probes() -> None:
    """With sixteen slots and every call timing out after it was charged, 21 calls leave, and three probes."""

    async def main() -> list[float]:
        clock = virtual_time.VirtualClock()
        limiter, one, charged = Limiter(Limits(images_per_minute=60), clock), breaker(), list[float]()

        async def call() -> bool:
            async with limiter.slot():
                if (ticket := await one.allow()) is None:
                    return False
                await limiter.pace()
                if one.admits(ticket):
                    charged.append(clock.monotonic())
                    await clock.sleep(600)
                    one.record(ticket, BAD)
                return True

        async def caller() -> None:
            while await call():
                pass

        await asyncio.gather(*(caller() for _ in range(64)))
        return charged

    charged = virtual_time.run(main())
    assert len(charged) <= 21 + 3
    assert sum(at > 650 for at in charged) == 3


def test_models_fail_by_themselves() -> None:
    """Each model has a breaker of its own, and all of them let go when the run stops."""

    async def main() -> None:
        breakers = Breakers(PROBES, virtual_time.VirtualClock())
        await Caller(breakers("a"))(*[BAD] * 5)
        assert breakers("a").is_open
        assert not breakers("b").is_open
        waiting = asyncio.create_task(breakers("a").allow())
        await asyncio.sleep(1)
        breakers.close()
        with pytest.raises(Closed):
            await waiting
        assert asyncio.get_running_loop().time() < 2

    virtual_time.run(main())


def test_addresses_count_when_their_images_came_or_did_not() -> None:
    """Calls whose images wait at addresses are judged later; until one was good, only five may wait to be judged."""

    async def main() -> None:
        one = breaker()
        tickets = [await one.allow() for _ in range(5)]
        for ticket in tickets:
            assert ticket is not None
            one.keep(ticket)
            one.release(ticket)
        sixth = asyncio.ensure_future(one.allow())
        await asyncio.sleep(1)
        assert not sixth.done()
        assert tickets[0]
        one.record(tickets[0], GOOD)
        assert await sixth
        assert await one.allow(), "one was good: as many may wait as like"
        for ticket in tickets[1:]:
            assert ticket
            one.record(ticket, Remedy.EMPTY)
        assert not one.is_open
        last = await one.allow()
        assert last
        one.keep(last)
        one.record(last, Remedy.EMPTY)
        assert one.is_open

    virtual_time.run(main())


def test_a_probe_that_brought_addresses_is_judged_by_them() -> None:
    """Nobody else probes meanwhile, and an image closes the breaker."""

    async def main() -> None:
        one = breaker()
        await Caller(one)(*[BAD] * 5)
        probe = await one.allow()
        assert probe
        one.keep(probe)
        one.release(probe)
        other = asyncio.ensure_future(one.allow())
        await asyncio.sleep(1000)
        assert not other.done()
        one.record(probe, GOOD)
        assert not one.is_open
        assert await other

    virtual_time.run(main())


def test_a_stop_that_comes_after_the_end_of_the_loop_finds_nobody_waiting() -> None:
    """Limiter and breakers close without a loop: whoever tells the reason need not know whether one runs."""
    limiter = Limiter(Limits(concurrency=1), virtual_time.VirtualClock())
    breakers = Breakers(PROBES, virtual_time.VirtualClock())
    limiter.close()
    breakers.close()
