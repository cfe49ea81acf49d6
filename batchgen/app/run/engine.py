"""Makes a run's calls from the nodes of a Ray cluster."""

import getpass
import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from batchgen.app.config.environment import (
    check_authorities,
    environment,
    headers_for,
    key_for,
    proxies_in,
    without_core_files,
)
from batchgen.app.config.project import Project
from batchgen.app.config.stores import bucket_of, store_of
from batchgen.app.output.store import shard_of
from batchgen.app.watch import Watch
from batchgen.errors import InputError
from batchgen.executor.cluster import (
    HERE,
    MISSING_RAY,
    BucketReceipts,
    ClusterExecutor,
    Equipment,
    FolderReceipts,
    Order,
    RayCluster,
    Receipts,
    is_installed,
)
from batchgen.executor.protocol import Executor, MakeExecutor, Setup
from batchgen.ledger import Ledger
from batchgen.storage import ImageStore, Workspace
from batchgen.storage.durable import make_root
from batchgen.storage.images import ObjectStore, SharedFolder

RAY_ADDRESS = "RAY_ADDRESS"
"""Ray's own variable for the address of its cluster; jobs that Ray starts have it."""
NODES = "batchgen/nodes"
"""Where nodes spool below a folder that they share."""


def check_engine(project: Project) -> None:
    """Raise InputError for a cluster that cannot be used, before anything begins."""
    if not is_installed():
        raise InputError(MISSING_RAY)
    address = address_of(project)
    if address != HERE and not project.store:
        raise InputError(
            f"the nodes of the Ray cluster at {address} need a store that all of them reach: give `output.store` or "
            "--store, such as s3://bucket/catalogue, or file:///FOLDER for a folder that all of them share"
        )
    if address != HERE and project.provider.embedded and not project.provider.base_url:
        raise InputError(
            "the embedded mock can be reached from this machine only: start `batchgen mock` where all nodes of the Ray "
            "cluster reach it, and give its address as --base-url"
        )


def address_of(project: Project) -> str:
    """Return the address of the Ray cluster."""
    return project.settings.ray.address or project.variables.get(RAY_ADDRESS, "").strip() or HERE


@contextmanager
def engine(project: Project, ledger: Ledger, watch: Watch) -> Iterator[MakeExecutor]:
    """Give what makes the executors of a run; while inside, the cluster stays connected."""
    rules, address = project.settings.ray, address_of(project)
    owner = ledger.stores.identity()
    cluster = RayCluster(address, owner, equip, rules.per_node, rules.linger)
    note: Callable[[str], object] = lambda why: watch.on_note(why, urgent=True)  # noqa: E731

    def make(setup: Setup) -> Executor:
        """Order what nodes need; keys, headers and proxies they look up by themselves."""
        here = str(setup.workspace.root.resolve()) if address == HERE else ""
        order = Order(owner, setup.provider, here, project.store, str(Path.cwd()), setup.prepare, shard_of(project))
        return ClusterExecutor(cluster, order, ledger.runs.number, setup.clock, note)

    try:
        yield make
    finally:
        cluster.close(ledger.runs.number)


def equip(order: Order) -> Equipment:
    """Make of an order what a node needs, on the node: keys come from its own environment. Blocks."""
    provider, variables = order.provider, environment(Path(order.folder))
    without_core_files()
    key, headers = key_for(provider, variables), headers_for(provider, variables)
    check_authorities(provider, variables)
    root = Path(order.output) if order.output else _scratch(order)
    store = store_of(root, order.store, variables)
    return Equipment(
        key.reveal() if key else None,
        Workspace(root),
        store,
        _receipts(order, store, variables),
        {name: secret.reveal() for name, secret in headers.items()},
        proxies_in(variables),
    )


def _receipts(order: Order, store: ImageStore, variables: Mapping[str, str]) -> Receipts | None:
    """Make sure that the store is the driver's, and say where receipts go in it."""
    if not order.store:
        return None
    if isinstance(store, SharedFolder):
        _same(order, store.owner(order.shard))
        return FolderReceipts(store.root)
    if isinstance(store, ObjectStore):
        _same(order, store.owner(order.shard))
    return BucketReceipts(bucket_of(order.store, variables))


def _same(order: Order, owner: str) -> None:
    if owner != order.owner:
        raise InputError(f"{order.store} is not the store that the run uses: each node must reach the same one")


def _scratch(order: Order) -> Path:
    """Name the folder for answers on their way: in a shared folder, else on a disk of the node."""
    if order.store.startswith("file:"):
        return Path(urlsplit(order.store).path) / NODES
    name = hashlib.sha256(order.owner.encode()).hexdigest()[:16]
    root = Path(tempfile.gettempdir()) / f"batchgen-{getpass.getuser()}-{name}"
    make_root(root)
    root.chmod(0o700)
    return root
