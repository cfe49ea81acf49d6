"""Worlds in memory: nothing here needs to survive the machine."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.simulation.world import World

NewWorld = Callable[[object], World]


@pytest.fixture
def new_world(tmp_path: Path) -> Iterator[NewWorld]:
    """Make worlds, each with a ledger of its own, in memory where the machine has such a place."""
    memory = Path("/dev/shm")
    root = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else tmp_path))
    worlds: list[World] = []

    def make(seed: object) -> World:
        while worlds:
            worlds.pop().close()
        for old in root.iterdir():
            old.unlink()
        worlds.append(World(root / "ledger.db", seed))
        return worlds[-1]

    yield make
    for world in worlds:
        world.close()
    shutil.rmtree(root)
