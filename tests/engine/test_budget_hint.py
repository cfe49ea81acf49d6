"""Laws of what is known of the limits without asking the ledger."""

import asyncio

import pytest

from batchgen.engine.budget_hint import FORGOTTEN_AFTER, Amount, Ask, BudgetHint, Claim
from batchgen.ledger import CapKind, Refused
from tests import virtual_time
from tests.engine.conftest import attempt


def refusal(headroom: int, kind: CapKind = CapKind.MAX_COST, *, ever: bool = True) -> Refused:
    """Refuse as the ledger does."""
    return Refused(kind, headroom, ever)


def in_time(law: "asyncio._CoroutineLike[None]") -> None:
    """Run a law in virtual time."""
    virtual_time.run(law)  # type: ignore[arg-type]


def test_without_a_refusal_everything_may_fit() -> None:
    """Nothing is known before the ledger first says no."""

    async def law() -> None:
        room = BudgetHint(virtual_time.VirtualClock())
        with Ask(room, attempt(10**12)):
            assert room.fits(attempt(10**12))
            assert room.never(attempt(10**12)) is None

    in_time(law())


def test_what_is_given_back_makes_room() -> None:
    """A call that cost less than it might leaves the rest to others."""

    async def law() -> None:
        room = BudgetHint(virtual_time.VirtualClock())
        with Ask(room, attempt(60)) as first:
            first.reserved()
            room.learn(refusal(40), attempt(60))
            assert room.fits(attempt(40))
            assert not room.fits(attempt(41))
            first.settled(Amount(money=25, images=1))
            assert room.fits(attempt(75))
            assert not room.fits(attempt(76))

    in_time(law())


def test_who_is_about_to_ask_counts() -> None:
    """Two calls do not run for the room of one; whoever leaves without a reservation gives it back."""

    async def law() -> None:
        room = BudgetHint(virtual_time.VirtualClock())
        room.learn(refusal(50), attempt(60))
        with Ask(room, attempt(30)):
            assert room.busy == 1
            assert not room.fits(attempt(30))
            assert room.fits(attempt(20))
        assert room.busy == 0
        assert room.fits(attempt(50))

    in_time(law())


def test_what_can_never_fit_is_known_from_the_smallest() -> None:
    """A refusal for ever holds for everything as large; what is smaller is still asked."""

    async def law() -> None:
        room = BudgetHint(virtual_time.VirtualClock())
        room.learn(refusal(50, ever=False), attempt(90))
        room.learn(refusal(50, ever=False), attempt(60))
        room.learn(refusal(50), attempt(55))
        assert room.never(attempt(60))
        assert room.never(attempt(59)) is None

    in_time(law())


@pytest.mark.parametrize("kind", [CapKind.MAX_IMAGES, CapKind.IMAGES_PER_DAY])
def test_images_are_counted_in_images(kind: CapKind) -> None:
    """A limit on images does not look at money."""

    async def law() -> None:
        room = BudgetHint(virtual_time.VirtualClock())
        room.learn(refusal(2, kind, ever=False), attempt(1, n=4))
        assert room.fits(attempt(10**9, n=2))
        assert not room.fits(attempt(1, n=3))
        assert room.never(attempt(1, n=4))

    in_time(law())


def test_what_was_learned_is_forgotten() -> None:
    """A day may have ended, another run may have given back: after a minute the ledger is asked again."""

    async def law() -> None:
        room = BudgetHint(virtual_time.VirtualClock())
        room.learn(refusal(0, CapKind.DAY, ever=False), attempt(1))
        await asyncio.sleep(FORGOTTEN_AFTER - 1)
        assert room.never(attempt(1))
        await asyncio.sleep(2)
        assert room.never(attempt(1)) is None
        assert room.fits(attempt(1))

    in_time(law())


def test_whoever_waits_hears_of_every_end() -> None:
    """A call that ends, in whatever way, wakes all who wait."""

    async def law() -> None:
        room = BudgetHint(virtual_time.VirtualClock())
        waiting = [asyncio.create_task(room.change()) for _ in range(3)]
        await asyncio.sleep(1)
        assert not any(task.done() for task in waiting)
        with pytest.raises(RuntimeError), Ask(room, attempt(1)):
            raise RuntimeError
        await asyncio.gather(*waiting)

    in_time(law())


def test_jobs_leave_what_those_that_matter_more_may_still_ask_for() -> None:
    """From the beginning of a job to its end; what it reserved, and what it gave back, count once."""

    async def law() -> None:
        room = BudgetHint(virtual_time.VirtualClock())
        room.learn(refusal(100), attempt(120))
        with Claim(room, 1.0, Amount(60, 1)) as claim:
            assert room.claimed(0.0) == Amount(60, 1)
            assert room.claimed(1.0) == Amount()
            assert room.fits(attempt(40), room.claimed(0.0))
            assert not room.fits(attempt(41), room.claimed(0.0))
            with Ask(room, attempt(60), claim) as ask:
                ask.reserved()
                assert room.claimed(0.0) == Amount()
                ask.settled(Amount())
            assert room.claimed(0.0) == Amount(60, 1)
            with Ask(room, attempt(60), claim) as ask:
                ask.reserved()
                ask.settled(Amount(25, 1))
            assert room.claimed(0.0) == Amount(35, 0)
        assert room.claimed(0.0) == Amount()
        assert room.fits(attempt(75))

    in_time(law())


def test_what_was_left_to_others_counts_as_free_for_them() -> None:
    """A refusal because of what others claim is none of theirs; who waits hears when a job ends."""

    async def law() -> None:
        room = BudgetHint(virtual_time.VirtualClock())
        with Claim(room, 1.0, Amount(60, 1)):
            room.learn(refusal(10), attempt(20), room.claimed(0.0))
            assert room.fits(attempt(70))
            waits = asyncio.ensure_future(room.change())
            await asyncio.sleep(0)
            assert not waits.done()
        await waits

    in_time(law())
