"""A crash between answer and ledger costs nothing: the spool is finished from, as often as it takes."""

import json
from dataclasses import replace
from typing import Any

import pytest

from batchgen.errors import StorageError
from batchgen.executor.local import LocalExecutor
from batchgen.executor.protocol import Setup
from batchgen.model import Lost, Pending, Receipt
from batchgen.runtime.clock import SystemClock
from batchgen.storage import LocalStore, Workspace
from batchgen.storage.workspace import nowhere
from tests.offloading import in_place


class Crash(BaseException):
    """The process died here."""


def dying(point: str) -> Any:
    """Return a fault point that kills at one name."""

    def at(name: str) -> None:
        if name == point:
            raise Crash(name)

    return at


async def execute(world: Any, at: Any, attempt: Any, reply: bytes) -> Receipt:
    """Make an attempt with fault points in its storage."""
    world.server.reply = world_reply(reply)
    executor = executor_in(world, at)
    async with executor.session():
        (receipt,) = await executor.execute([attempt])
    assert isinstance(receipt, Receipt)
    return receipt


def executor_in(world: Any, at: Any = nowhere) -> LocalExecutor:
    """Return an executor that knows nothing of any other."""
    workspace, store = Workspace(world.root, at=at), LocalStore(world.root, at=at)
    return LocalExecutor(Setup(world.provider, world.key, workspace, store, clock=SystemClock(), offload=in_place))


async def finish(world: Any, attempt_id: str) -> Receipt | Lost:
    """Say what the next run finds."""
    executor = executor_in(world)
    async with executor.session():
        (came,) = await executor.collect([replace(world.attempt(), id=attempt_id)])
    assert not isinstance(came, Pending)
    return came


def world_reply(data: bytes) -> Any:
    """Send these bytes."""

    async def reply(writer: Any, _: Any) -> None:
        writer.write(data)

    return reply


AFTER = [
    "storage.finish.after_answer",
    "storage.publish.before_name",
    "storage.publish.before_sync",
    "storage.publish.after_sync",
]


@pytest.mark.parametrize("point", AFTER)
async def test_a_kill_after_the_answer_is_durable_costs_nothing(world: Any, kit: Any, point: str) -> None:
    """Recovery gives the receipt that the dead process would have given, and does so again and again."""
    data = [kit.image(colour=c) for c in ("red", "green", "blue")]
    reply = kit.response(kit.answer(*data, quality="low"))
    with pytest.raises(Crash):
        await execute(world, dying(point), world.attempt(2, slots=(4, 6)), reply)
    assert Workspace(world.root).spools() == ("a1",)
    first = await finish(world, "a1")
    second = await finish(world, "a1")
    assert isinstance(first, Receipt)
    assert isinstance(second, Receipt)
    assert [p.slot for p in first.images] == [4, 6]
    assert [world.file(p.path) for p in first.images] == data[:2]
    assert first.images == second.images
    assert first.usage
    assert first.usage.output == 588
    assert first.echo.quality == "low"
    assert first.verdict.code == "ok"
    assert first.quarantine


@pytest.mark.parametrize("point", ["storage.finish.before_parts", "storage.finish.before_answer"])
async def test_a_kill_before_that_leaves_nothing_to_finish(world: Any, kit: Any, point: str) -> None:
    """Half an answer is none: the attempt is an orphan."""
    with pytest.raises(Crash):
        await execute(world, dying(point), world.attempt(), kit.response(kit.answer(kit.image())))
    assert isinstance(await finish(world, "a1"), Lost)
    assert not (world.root / "images").exists()


async def test_addresses_survive_too(world: Any, kit: Any) -> None:
    """A result by address is durable before the receipt is."""
    reply = kit.response(b'{"data":[{"url":"https://a.example/x?sig=%2F&Expires=1893456000"}]}')
    with pytest.raises(Crash):
        await execute(world, dying("storage.finish.after_answer"), world.attempt(), reply)
    receipt = await finish(world, "a1")
    assert isinstance(receipt, Receipt)
    assert receipt.remote[0].url == "https://a.example/x?sig=%2F&Expires=1893456000"
    assert receipt.remote[0].expires is not None
    assert receipt.remote[0].expires.year == 2030


async def test_a_replaced_image_steps_aside_once(world: Any, kit: Any) -> None:
    """A kill between stepping aside and publishing neither loses the old image nor the new one."""
    old, new = kit.image(colour="red"), kit.image(colour="blue")
    await world.execute(world.attempt(), kit.response(kit.answer(old)))
    attempt = world.attempt(replaces="cd" * 32)
    with pytest.raises(Crash):
        await execute(world, dying("storage.publish.after_aside"), attempt, kit.response(kit.answer(new)))
    receipt = await finish(world, "a2")
    assert isinstance(receipt, Receipt)
    (image,) = receipt.images
    assert image.replaces is not None
    assert world.file(image.replaces) == old
    assert world.file(image.path) == new
    again = await finish(world, "a2")
    assert isinstance(again, Receipt)
    assert again.images == receipt.images


async def test_an_answer_that_version_0_1_0_left_is_finished(world: Any, kit: Any) -> None:
    """It wrote flags where codes stand now, with and without something to tell."""
    with pytest.raises(Crash):
        await execute(
            world, dying("storage.finish.after_answer"), world.attempt(), kit.response(kit.answer(kit.image()))
        )
    path = world.root / "spool" / "a1" / "answer.json"
    answer = json.loads(path.read_text())
    (entry,) = answer["pictures"]
    del entry["mismatches"]
    for flags in ([], ["not_as_asked:size", "not_as_asked:alpha"]):
        entry["flags"] = flags
        path.write_text(json.dumps(answer))
        receipt = await finish(world, "a1")
        assert isinstance(receipt, Receipt)
        assert [name.value for name in receipt.images[0].mismatches] == [flag.partition(":")[2] for flag in flags]


async def test_an_answer_of_another_program_is_refused(world: Any, kit: Any) -> None:
    """A spool that cannot be understood stops recovery and is left alone."""
    spool = Workspace(world.root).spool("a1")
    part = spool.part(0)
    part.write(kit.image())
    part.close()
    spool.finish({"version": 99})
    with pytest.raises(StorageError, match=r"answer\.json"):
        await finish(world, "a1")
    assert spool.read() == {"version": 99}


@pytest.mark.parametrize(
    "wrong",
    [
        {"verdict": None},
        {"verdict": []},
        {"verdict": {"charge": None, "remedy": "none"}},
        {"echo": None},
        {"echo": 5},
        {"usage": 5},
        {"remote": [[1, 2]]},
        {"remote": None},
        {"phase": None},
        {"pictures": ["x"]},
        {"pictures": None},
        {"headers": 5},
        {"missing": [1]},
        {"spare": None},
    ],
)
async def test_an_answer_with_something_else_in_its_place_is_refused(
    world: Any, kit: Any, wrong: dict[str, Any]
) -> None:
    """Whatever a disk or a hand made of it: storage is what is wrong, and the file is named."""
    with pytest.raises(Crash):
        await execute(
            world, dying("storage.finish.after_answer"), world.attempt(), kit.response(kit.answer(kit.image()))
        )
    path = world.root / "spool" / "a1" / "answer.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | wrong))
    with pytest.raises(StorageError, match=r"answer\.json"):
        await finish(world, "a1")


async def test_a_disk_that_refuses_is_not_the_servers_fault(world: Any, kit: Any) -> None:
    """Storage trouble is raised, and what was durable by then is finished later."""

    def full(name: str) -> None:
        if name == "storage.publish.before_name":
            raise StorageError("no space left")

    with pytest.raises(StorageError):
        await execute(world, full, world.attempt(), kit.response(kit.answer(kit.image())))
    receipt = await finish(world, "a1")
    assert isinstance(receipt, Receipt)
    assert len(receipt.images) == 1
