"""A disk that fills up while a paid answer arrives: the run stops, and the answer is not lost."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from batchgen.errors import StorageError
from batchgen.executor.local import LocalExecutor
from batchgen.executor.protocol import Setup
from batchgen.model import Attempt, Receipt
from batchgen.runtime.clock import SystemClock
from batchgen.storage import LocalStore, Part, Spool, Workspace
from tests.offloading import in_place


class FullSpool(Spool):
    """A spool that has room for so many bytes."""

    room = 0

    def part(self, index: int, *, resume: bool = False) -> Part:
        """Check that a part of the little that is left."""
        if self.room < 0:
            raise StorageError("full")
        part = super().part(index, resume=resume)
        return FullPart(part, self)


class FullPart(Part):
    """A part that stops taking bytes."""

    def __init__(self, part: Part, spool: FullSpool) -> None:
        super().__init__(part.index, part.where, part._descriptor or 0)
        self._spool = spool

    def write(self, *pieces: Any) -> None:
        """Take what fits, then refuse."""
        data, room = b"".join(pieces), self._spool.room
        self._spool.room = room - len(data)
        if self._spool.room < 0:
            with self.path.open("ab") as file:
                file.write(data[:room])
            raise StorageError(f"{self.path}: the disk is full")
        super().write(data)


class FullWorkspace(Workspace):
    """An output folder whose spools have little room."""

    room = 0

    def spool(self, attempt_id: str) -> Spool:
        """Return a spool that fills up."""
        spool = FullSpool(self.root, attempt_id, self._at)
        spool.room = self.room
        return spool


async def attempt(world: Any, kit: Any, home: Workspace, away: Workspace | None) -> list[bytes]:
    """Return an answer with two images that the home folder refuses."""
    data = [kit.image(200, 200, colour=c) for c in ("red", "blue")]
    world.server.reply = kit.sends(kit.response(kit.answer(*data)), piece=100)
    executor = executor_in(world, home, away)
    async with executor.session():
        with pytest.raises(StorageError, match="full"):
            await executor.execute([world.attempt(2)])
    return data


def executor_in(world: Any, home: Workspace, away: Workspace | None) -> LocalExecutor:
    """Return an executor with a folder on another disk."""
    store = LocalStore(world.root)
    setup = Setup(world.provider, world.key, home, store, clock=SystemClock(), offload=in_place, spare=away)
    return LocalExecutor(setup)


async def collected(world: Any, away: Workspace, attempt: Attempt) -> Receipt:
    """Say what the next run finds, twice: it is the same."""
    executor = executor_in(world, Workspace(world.root), away)
    async with executor.session():
        (receipt,) = await executor.collect([attempt])
        assert await executor.collect([attempt]) == [receipt]
    assert isinstance(receipt, Receipt)
    return receipt


@pytest.mark.parametrize("room", [-1, 0, 10, 150, 400, 700, 900])
async def test_what_was_paid_waits_on_another_disk(world: Any, kit: Any, tmp_path: Path, room: int) -> None:
    """Wherever the disk fills up, both images come back once there is room."""
    home, away = FullWorkspace(world.root), Workspace(tmp_path / "away")
    home.room = room
    data = await attempt(world, kit, home, away)
    assert away.spools() == ("a1",)
    receipt = await collected(world, away, replace(world.attempt(2), id="a1"))
    assert away.spools() == ()
    assert [world.file(p.path) for p in receipt.images] == data
    assert not receipt.missing


@pytest.mark.parametrize("point", ["storage.finish.before_parts", "storage.finish.before_answer"])
async def test_an_answer_that_cannot_be_finished_at_home(world: Any, kit: Any, tmp_path: Path, point: str) -> None:
    """Also when only the last step fails."""

    def full(name: str) -> None:
        if name == point:
            raise StorageError("full")

    away = Workspace(tmp_path / "away")
    data = await attempt(world, kit, Workspace(world.root, at=full), away)
    receipt = await collected(world, away, replace(world.attempt(2), id="a1"))
    assert [world.file(p.path) for p in receipt.images] == data


async def test_without_another_disk_what_came_stays(world: Any, kit: Any) -> None:
    """The error is raised at once and nothing that was written is thrown away."""
    home = FullWorkspace(world.root)
    home.room = 150
    data = await attempt(world, kit, home, None)
    left = (world.root / "spool" / "a1" / "0.part").read_bytes()
    assert left
    assert data[0].startswith(left)
