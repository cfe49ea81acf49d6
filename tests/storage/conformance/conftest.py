"""Every store of images, and how a test prepares it: one line for each."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from batchgen.storage import ImageStore, LocalStore, PartFacts, Workspace
from tests.storage.conformance.memory import MemoryStore, Objects


@dataclass
class Bench:
    """One store, empty at first: `opened` opens it as a new process does, `plant` puts a stranger's file into it."""

    workspace: Workspace
    opened: Callable[..., ImageStore]
    plant: Callable[[str, bytes], object]

    @property
    def store(self) -> ImageStore:
        """The store, without fault points."""
        return self.opened()

    def part(self, data: bytes, attempt: str = "one", index: int = 0, *, finished: bool = True) -> PartFacts:
        """Write bytes into the spool of an attempt, as an answer that came."""
        spool = self.workspace.spool(attempt)
        part = spool.part(index)
        part.write(data)
        facts = part.close()
        if finished:
            spool.finish({"attempt": attempt})
        return facts

    def stored(self) -> dict[str, bytes]:
        """Every image by its path, as the store gives it out."""
        return {
            file.path: self.read(file.path)
            for folder in ("images", "superseded")
            for file in self.store.listing(folder)
        }

    def sidecars(self) -> dict[str, bytes]:
        """Every sidecar by the path of its image."""
        found = {path: self.store.read_sidecar(path) for path in self.stored()}
        return {path: data for path, data in found.items() if data is not None}

    def read(self, path: str) -> bytes:
        """Return the bytes of an image."""
        with self.store.open(path) as file:
            return file.read()


def local(root: Path) -> Bench:
    """Return a folder of this machine."""

    def plant(path: str, data: bytes) -> None:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)

    return Bench(Workspace(root), lambda **at: LocalStore(root, **at), plant)


def memory(root: Path) -> Bench:
    """Return a dictionary."""
    objects = Objects()
    return Bench(Workspace(root), lambda **at: MemoryStore(objects, **at), objects.plant)


STORES = {"local": local, "memory": memory}
"""A further store is one more line, with a function that makes an empty one; each law then holds for it."""


@pytest.fixture(params=[*STORES.values()], ids=[*STORES])
def new_bench(request: Any, tmp_path: Path) -> Callable[[], Bench]:
    """Make empty stores of one kind."""
    numbers = count()
    return lambda: request.param(tmp_path / f"out-{next(numbers)}")


@pytest.fixture
def bench(new_bench: Callable[[], Bench]) -> Bench:
    """Make one empty store."""
    return new_bench()
