"""The laws that every executor keeps, whatever it is."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from batchgen.model import Charge, Lost, Pending, Receipt, Remedy
from tests.executor.conformance.conftest import Bench, at_address, brought, last, settled, waiting


class Crash(BaseException):
    """The process died here."""


def dying(point: str) -> Any:
    """Return a fault point that kills at one name."""

    def at(name: str) -> None:
        if name == point:
            raise Crash(name)

    return at


async def until(there: Callable[[], bool]) -> None:
    """Wait for something that happens elsewhere."""
    while not there():  # noqa: ASYNC110 - a server in another thread sets no event here
        await asyncio.sleep(0.01)


async def test_each_attempt_is_sent_once(workspace: Bench) -> None:
    """However often it is looked for."""
    attempts = [workspace.attempt() for _ in range(5)]
    async with workspace.executor() as executor:
        came = await brought(executor, attempts)
        await executor.collect(attempts)
    assert all(isinstance(one, Receipt) and one.came for one in came), came
    assert workspace.sent == 5


@pytest.mark.parametrize("count", [0, 1, 4])
async def test_there_is_one_result_for_each_in_their_order(workspace: Bench, count: int) -> None:
    """Of `execute` as of `collect`."""
    attempts = [workspace.attempt(n=1 + number % 2) for number in range(count)]
    names = [one.id for one in attempts]
    async with workspace.executor() as executor:
        came = await executor.execute(attempts)
        assert [one.attempt_id for one in came] == names
        again = await executor.collect(attempts[::-1])
        assert [one.attempt_id for one in again] == names[::-1]
        receipts = await settled(executor, attempts, came)
    assert [len(one.images) for one in receipts if isinstance(one, Receipt)] == [one.n for one in attempts]


async def test_a_receipt_says_of_images_that_are_durably_there(workspace: Bench, png: bytes) -> None:
    """Their bytes stand where it says, their folder was confirmed, and so was the answer before."""
    async with workspace.executor() as executor:
        (receipt,) = await brought(executor, [workspace.attempt(n=3)])
        steps = list(workspace.steps)
    assert isinstance(receipt, Receipt)
    assert (receipt.verdict.charge, receipt.verdict.remedy) == (Charge.YES, Remedy.NONE)
    assert [one.slot for one in receipt.images] == [0, 1, 2]
    for one in receipt.images:
        data = (workspace.root / one.path).read_bytes()
        assert data == png
        assert hashlib.sha256(data).hexdigest() == one.sha256
    if workspace.is_seen:
        assert steps.index("storage.finish.after_answer") < steps.index("storage.publish.after_sync")


async def test_what_the_ledger_has_is_forgotten(workspace: Bench) -> None:
    """Nothing is left in the spool then; to forget again, or what was never known, does no harm."""
    attempts = [workspace.attempt() for _ in range(2)]
    async with workspace.executor() as executor:
        await brought(executor, attempts)
        assert workspace.spooled
        for name in ("a1", "a2", "a2", "never"):
            await executor.forget(name)
        assert workspace.spooled == []
        assert all(isinstance(one, Lost) for one in await executor.collect(attempts))


async def test_the_same_receipt_is_collected_as_often_as_it_is_asked_for(workspace: Bench) -> None:
    """Until it is forgotten."""
    attempt = workspace.attempt(n=2)
    async with workspace.executor() as executor:
        (receipt,) = await brought(executor, [attempt])
        found = [await last(executor, attempt, (await executor.collect([attempt]))[0]) for _ in range(3)]
    assert found == [receipt] * 3


async def test_a_crash_before_the_ledger_knows_costs_no_request(workspace: Bench) -> None:
    """Another executor on the same workspace brings the same."""
    attempt = workspace.attempt(n=2)
    async with workspace.executor() as executor:
        (receipt,) = await brought(executor, [attempt])
    async with workspace.executor() as executor:
        (came,) = await executor.collect([attempt])
        assert await last(executor, attempt, came) == receipt
    assert workspace.sent == 1


async def test_a_crash_while_it_is_pending_costs_no_request(workspace: Bench) -> None:
    """Another executor on the same workspace finds it by its handle, and without one."""
    attempts = [workspace.attempt(), workspace.attempt()]
    async with workspace.executor() as executor:
        came = await executor.execute(attempts)
    async with workspace.executor() as executor:
        first = waiting(came[0], attempts[0]) if isinstance(came[0], Pending) else attempts[0]
        receipts = await settled(executor, attempts, await executor.collect([first, attempts[1]]))
    assert all(isinstance(one, Receipt) and one.images for one in receipts)
    assert workspace.sent == 2


@pytest.mark.parametrize(
    "point", ["storage.finish.after_answer", "storage.publish.before_name", "storage.publish.after_sync"]
)
async def test_a_crash_once_the_answer_is_durable_costs_no_request(workspace: Bench, point: str) -> None:
    """Wherever it happens: what was paid is found."""
    attempt = workspace.attempt(n=2)
    with pytest.raises(Crash):
        async with workspace.executor(dying(point)) as executor:
            await brought(executor, [attempt])
    async with workspace.executor() as executor:
        (came,) = await executor.collect([attempt])
        receipt = await last(executor, attempt, came)
    assert isinstance(receipt, Receipt)
    assert len(receipt.images) == 2
    assert workspace.sent == 1


async def test_what_is_unknown_is_lost(workspace: Bench) -> None:
    """Also among others that are not."""
    known, never = workspace.attempt(), workspace.attempt()
    async with workspace.executor() as executor:
        await brought(executor, [known])
        first, second = await executor.collect([never, known])
        assert isinstance(first, Lost)
        assert first.attempt_id == never.id
        assert isinstance(await last(executor, known, second), Receipt)


async def test_a_refusal_is_a_receipt(workspace: Bench) -> None:
    """What a provider says is never an exception, and a refused attempt is not sent again."""
    attempt = workspace.attempt("a lamp [[mock: fault=status_500]]")
    async with workspace.executor() as executor:
        (receipt,) = await brought(executor, [attempt])
    assert isinstance(receipt, Receipt)
    assert not receipt.came
    assert receipt.status == 500
    assert workspace.asked == 1


async def test_a_session_that_ends_leaves_nothing_undecided(workspace: Bench) -> None:
    """Broken off in the middle: what is whole is found, everything else is lost, and no task is left."""
    quick, slow = workspace.attempt(), workspace.attempt("a lamp [[mock: fault=late delay=30]]")
    async with workspace.executor() as executor:
        await brought(executor, [quick])
        under_way = asyncio.create_task(executor.execute([slow]))
        await until(lambda: workspace.asked == 2)
        under_way.cancel()
        await asyncio.wait({under_way})
    assert under_way.cancelled()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    async with workspace.executor() as executor:
        one, other = await executor.collect([quick, slow])
        assert isinstance(await last(executor, quick, one), Receipt)
        assert isinstance(other, Lost)
        await executor.forget(slow.id)
        await executor.forget(quick.id)
    assert workspace.spooled == []


async def test_an_image_at_an_address_is_collected_like_anything_else(addresses: Bench) -> None:
    """It is asked for once, given as often as it is asked for, also after a crash, and then forgotten."""
    attempt = addresses.attempt(n=2)
    async with addresses.executor() as executor:
        (receipt,) = await brought(executor, [attempt])
        assert isinstance(receipt, Receipt)
        assert [one.slot for one in receipt.remote] == [0, 1]
        images = [at_address(attempt, one) for one in receipt.remote]
        first = await executor.collect(images)
        assert await executor.collect(images) == first
        asked = addresses.asked
    async with addresses.executor() as executor:
        assert await executor.collect(images) == first
        assert addresses.asked == asked
        for slot, came in enumerate(first):
            assert isinstance(came, Receipt)
            (image,) = came.images
            assert image.slot == slot
            assert hashlib.sha256((addresses.root / image.path).read_bytes()).hexdigest() == image.sha256
        await executor.forget(attempt.id)
    assert addresses.spooled == []
    assert addresses.sent == 1


async def test_an_image_that_does_not_come_now_is_pending(addresses: Bench) -> None:
    """And says why; the next look may bring it."""
    attempt = addresses.attempt()
    async with addresses.executor() as executor:
        (receipt,) = await brought(executor, [attempt])
        assert isinstance(receipt, Receipt)
        (remote,) = receipt.remote
        wrong = at_address(attempt, replace(remote, url=f"{remote.url}-not-here"))
        (came,) = await executor.collect([wrong])
        assert isinstance(came, Pending)
        assert came.why
        assert (came.attempt_id, came.remote) == (attempt.id, wrong.remote)
        (came,) = await executor.collect([at_address(attempt, remote)])
        assert isinstance(came, Receipt)


async def test_what_another_executor_accepted_stays_pending(workspace: Bench) -> None:
    """Only what is known to be gone is lost; when it comes here is not said."""
    attempt = workspace.attempt()
    async with workspace.executor() as executor:
        (came,) = await executor.collect([Pending(attempt.id, "batch 7", attempt=attempt)])
    assert isinstance(came, Pending)
    assert (came.handle, came.next_look) == ("batch 7", None)
