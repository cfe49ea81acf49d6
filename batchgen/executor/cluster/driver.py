"""The driver's side of a cluster: hands attempts to nodes, and finds again what they brought."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from zlib import crc32

from batchgen.errors import AccountError, BatchgenError, Exit, InputError, Occupied, StorageError
from batchgen.executor.cluster.order import HANDLE, Cluster, Fenced, Node, NodeGone, NodeSilent, NotDone, Order
from batchgen.executor.protocol import Came
from batchgen.model import Attempt, Lost, Pending, Phase, Receipt
from batchgen.providers.verdict import CallEvidence, TransportError, judge
from batchgen.runtime.clock import Clock

REFRESH_SECONDS = 5.0
"""How often nodes are counted, and told that their driver is alive."""
NO_NODE_SECONDS = 60.0
"""So long an attempt waits where no node is left, before it comes back unsent."""
BEGIN_SECONDS = 60.0
"""How long a node may take to get ready."""
SILENT = timedelta(seconds=5)
"""When to look again for what a node that does not answer may have."""
FENCED = "another run has begun in this output, and the cluster listens to that one: this run has stopped"
GONE = "no node of the cluster knows it any more"
_ERRORS: dict[Exit, type[BatchgenError]] = {
    Exit.INPUT: InputError,
    Exit.ACCOUNT: AccountError,
    Exit.STORAGE: StorageError,
}


@dataclass(eq=False)
class Place:
    """A node, what is under way there, and whether it answers."""

    node: Node
    ids: set[str] = field(default_factory=set)
    silent: bool = False


@dataclass(eq=False)
class ClusterExecutor:
    """Makes attempts on the nodes of a cluster; one that lives and has room is as good as another.

    `order` is what its nodes are to do; `note` tells people of nodes that cannot be used.
    """

    cluster: Cluster
    order: Order
    epoch: int
    clock: Clock
    note: Callable[[str], object] = lambda _why: None

    def __post_init__(self) -> None:
        self._places: dict[str, Place] = {}
        self._refused: dict[str, str] = {}
        self._mine: dict[str, Place] = {}
        self._free = asyncio.Event()
        self._refreshing = asyncio.Lock()

    @asynccontextmanager
    async def session(self) -> AsyncIterator[None]:
        """Get the nodes ready; InputError or AccountError when none of them can be used.

        At the end attempts that were begun here break off. What an earlier driver began goes on.
        """
        first = await self._refresh()
        if not self._places:
            raise first or InputError("the cluster has no node with a CPU that is alive")
        keeper = asyncio.create_task(self._keep())
        try:
            yield
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
            await self._break_off()

    async def execute(self, attempts: Sequence[Attempt]) -> Sequence[Came]:
        """Make these attempts side by side, each once, on whatever node has room."""
        if len(attempts) == 1:
            return [await self._execute(attempts[0])]
        return await asyncio.gather(*map(self._execute, attempts))

    async def collect(self, open: Sequence[Pending | Attempt]) -> Sequence[Came]:  # noqa: A002 - as in the protocol
        """Ask the nodes for what is under way or was left there, and look beside the images."""
        found: dict[int, Came] = {}
        images = {at: one for at, one in enumerate(open) if isinstance(one, Pending) and one.remote}
        found |= await self._at_addresses(images)
        ours = {at: _attempt(one) for at, one in enumerate(open) if at not in images}
        silent = await self._ask_nodes(ours, found)
        for at, one in ours.items():
            if at not in found:
                found[at] = self._unseen(open[at], one, silent=silent)
        return [_whole(found[at], one) for at, one in enumerate(open)]

    async def forget(self, attempt_id: str) -> None:
        """Tell the nodes that the ledger has it."""
        place = self._mine.pop(attempt_id, None)
        for one in [place] if place and place.node.name in self._places else list(self._places.values()):
            with suppress(NodeGone, NodeSilent):
                _raise(await one.node.ask("forget", self.order, [attempt_id]))

    # ---- one attempt -------------------------------------------------------------------------------------------------

    async def _execute(self, attempt: Attempt) -> Came:
        place = await self._place()
        if place is None:
            return self._unsent(attempt)
        place.ids.add(attempt.id)
        self._mine[attempt.id] = place
        try:
            came = await place.node.ask("execute", self.epoch, self.order, attempt)
        except NodeGone as gone:
            self._drop(place, str(gone))
            return await self._after(attempt, place)
        except NodeSilent:
            place.silent = True
            return await self._after(attempt, place)
        finally:
            self._leave(place, attempt.id)
        settled: Came = _raise(came, sent=True)
        return settled

    def _leave(self, place: Place, attempt_id: str) -> None:
        """Make room; what is broken off from here is still under way there, and is remembered for `_break_off`."""
        task = asyncio.current_task()
        if task is None or not task.cancelling():
            place.ids.discard(attempt_id)
        self._free.set()

    async def _after(self, attempt: Attempt, place: Place) -> Came:
        """See what is left of an attempt whose node does not answer any more."""
        await self._refresh()
        (came,) = await self.collect([attempt])
        if isinstance(came, Lost):
            return Lost(attempt.id, f"node {place.node.where} died")
        return replace(came, attempt=None) if isinstance(came, Pending) else came

    async def _place(self) -> Place | None:
        """Wait for room on the node that has the most of it; None when there has been no node for too long."""
        until = self.clock.monotonic() + NO_NODE_SECONDS
        while True:
            usable = [one for one in self._places.values() if not one.silent]
            if usable:
                best = min(usable, key=lambda one: len(one.ids))
                if len(best.ids) < self.cluster.per_node:
                    return best
                until = self.clock.monotonic() + NO_NODE_SECONDS
            elif self.clock.monotonic() >= until:
                return None
            self._free.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._free.wait(), REFRESH_SECONDS)

    def _unsent(self, attempt: Attempt) -> Receipt:
        evidence = CallEvidence(Phase.NOT_CONNECTED, TransportError.CONNECT, detail="no node of the cluster is alive")
        return Receipt(attempt.id, Phase.NOT_CONNECTED, judge(evidence))

    async def _break_off(self) -> None:
        """End what was begun here and is under way."""
        under_way = [(place, list(place.ids)) for place in self._places.values() if place.ids]
        for place, ids in under_way:
            with suppress(NodeGone, NodeSilent):
                await place.node.ask("break_off", self.epoch, ids)

    # ---- collecting --------------------------------------------------------------------------------------------------

    async def _ask_nodes(self, ours: dict[int, Attempt | Pending], found: dict[int, Came]) -> bool:
        """Ask every node what it knows of, then for what is in its spool; what one has is not asked of the next.

        Says whether one did not answer.
        """
        silent = False
        for method in ("known", "left"):
            for place in list(self._places.values()):
                rest = {at: one for at, one in ours.items() if _is_open(found.get(at), one)}
                if not rest:
                    return silent
                asked = list(rest.values())
                more = (self.order, asked) if method == "left" else ([one.attempt_id for one in asked],)
                told = await self._ask(place, method, self.epoch, *more)
                silent = silent or told is None
                for at, came in zip(rest, told or (), strict=False):
                    if came is not None:
                        found[at] = _raise(came)
        return silent

    async def _at_addresses(self, images: dict[int, Pending]) -> dict[int, Came]:
        """Let nodes fetch images, all those of an attempt on the same one."""
        found: dict[int, Came] = {}
        places = sorted(self._places.values(), key=lambda one: one.node.name)
        shares: dict[int, list[int]] = {}
        for at, one in images.items():
            shares.setdefault(crc32(one.attempt_id.encode()) % max(1, len(places)), []).append(at)
        for share, ats in shares.items():
            waiting = [images[at] for at in ats]
            told = await self._ask(places[share], "collect", self.epoch, self.order, waiting) if places else None
            for at, came in zip(ats, told or [None] * len(ats), strict=True):
                found[at] = replace(images[at], next_look=None, why="its node died") if came is None else _raise(came)
        return found

    def _unseen(self, asked: Pending | Attempt, ours: Attempt | Pending, *, silent: bool) -> Came:
        """Say of what nobody knows that it is lost; while a node does not answer, it may be there."""
        if isinstance(ours, Pending):
            return replace(ours, next_look=None, why="accepted elsewhere, and not here yet")
        if silent:
            return Pending(ours.id, HANDLE, next_look=self.clock.now() + SILENT, attempt=ours)
        return Lost(asked.attempt_id, GONE)

    # ---- nodes -------------------------------------------------------------------------------------------------------

    async def _ask(self, place: Place, method: str, *args: Any) -> Sequence[Any] | None:
        """Ask a node for a list; None when it does not answer, and nothing when it is dead."""
        try:
            told = await place.node.ask(method, *args)
        except NodeGone as gone:
            self._drop(place, str(gone))
            return ()
        except NodeSilent:
            place.silent = True
            return None
        place.silent = False
        if isinstance(told, Fenced):
            raise StorageError(FENCED)
        return told if isinstance(told, list | tuple) else [told]

    async def _keep(self) -> None:
        """Count the nodes, and tell them that their driver is alive."""
        while True:
            await self.clock.sleep(REFRESH_SECONDS)
            with suppress(BatchgenError):
                await self._refresh()
                for place in list(self._places.values()):
                    await self._ask(place, "beat", self.epoch)

    async def _refresh(self) -> BatchgenError | None:
        """Take in nodes that joined and give up those that left; what the first one that cannot be used says."""
        async with self._refreshing:
            nodes = {node.name: node for node in await self.cluster.nodes()}
            for name in [*self._places]:
                if name not in nodes:
                    self._drop(self._places[name], "left the cluster")
            new = [node for name, node in nodes.items() if name not in self._places and name not in self._refused]
            errors = await asyncio.gather(*map(self._begin, new))
            self._free.set()
        return next((error for error in errors if error), None)

    async def _begin(self, node: Node) -> BatchgenError | None:
        """Get a node ready; what keeps it from that."""
        try:
            async with asyncio.timeout(BEGIN_SECONDS):
                told = await node.ask("begin", self.epoch, self.order)
        except (NodeGone, NodeSilent, TimeoutError) as error:
            told = NotDone(Exit.INPUT, str(error) or f"not ready within {BEGIN_SECONDS:g} s")
        if isinstance(told, Fenced):
            raise StorageError(FENCED)
        if not isinstance(told, NotDone):
            self._places[node.name] = Place(node)
            return None
        why = f"node {node.where}: {told.why}"
        self._refused[node.name] = why
        self.note(f"{why}; it gets nothing to do")
        refused: BatchgenError = _ERRORS.get(told.exit, InputError)(why)
        return refused

    def _drop(self, place: Place, why: str) -> None:
        if self._places.pop(place.node.name, None):
            self.note(f"node {place.node.where}: {why}")
        self._free.set()


def _attempt(one: Pending | Attempt) -> Attempt | Pending:
    """Say what nodes are asked for: the attempt itself, or what it was accepted as by somebody else."""
    if isinstance(one, Pending) and one.handle == HANDLE and one.attempt is not None:
        return one.attempt
    return one


def _is_open(came: Came | None, ours: Attempt | Pending) -> bool:
    """Whether a node has to look closer: at what none knows, and at what was accepted by somebody else."""
    if came is None:
        return True
    return isinstance(ours, Pending) and isinstance(came, Pending) and came.handle == ours.handle and not came.next_look


def _whole(came: Came, asked: Pending | Attempt) -> Came:
    """Say of what is pending what was asked."""
    if not isinstance(came, Pending):
        return came
    attempt = asked if isinstance(asked, Attempt) else asked.attempt
    return replace(came, attempt=came.attempt or attempt)


def _raise(came: Any, *, sent: bool = False) -> Any:
    """Return what came; raise what a node says that went wrong there."""
    if isinstance(came, Fenced):
        raise StorageError(FENCED)
    if not isinstance(came, NotDone):
        return came
    if came.occupied:
        raise Occupied(came.why)
    if came.exit is Exit.BUG:
        raise RuntimeError(came.why)
    raise (StorageError if sent else _ERRORS.get(came.exit, StorageError))(came.why)
