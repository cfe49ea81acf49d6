"""Every store of images, and how a test prepares it: one line for each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from batchgen.storage import ImageStore, LocalStore, PartFacts, Workspace
from batchgen.storage.images import Bucket, Cache, ObjectStore
from tests.storage import servers
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


def objects(root: Path) -> Bench:
    """Return a bucket in memory."""
    return bucket(root, f"memory:{root}", {})


def moto(root: Path) -> Bench:
    """Return a bucket of moto's server."""
    return served(root, servers.moto())


def s3rver(root: Path) -> Bench:
    """Return a bucket of a server that ignores conditions."""
    return served(root, servers.s3rver())


def azurite(root: Path) -> Bench:
    """Return a container of Azure's emulator."""
    return served(root, servers.azurite())


def google(root: Path) -> Bench:
    """Return a bucket of our stand-in for Google's store."""
    return served(root, servers.google())


def served(root: Path, server: servers.Server) -> Bench:
    """Return an address of a server that nobody has used."""
    return bucket(root, f"{server.address}/{token_hex(8)}", server.variables)


def bucket(root: Path, address: str, variables: Mapping[str, str]) -> Bench:
    """Return a store of objects, claimed as a run does it, so that it knows whether conditions are honoured."""

    def opened(**at: Any) -> ObjectStore:
        store = ObjectStore(Bucket(address, variables, plain_http=True), Cache(root / "cache"), **at)
        store.claim("ours")
        return store

    def plant(path: str, data: bytes) -> None:
        Bucket(address, variables, plain_http=True).replace(path, data, {})

    return Bench(Workspace(root), opened, plant)


STORES = {
    "local": local,
    "memory": memory,
    "objects": objects,
    "moto": moto,
    "s3rver": s3rver,
    "azurite": azurite,
    "google": google,
}
"""A further store is one more line, with a function that makes an empty one; each law then holds for it."""


SERVERS = frozenset({"moto", "s3rver", "azurite", "google"})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Crash at every step beside real servers by `make torture` only: each step takes many requests."""
    for item in items:
        if "test_a_crash_at_any_step" in item.name and any(f"[{server}-" in item.name for server in SERVERS):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(params=[*STORES.values()], ids=[*STORES])
def new_bench(request: Any, tmp_path: Path) -> Callable[[], Bench]:
    """Make empty stores of one kind."""
    numbers = count()
    return lambda: request.param(tmp_path / f"out-{next(numbers)}")


@pytest.fixture
def bench(new_bench: Callable[[], Bench]) -> Bench:
    """Make one empty store."""
    return new_bench()
