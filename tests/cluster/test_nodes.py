"""Nodes and drivers as objects of one process: who is obeyed, who finds what again, and when a node leaves."""

import asyncio
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from batchgen.api import run_sync
from batchgen.errors import Exit, InputError, StorageError
from batchgen.executor.cluster import ClusterExecutor, Equipment, FolderReceipts, Order
from batchgen.executor.cluster.order import NotDone
from batchgen.executor.cluster.worker import NodeWorker
from batchgen.mock import MockConfig
from batchgen.mock.embedded import Handle, start_embedded
from batchgen.model import Attempt, Lost, Pending, Provider, Receipt
from batchgen.runtime.clock import SystemClock
from batchgen.storage import LocalStore, Workspace
from tests.cluster.conftest import has_ray
from tests.executor.conformance.conftest import Bench
from tests.executor.conformance.nodes import ClusterHere, NodesExecutor
from tests.patience import PATIENCE

SLOW = "a lamp [[mock: fault=late delay=1]]"


class Yard:
    """One store and one provider; the spool of the nodes is beside the store."""

    def __init__(self, root: Path, handle: Handle) -> None:
        self.root = root
        self.handle = handle
        self.order = Order("owner", Provider("mock", handle.base_url, "MOCK_KEY", "gpt-image-2"), "", "", str(root))
        self.cluster = ClusterHere(self.equip, SystemClock())
        self._bench = Bench(NodesExecutor, root, handle)

    def equip(self, _order: Order) -> Equipment:
        """Make what a node needs."""
        receipts = FolderReceipts(self.root / "shared")
        return Equipment("sk-node", Workspace(self.root / "node"), LocalStore(self.root / "shared"), receipts)

    def driver(self, epoch: int) -> ClusterExecutor:
        """Return a driver."""
        return ClusterExecutor(self.cluster, self.order, epoch, SystemClock())

    def attempt(self, prompt: str = "a lamp") -> Attempt:
        """Return a new attempt."""
        return self._bench.attempt(prompt)

    @property
    def sent(self) -> int:
        """Calls that the provider got."""
        return len(self.handle.bill()["requests"])


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    """Return an empty store."""
    handle = start_embedded(MockConfig())
    yield Yard(tmp_path, handle)
    handle.stop()


async def test_nodes_obey_the_newest_driver_only(yard: Yard) -> None:
    """The older one is told so, and nothing of it is sent."""
    older = yard.driver(1)
    async with older.session(), yard.driver(2).session():
        with pytest.raises(StorageError, match="another run has begun"):
            await older.execute([yard.attempt()])
    await yard.cluster.close()
    assert yard.sent == 0


async def test_a_newer_driver_joins_what_is_under_way(yard: Yard) -> None:
    """The older one learns nothing of what came, so that it is written down once."""
    older, newer, attempt = yard.driver(1), yard.driver(2), yard.attempt(SLOW)
    async with older.session():
        first = asyncio.create_task(older.execute([attempt]))
        await asyncio.sleep(0.3)
        async with newer.session():
            (came,) = await newer.collect([attempt])
            while isinstance(came, Pending):
                await asyncio.sleep(0.05)
                (came,) = await newer.collect([came])
            with pytest.raises(StorageError, match="another run has begun"):
                await first
    assert isinstance(came, Receipt)
    await yard.cluster.close()
    assert yard.sent == 1


async def test_a_receipt_that_nobody_took_stands_beside_the_images(yard: Yard) -> None:
    """It is found by whatever node comes later, also when the disk of the first one is gone, until it is forgotten."""
    attempt = yard.attempt()
    first = yard.driver(1)
    async with first.session():
        (receipt,) = await first.execute([attempt])
    for node in yard.cluster.here:
        await node.worker.end(1)
        await node.worker.close()
    shutil.rmtree(yard.root / "node")
    yard.cluster = ClusterHere(yard.equip, SystemClock())
    second = yard.driver(2)
    async with second.session():
        assert await second.collect([attempt]) == [receipt]
        await second.forget(attempt.id)
        assert isinstance((await second.collect([attempt]))[0], Lost)
    await yard.cluster.close()
    assert isinstance(receipt, Receipt)
    assert yard.sent == 1


class Ahead(SystemClock):
    """A clock that can be set forward."""

    def __init__(self) -> None:
        self.more = 0.0

    def monotonic(self) -> float:
        """Return the time."""
        return super().monotonic() + self.more

    async def sleep(self, seconds: float) -> None:
        """Sleep hardly at all."""
        await asyncio.sleep(min(seconds, 0.01))


async def test_a_node_without_a_driver_leaves_when_all_is_done_and_its_linger_is_over(yard: Yard) -> None:
    """Not before, and with what it knows written down."""
    clock, left = Ahead(), asyncio.Event()
    worker = NodeWorker(yard.equip, 120.0, clock, left.set)
    assert await worker.begin(1, yard.order) is None
    attempt = replace(yard.attempt(SLOW), deadline=10_000.0)
    task = asyncio.create_task(worker.execute(1, yard.order, attempt))
    await asyncio.sleep(0.1)
    worker.watch()
    clock.more = 119.0
    await asyncio.sleep(0.1)
    assert not left.is_set()
    clock.more = 500.0
    await asyncio.sleep(0.1)
    assert not left.is_set()  # it still draws
    await task
    clock.more = 1000.0
    async with asyncio.timeout(PATIENCE):
        await left.wait()
    await worker.close()
    assert FolderReceipts(yard.root / "shared").get(attempt.id) is not None


async def test_what_is_amiss_on_a_node_is_told_as_a_value(yard: Yard) -> None:
    """Another version, or a key that is not set there."""

    def keyless(_order: Order) -> Equipment:
        raise InputError("no key there")

    worker = NodeWorker(keyless)
    assert await worker.begin(1, yard.order) == NotDone(Exit.INPUT, "no key there")
    other = Order("owner", yard.order.provider, "", "", "", version="0.0.1")
    told = await worker.begin(1, other)
    assert isinstance(told, NotDone)
    assert "0.0.1" in told.why
    with pytest.raises(InputError, match="no key there"):
        async with ClusterExecutor(ClusterHere(keyless, SystemClock()), yard.order, 1, SystemClock()).session():
            pass


MANIFEST = """\
provider: mock
engine: {ray: {address: "127.0.0.1:6379"}}
jobs: [{prompt: a lamp}]
"""


@has_ray
@pytest.mark.parametrize(("store", "why"), [("", "need a store"), ("file:///tmp/there", "embedded mock")])
def test_what_a_cluster_cannot_do_is_refused_before_anything_begins(tmp_path: Path, store: str, why: str) -> None:
    """Without a store that all nodes reach, or with a provider that only this machine has."""
    path = tmp_path / "m.yaml"
    path.write_text(MANIFEST, "utf-8")
    with pytest.raises(InputError, match=why):
        run_sync(path, output=tmp_path / "out", store=store or None)
