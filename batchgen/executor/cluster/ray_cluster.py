"""The only module that knows Ray: nodes, one actor on each, and what their calls raise."""

import asyncio
import logging
import os
import secrets
from collections import defaultdict
from collections.abc import Awaitable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import count
from typing import Any

from batchgen.errors import Exit, InputError
from batchgen.executor.cluster.order import Equip, Node, NodeGone, NodeSilent, NotDone
from batchgen.executor.cluster.worker import NodeWorker

MISSING_RAY = "pip install 'batchgen-images[ray]' brings Ray, which `--engine ray` needs"
NAMESPACE = "batchgen"
HERE = "local"
"""The address of a cluster that is begun on this machine, and ends with this process."""
LEAST_STORE = 80 * 1024 * 1024
"""Bytes of the shared memory that Ray wants at least; nothing of ours goes through it."""
CONTROL = 64
"""Calls of an actor beside the attempts that it makes."""
TAKE_SECONDS = 10.0
"""How long a driver waits for what calls bring, before it asks anew."""
TOGETHER_SECONDS = 0.005
"""How long what one call brought waits for what others bring."""
Call = tuple[int, Any]
"""The number that a driver gave a call, and its arguments, or what it brought."""


def is_installed() -> bool:
    """Whether Ray can be used here."""
    return find_spec("ray") is not None


class RayWorker:
    """The actor: a `NodeWorker` whose process it ends."""

    def __init__(self, equip: Equip, linger: float) -> None:
        """Make it; the event loop is there when the first method runs."""
        self._worker = NodeWorker(equip, linger, leave=self._leave)
        self._outboxes = defaultdict[str, Outbox](Outbox)

    async def ask(self, method: str, args: tuple[Any, ...]) -> Any:
        """Call a method of the worker."""
        self._worker.watch()
        return await getattr(self._worker, method)(*args)

    async def begin(self, driver: str, calls: Sequence[Call]) -> None:
        """Begin calls of `execute`; `take` gives what they bring."""
        self._worker.watch()
        for number, args in calls:
            self._outboxes[driver].begin(number, self._worker.execute(*args))

    async def take(self, driver: str, came: Sequence[int]) -> Sequence[Call]:
        """Wait until calls have ended, and give what they brought, until the driver says that it came."""
        return await self._outboxes[driver].take(came)

    async def leave(self) -> None:
        """End this process."""
        await self._worker.close()
        _ray().actor.exit_actor()

    @staticmethod
    def _leave() -> None:
        import ray

        ray.get_runtime_context().current_actor.leave.remote()


class Outbox:
    """What the calls of one driver brought, until it takes it: many with one answer, as an answer of Ray costs most.

    What a driver does not take, the worker still knows.
    """

    def __init__(self) -> None:
        """Begin empty."""
        self._ended: dict[int, Any] = {}
        self._some = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, number: int, work: Awaitable[Any]) -> None:
        """Begin a call."""
        task = asyncio.create_task(self._end(number, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _end(self, number: int, work: Awaitable[Any]) -> None:
        try:
            self._ended[number] = await work
        except Exception as bug:  # noqa: BLE001 - it is raised again in the driver, which waits for this call
            self._ended[number] = NotDone(Exit.BUG, f"a bug on a node: {type(bug).__name__}")
        self._some.set()

    async def take(self, came: Sequence[int]) -> Sequence[Call]:
        """Wait for what ends, and a moment longer for what ends with it; what came before is let go of."""
        for number in came:
            self._ended.pop(number, None)
        if not self._ended:
            self._some.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._some.wait(), TAKE_SECONDS)
                await asyncio.sleep(TOGETHER_SECONDS)
        return list(self._ended.items())


@dataclass(eq=False)
class RayNode:
    """An actor on a node.

    Attempts that begin in the same turn of the loop travel together, and so does what they bring.
    """

    name: str
    where: str
    actor: Any

    def __post_init__(self) -> None:
        self._driver = secrets.token_hex(8)
        self._numbers = count()
        self._new: list[Call] = []
        self._open: dict[int, asyncio.Future[Any]] = {}
        self._taking: asyncio.Task[None] | None = None

    async def ask(self, method: str, /, *args: Any) -> Any:
        """Call the actor; NodeGone when it is dead, NodeSilent when it cannot be reached."""
        if method != "execute":
            return await _answer(self.actor.ask.remote(method, args))
        number, loop = next(self._numbers), asyncio.get_running_loop()
        waiting = self._open[number] = loop.create_future()
        if not self._new:
            loop.call_soon(self._send)
        self._new.append((number, args))
        if self._taking is None:
            self._taking = loop.create_task(self._take())
            self._taking.add_done_callback(lambda taken: self._fail(list(self._open), taken))
        try:
            return await waiting
        finally:
            del self._open[number]
            if waiting.cancelled() and not self._open and self._taking is not None:
                self._taking.cancel()
                self._taking = None  # whoever begins in this turn takes what it brings

    def _send(self) -> None:
        calls, self._new = self._new, []
        sent = asyncio.ensure_future(self._begun(calls))
        sent.add_done_callback(lambda sent: self._fail([number for number, _ in calls], sent))

    async def _begun(self, calls: Sequence[Call]) -> None:
        await _answer(self.actor.begin.remote(self._driver, calls))

    async def _take(self) -> None:
        """Take what attempts bring, as long as any is under way."""
        came: list[int] = []
        try:
            while self._open:
                brought = await _answer(self.actor.take.remote(self._driver, came))
                came = [number for number, _ in brought]
                for number, one in brought:
                    if (waiting := self._open.get(number)) and not waiting.done():
                        waiting.set_result(one)
                await asyncio.sleep(0)  # who waited goes on first
        finally:
            if self._taking is asyncio.current_task():
                self._taking = None

    def _fail(self, numbers: Iterable[int], told: "asyncio.Future[Any]") -> None:
        """Tell those who wait that no answer comes, and why."""
        error = None if told.cancelled() else told.exception()
        for number in numbers if error else ():
            if (waiting := self._open.get(number)) and not waiting.done():
                waiting.set_exception(NodeGone(str(error)) if isinstance(error, NodeGone) else NodeSilent(str(error)))


async def _answer(reply: Awaitable[Any]) -> Any:
    """Wait for what an actor answers; NodeGone when it is dead, NodeSilent when it cannot be reached."""
    from ray import exceptions

    try:
        return await reply
    except exceptions.ActorUnavailableError as error:
        raise NodeSilent(_short(error)) from None
    except (exceptions.RayActorError, exceptions.RayTaskError, exceptions.WorkerCrashedError) as error:
        raise NodeGone(_short(error)) from None
    except exceptions.RayError as error:
        raise NodeSilent(_short(error)) from None


@dataclass(eq=False)
class RayCluster:
    """A Ray cluster at an address, or of all cores of this machine; connected when its nodes are first asked for.

    `owner` names whose actors these are: a later driver of the same output finds them again. Ray is spoken to from one
    thread that lives as long as the connection: the processes that Ray starts end with the thread that started them.
    """

    address: str
    owner: str
    equip: Equip
    per_node: int = 64
    linger: float = 120.0
    cores: int = field(default_factory=lambda: os.cpu_count() or 1)

    def __post_init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "ray")
        self._connected = False
        self._actors: dict[str, RayNode] = {}

    async def nodes(self) -> Sequence[Node]:
        """List the nodes that are alive, each with an actor; connect first."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._nodes)

    def close(self, epoch: int) -> None:
        """Let the actors leave, and disconnect; a cluster of this machine ends."""
        self._thread.submit(self._close, epoch).result()
        self._thread.shutdown()

    def _close(self, epoch: int) -> None:
        if not self._connected:
            return
        import ray

        goodbyes = [one.actor.ask.remote("end", (epoch,)) for one in self._actors.values()]
        if goodbyes:
            ray.wait(goodbyes, num_returns=len(goodbyes), timeout=5.0)
        ray.shutdown()

    def _nodes(self) -> Sequence[Node]:
        from ray import exceptions

        if not self._connected:
            self._connect()
        try:
            self._actors = self._found()
        except (exceptions.RayError, ConnectionError, RuntimeError) as error:
            if not self._actors:
                raise InputError(f"Ray at {self.address}: {_short(error)}") from None
        return list(self._actors.values())  # of a cluster that does not answer for a moment, those of before

    def _found(self) -> dict[str, RayNode]:
        alive = [one for one in _ray().nodes() if one["Alive"] and one["Resources"].get("CPU")]
        processes = self.cores if self.address == HERE else 1
        found = {f"{one['NodeID']}-{number}": one for one in alive for number in range(processes)}
        return {
            name: self._living(name) or self._begun(name, one["NodeID"], str(one["NodeManagerAddress"]))
            for name, one in found.items()
        }

    def _connect(self) -> None:
        """Connect without noise: no statistics leave, nothing is printed, no handler of a signal is replaced."""
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        import ray

        logging.getLogger("ray").setLevel(logging.CRITICAL)  # after the import, which sets it too
        # What happens in the whole cluster would be printed between the lines of the run, or of its JSON.
        vars(ray._private.worker)["print_to_stdstream"] = _say_nothing  # noqa: SLF001 - no option turns it off

        options: dict[str, Any] = {
            "num_cpus": self.cores,
            "object_store_memory": LEAST_STORE,
            "include_dashboard": False,
        }
        try:
            ray.init(
                address=self.address,
                namespace=NAMESPACE,
                log_to_driver=False,
                configure_logging=False,
                **(options if self.address == HERE else {}),
            )
        except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
            raise InputError(f"Ray at {self.address}: {_short(error)}") from None
        self._connected = True

    def _living(self, name: str) -> RayNode | None:
        """Return the actor that this node has had, unless it is dead."""
        import ray

        kept = self._actors.get(name)
        try:
            ray.get_actor(self._named(name), namespace=NAMESPACE)
        except ValueError:
            return None
        return kept

    def _begun(self, name: str, node_id: str, where: str) -> RayNode:
        """Begin an actor on a node, or find the one that an earlier driver left there."""
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        make: Any = ray.remote(RayWorker).options(
            name=self._named(name),
            namespace=NAMESPACE,
            lifetime="detached",
            get_if_exists=True,
            num_cpus=0,
            max_restarts=0,
            max_task_retries=0,
            max_concurrency=self.per_node + CONTROL,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node_id, soft=False),
        )
        actor = make.remote(self.equip, self.linger)
        # Another process on the same machine is another node to its driver, as what was under way there is lost.
        return RayNode(f"{name}-{actor._actor_id.hex()}", where, actor)  # noqa: SLF001 - no public way to its id

    def _named(self, name: str) -> str:
        return f"{self.owner}-{name}"


def _say_nothing(*_said: object, **_how: object) -> None:
    """Keep what Ray tells of a cluster off the terminal."""


def _ray() -> Any:
    """Return Ray, of which only parts say what their types are."""
    import ray

    return ray


def _short(error: BaseException) -> str:
    """Return the last words of what Ray says, which may be many lines."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:300]
