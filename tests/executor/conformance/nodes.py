"""A cluster whose nodes are objects of this process: what a driver and its nodes tell each other, without a wire."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from batchgen.executor.cluster import ClusterExecutor, Equipment, Order
from batchgen.executor.cluster.order import Node
from batchgen.executor.cluster.worker import NodeWorker
from batchgen.executor.protocol import Came, Setup
from batchgen.model import Attempt, Pending
from batchgen.runtime.clock import Clock

NODES = 2


@dataclass(eq=False)
class NodeHere:
    """A node that is asked by calling it."""

    name: str
    worker: NodeWorker

    @property
    def where(self) -> str:
        """Its name, for people."""
        return self.name

    async def ask(self, method: str, /, *args: Any) -> Any:
        """Call the worker."""
        return await getattr(self.worker, method)(*args)


class ClusterHere:
    """Nodes that begin with a driver, and are gone with it: only what is on the disk is left."""

    per_node = 64

    def __init__(self, equip: Callable[[Order], Equipment], clock: Clock) -> None:
        self.here = [NodeHere(f"node-{number}", NodeWorker(equip, clock=clock)) for number in range(NODES)]

    async def nodes(self) -> Sequence[Node]:
        """List all."""
        return self.here

    async def close(self) -> None:
        """End all."""
        for node in self.here:
            await node.worker.close()


class NodesExecutor:
    """A `ClusterExecutor` with its cluster, which ends with the session."""

    def __init__(self, setup: Setup) -> None:
        equipment = Equipment(setup.key, setup.workspace, setup.store, headers=setup.own_headers, proxies=setup.proxies)
        self._cluster = ClusterHere(lambda _order: equipment, setup.clock)
        root = str(setup.workspace.root)
        order = Order("owner", setup.provider, root, "", root, setup.prepare)
        self._driver = ClusterExecutor(self._cluster, order, 1, setup.clock)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[None]:
        """Begin the nodes, and end them."""
        async with self._driver.session():
            yield
        await self._cluster.close()

    async def execute(self, attempts: Sequence[Attempt]) -> Sequence[Came]:
        """Make attempts on the nodes."""
        return await self._driver.execute(attempts)

    async def collect(self, open: Sequence[Pending | Attempt]) -> Sequence[Came]:  # noqa: A002 - as in the protocol
        """Ask the nodes."""
        return await self._driver.collect(open)

    async def forget(self, attempt_id: str) -> None:
        """Tell the nodes."""
        await self._driver.forget(attempt_id)
