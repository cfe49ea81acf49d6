"""A cluster of a real Ray: what a driver and its nodes tell each other goes over Ray's own wire."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

from batchgen.executor.cluster import ClusterExecutor, Equipment, Order
from batchgen.executor.cluster.ray_cluster import RayCluster
from batchgen.executor.protocol import Came, Setup
from batchgen.model import Attempt, Pending
from batchgen.storage import LocalStore, Workspace

ADDRESS = "BATCHGEN_TESTS_RAY"
"""The variable that says where the cluster is."""
LINGER = 1.0


def equip(order: Order) -> Equipment:
    """Make a node's equipment, on the node; it shares the folder of the tests."""
    root = Path(order.output)
    return Equipment("sk-conformance", Workspace(root), LocalStore(root))


class RayExecutor:
    """A `ClusterExecutor` whose nodes are actors of a Ray cluster; each session has new ones."""

    def __init__(self, setup: Setup) -> None:
        self._cluster = RayCluster(os.environ[ADDRESS], uuid4().hex, equip, linger=LINGER)
        root = str(setup.workspace.root)
        order = Order("owner", setup.provider, root, "", root, setup.prepare)
        self._driver = ClusterExecutor(self._cluster, order, 1, setup.clock)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[None]:
        """Begin the nodes, and let them leave."""
        try:
            async with self._driver.session():
                yield
        finally:
            await asyncio.to_thread(self._cluster.close, 1)

    async def execute(self, attempts: Sequence[Attempt]) -> Sequence[Came]:
        """Make attempts on the nodes."""
        return await self._driver.execute(attempts)

    async def collect(self, open: Sequence[Pending | Attempt]) -> Sequence[Came]:  # noqa: A002 - as in the protocol
        """Ask the nodes."""
        return await self._driver.collect(open)

    async def forget(self, attempt_id: str) -> None:
        """Tell the nodes."""
        await self._driver.forget(attempt_id)
