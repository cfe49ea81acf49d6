"""What a driver and the nodes of a cluster tell each other: plain data, and no secret in it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from batchgen.errors import Exit
from batchgen.executor.cluster.receipts import Receipts
from batchgen.executor.proxies import DIRECT, Proxies
from batchgen.model import Prepare, Provider
from batchgen.storage import ImageStore, Workspace
from batchgen.version import VERSION

HANDLE = "cluster"
"""The handle of an attempt that is under way on a node."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a node needs to know to make attempts: names, addresses and rules.

    `provider` names the variables of keys, which each node looks up by itself. `owner` is the identity of the ledger.
    `output` is the output folder where nodes share this machine, else empty; `folder` is where a `.env` may be.
    """

    owner: str
    provider: Provider
    output: str
    store: str
    folder: str
    prepare: Prepare = field(default_factory=Prepare)
    shard: str = ""
    version: str = VERSION


@dataclass(frozen=True, slots=True)
class Equipment:
    """What a node makes of an order: the key, the store and a workspace of its own."""

    key: str | None
    workspace: Workspace
    store: ImageStore
    receipts: Receipts | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    proxies: Proxies = DIRECT


Equip = Callable[[Order], Equipment]
"""Makes a node's equipment, on the node. BatchgenError when something is missing there."""


@dataclass(frozen=True, slots=True)
class NotDone:
    """Why a node did not do what it was asked. `occupied`: one image's place alone is taken."""

    exit: Exit
    why: str
    occupied: bool = False


@dataclass(frozen=True, slots=True)
class Fenced:
    """A newer driver has taken over: this one has no say any more."""

    epoch: int


class NodeGone(Exception):
    """A node, or what worked there for us, is dead."""


class NodeSilent(Exception):
    """A node does not answer now; it may be alive, and at work."""


class Node(Protocol):
    """One process of a cluster that makes attempts, as its driver sees it."""

    @property
    def name(self) -> str:
        """Tell it from others; another process on the same machine later has another name."""

    @property
    def where(self) -> str:
        """Say for people which machine it is."""

    async def ask(self, method: str, /, *args: Any) -> Any:
        """Call a method of its `NodeWorker`; NodeGone or NodeSilent when no answer comes."""


class Cluster(Protocol):
    """Knows the nodes of this moment."""

    @property
    def per_node(self) -> int:
        """How many attempts one node makes side by side."""

    async def nodes(self) -> Sequence[Node]:
        """List the nodes that are alive, each with a process of ours, begun where none is."""
