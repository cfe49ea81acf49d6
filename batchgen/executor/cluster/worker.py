"""The process of ours on a node: HTTP, decoding, spool and store; it outlives its driver by a linger."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TypeVar

from batchgen.errors import BatchgenError, Exit, InputError, Occupied, StorageError, Unreachable
from batchgen.executor.cluster.order import HANDLE, Equip, Equipment, Fenced, NotDone, Order
from batchgen.executor.cluster.receipts import Receipts
from batchgen.executor.local import ELSEWHERE, LocalExecutor
from batchgen.executor.protocol import Came, Setup
from batchgen.model import Attempt, Lost, Pending, Receipt
from batchgen.runtime.clock import Clock, Offload, SystemClock
from batchgen.runtime.offload import Threads
from batchgen.version import VERSION

T = TypeVar("T")

THREADS = 8
LATER = timedelta(seconds=1)
"""When to look again at what is under way."""
UNTAKEN_SECONDS = 5.0
"""A receipt that no driver has written down after so long is put beside the images."""
WATCH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Hand:
    """What makes the attempts of one order."""

    executor: LocalExecutor
    offload: Offload
    receipts: Receipts | None


@dataclass(slots=True)
class Made:
    """An attempt that was begun here; `kept` says that its receipt stands beside the images."""

    hand: Hand
    task: "asyncio.Task[Came | NotDone]"
    ended: float | None = None
    kept: bool = False


@dataclass(eq=False)
class NodeWorker:
    """Makes attempts for one driver after the other; all its methods answer with values and raise nothing.

    `equip` makes of an order what is needed, here on the node. `leave` ends the process.
    """

    equip: Equip
    linger: float = 120.0
    clock: Clock = field(default_factory=SystemClock)
    leave: Callable[[], object] = lambda: None

    def __post_init__(self) -> None:
        self._epoch = 0
        self._hands: dict[Order, Hand] = {}
        self._made: dict[str, Made] = {}
        self._heard = self.clock.monotonic()
        self._stack = AsyncExitStack()
        self._watching: asyncio.Task[None] | None = None

    async def begin(self, epoch: int, order: Order) -> NotDone | Fenced | None:
        """Obey this driver from now on, and get ready for its order."""
        if fenced := self._hear(epoch):
            return fenced
        if order.version != VERSION:
            return NotDone(
                Exit.INPUT, f"batchgen is {VERSION} there and {order.version} here: install the same version"
            )
        if order in self._hands:
            return None
        try:
            await self._get_ready(order, await asyncio.to_thread(self.equip, order))
        except BatchgenError as error:
            return NotDone(error.exit, _words(error))
        except Exception as bug:  # noqa: BLE001 - a value travels, an exception would be logged elsewhere
            return NotDone(Exit.BUG, f"a bug: {type(bug).__name__}")
        return None

    async def _get_ready(self, order: Order, with_what: Equipment) -> None:
        offload = self._stack.enter_context(Threads(THREADS, "disk"))
        setup = Setup(
            order.provider,
            with_what.key,
            with_what.workspace,
            with_what.store,
            clock=self.clock,
            offload=offload,
            prepare=order.prepare,
            own_headers=with_what.headers,
            proxies=with_what.proxies,
        )
        executor = LocalExecutor(setup)
        await self._stack.enter_async_context(executor.session())
        self._hands[order] = Hand(executor, offload, with_what.receipts)

    async def execute(self, epoch: int, order: Order, attempt: Attempt) -> Came | NotDone | Fenced:
        """Make an attempt, once: a second call waits for what the first one brings."""
        if fenced := self._hear(epoch):
            return fenced
        if order not in self._hands:
            return NotDone(Exit.BUG, "a node was given an attempt before its order")
        made = self._made.get(attempt.id) or self._start(self._hands[order], attempt)
        await asyncio.wait({made.task})
        return self._hear(epoch) or (
            NotDone(Exit.STORAGE, "broken off") if made.task.cancelled() else made.task.result()
        )

    def _start(self, hand: Hand, attempt: Attempt) -> Made:
        made = self._made[attempt.id] = Made(hand, asyncio.create_task(_told(_one(hand, attempt))))
        made.task.add_done_callback(lambda _task: self._ended(attempt.id))
        return made

    def _ended(self, attempt_id: str) -> None:
        if made := self._made.get(attempt_id):
            made.ended = self.clock.monotonic()
            if made.task.cancelled():
                del self._made[attempt_id]

    async def known(self, epoch: int, attempt_ids: Sequence[str]) -> Sequence[Came | NotDone | None] | Fenced:
        """Say what is known here of attempts that were begun here: what came, that they are under way, or nothing."""
        return self._hear(epoch) or [self._known(one) for one in attempt_ids]

    def _known(self, attempt_id: str) -> Came | NotDone | None:
        made = self._made.get(attempt_id)
        if made is None:
            return None
        if not made.task.done():
            return Pending(attempt_id, HANDLE, next_look=self.clock.now() + LATER)
        came = made.task.result()
        # What could not be stored is in the spool, and is tried again from there.
        return came if isinstance(came, Receipt | Pending | Lost) else None

    async def left(
        self, epoch: int, order: Order, attempts: Sequence[Attempt | Pending]
    ) -> Sequence[Came | NotDone | None] | Fenced:
        """Complete what an earlier process left in the spool of this node, or beside the images; None for the rest."""
        if fenced := self._hear(epoch):
            return fenced
        hand = self._hands[order]
        return [await self._left(hand, one) for one in attempts]

    async def _left(self, hand: Hand, one: Attempt | Pending) -> Came | NotDone | None:
        (came,) = await _told_all(hand.executor.collect([one]), 1)
        nothing = isinstance(came, Lost) or (isinstance(came, Pending) and came.why == ELSEWHERE)
        if isinstance(one, Attempt) and nothing:
            return await _told(_kept(hand, one.id))
        return None if nothing and not isinstance(came, Lost) else came

    async def collect(
        self, epoch: int, order: Order, waiting: Sequence[Pending]
    ) -> Sequence[Came | NotDone | None] | Fenced:
        """Look once at what waits at addresses."""
        return self._hear(epoch) or await _told_all(self._hands[order].executor.collect(waiting), len(waiting))

    async def forget(self, order: Order, attempt_ids: Sequence[str]) -> NotDone | None:
        """Throw away what was kept of attempts."""
        hand, troubles = self._hands[order], list[NotDone]()
        for attempt_id in attempt_ids:
            made = self._made.pop(attempt_id, None)
            done = await _told(self._forget(hand, attempt_id, beside=made is None or made.kept))
            troubles += [done] if isinstance(done, NotDone) else []
        return troubles[0] if troubles else None

    @staticmethod
    async def _forget(hand: Hand, attempt_id: str, *, beside: bool) -> None:
        await hand.executor.forget(attempt_id)
        if beside and hand.receipts:
            await hand.offload(hand.receipts.remove, attempt_id)

    async def break_off(self, epoch: int, attempt_ids: Sequence[str]) -> None:
        """End attempts that are under way, as their driver was told to stop at once."""
        if self._hear(epoch):
            return
        tasks = {self._made[one].task for one in attempt_ids if one in self._made}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def beat(self, epoch: int) -> Fenced | None:
        """Hear that the driver is alive."""
        return self._hear(epoch)

    async def end(self, epoch: int) -> None:
        """Leave, as the run is over; only what nobody wrote down yet keeps it here."""
        if not self._hear(epoch):
            await self._keep(0.0)
            self._heard = float("-inf")
            if self._idle():
                self.leave()

    async def close(self) -> None:
        """Let go of everything. Attempts under way break off."""
        if self._watching:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await self.break_off(self._epoch, list(self._made))
        await self._stack.aclose()

    def watch(self) -> None:
        """From now on put receipts that nobody takes beside the images, and leave when no driver is left."""
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        while True:
            await self.clock.sleep(WATCH_SECONDS)
            await self._keep(UNTAKEN_SECONDS)
            if self.clock.monotonic() - self._heard > self.linger and self._idle():
                await self._keep(0.0)
                self.leave()

    def _idle(self) -> bool:
        return all(made.ended is not None for made in self._made.values())

    async def _keep(self, seconds: float) -> None:
        """Put receipts that waited so long beside the images; what the store refuses now is tried again."""
        now = self.clock.monotonic()
        for made in list(self._made.values()):
            if made.kept or made.ended is None or now - made.ended < seconds or made.hand.receipts is None:
                continue
            came = made.task.result()
            if isinstance(came, Receipt):
                with suppress(StorageError, Unreachable):
                    await made.hand.offload(made.hand.receipts.put, came)
                    made.kept = True

    def _hear(self, epoch: int) -> Fenced | None:
        """Listen to the newest driver only."""
        if epoch < self._epoch:
            return Fenced(self._epoch)
        self._epoch, self._heard = epoch, self.clock.monotonic()
        return None


async def _one(hand: Hand, attempt: Attempt) -> Came:
    (came,) = await hand.executor.execute([attempt])
    return replace(came, attempt=None) if isinstance(came, Pending) else came


async def _kept(hand: Hand, attempt_id: str) -> Receipt | None:
    return await hand.offload(hand.receipts.get, attempt_id) if hand.receipts else None


async def _told(work: Awaitable[T]) -> T | NotDone:
    """Return what a call brings, or in words why it brings nothing."""
    try:
        return await work
    except Occupied as error:
        return NotDone(error.exit, str(error), occupied=True)
    except BatchgenError as error:
        return NotDone(error.exit, _words(error))
    except Exception as bug:  # noqa: BLE001 - it is raised again in the driver, without what it may have seen of secrets
        return NotDone(Exit.BUG, f"a bug on a node: {type(bug).__name__}")


def _words(error: BatchgenError) -> str:
    if isinstance(error, InputError):
        return "; ".join(problem.message for problem in error.problems)
    return str(error)


async def _told_all(work: Awaitable[Sequence[Came]], count: int) -> Sequence[Came | NotDone]:
    came = await _told(work)
    return [came] * count if isinstance(came, NotDone) else came
