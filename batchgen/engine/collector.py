"""Brings in what comes later, whatever delayed it: the answer of a dead run, an image at an address, what is pending.

One way for all of them. An executor is asked to collect, what it says is written down, and it may forget.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from heapq import heappop, heappush
from itertools import count
from typing import Any

from batchgen.engine.context import RunContext
from batchgen.engine.decide import halt
from batchgen.engine.open_items import LeftAttempt, LeftOpen, OpenItem, OwnAttempt, WaitingImage, with_attempt
from batchgen.engine.stop_reasons import stop_for
from batchgen.errors import StorageError
from batchgen.ledger import PendingDownload
from batchgen.model import Attempt, AttemptState, Lost, OutcomeKind, Pending, Receipt, SlotState, StopKind

AT_ONCE = 8
"""Attempts whose images are fetched side by side."""
ASKED_AT_ONCE = 256
"""Attempts that are asked for together."""
LONGEST_WAIT = 600.0
LEAST_WAIT = 0.05
"""Seconds between two looks at the same thing, whatever its executor says."""

Item = OpenItem[Any]


class Collector:
    """Collects what is open while a run works; one instance serves a whole run."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._waiting: list[tuple[float, int, Item]] = []
        self._numbers = count()
        self._looks: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(AT_ONCE)
        self._news = asyncio.Event()
        self._left: list[Item] = []
        self._bug: BaseException | None = None
        context.stops.listen(lambda _stop: self._news.set())

    # ---- at the start ------------------------------------------------------------------------------------------------

    async def begin(self, left: LeftOpen, *, hasty: bool = False) -> int:
        """Look once at everything that earlier runs left; how many of it were settled, lost or fetched.

        The soonest to expire comes first. `hasty`: only at attempts, as the run ends.
        """
        context = self._context
        attempts: list[Item] = [LeftAttempt.of(context, row) for row in left.attempts]
        for first in range(0, len(attempts), ASKED_AT_ONCE):
            await self._look(attempts[first : first + ASKED_AT_ONCE])
        images: list[Item] = []
        if not hasty:
            waiting = await context.offload(context.ledger.downloads.waiting)
            images += [WaitingImage.of(context, one) for one in (*waiting, *left.refused)]
            async with asyncio.TaskGroup() as looks:
                for group in _groups(images):
                    looks.create_task(self._look(group))
        return sum(one.booked for one in (*attempts, *images))

    # ---- during the run ----------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def looking(self, left: LeftOpen) -> AsyncIterator[None]:
        """While inside, look again at what comes later, each at its time; `left` has been looked at once."""
        context, pending = self._context, AttemptState.PENDING
        self._left += [LeftAttempt.of(context, row, looks=1) for row in left.attempts if row.state is pending]
        images = [WaitingImage.of(context, one, looks=1) for one in left.downloads]
        self._left += [one for one in images if one.is_ours]
        for one in self._left:
            self._again(one)
        loop = asyncio.create_task(self._run(), name="collector")
        loop.add_done_callback(self._broke)
        try:
            yield
            await asyncio.gather(*self._looks)
        finally:
            for task in (loop, *self._looks):
                task.cancel()
            await asyncio.gather(loop, *self._looks, return_exceptions=True)

    async def rest(self) -> dict[str, OutcomeKind]:
        """Wait for what earlier runs left; whose of it is still at its provider, and whose else has not come."""
        # A look that has ended one thing may have found more to wait for.
        while waited := [*(one.ended for one in self._left if not one.ended.done()), *self._looks]:
            await asyncio.wait(waited)
        results = [(one.job_key, one.ended.result()) for one in self._left]
        missing = [key for key, result in results if result not in {None, True, SlotState.STORED}]
        submitted = [key for key, result in results if result is None]
        return dict.fromkeys(missing, OutcomeKind.NOT_STARTED) | dict.fromkeys(submitted, OutcomeKind.SUBMITTED)

    async def receive(self, pending: Pending, attempt: Attempt) -> Receipt | Lost | None:
        """Wait for what an accepted attempt of this run brings; None when the run stops first."""
        item = OwnAttempt(self._context, with_attempt(pending, attempt), None)
        self._again(item)
        return await item.ended

    async def fetch(self, downloads: Sequence[PendingDownload]) -> list[WaitingImage]:
        """Wait for images at addresses, as long as that makes sense in this run."""
        items = [WaitingImage.of(self._context, one) for one in downloads]
        for item in items:
            self._wait(item, 0.0)
        await asyncio.gather(*(item.ended for item in items))
        return items

    def _wait(self, item: Item, seconds: float) -> None:
        due = self._context.clock.monotonic() + seconds
        heappush(self._waiting, (due, next(self._numbers), item))
        self._news.set()
        if self._bug:
            _fail([item], self._bug)

    def _again(self, item: Item) -> None:
        """Look at something again when it says, or when that has shown to be worth it; or leave it to the next run."""
        wait = item.next_wait()
        if isinstance(item.ask, Pending) and item.ask.next_look is not None:
            wait = (item.ask.next_look - self._context.clock.now()) / timedelta(seconds=1)
        if wait is None or item.is_tired:
            item.give_up()
        else:
            self._wait(item, min(max(wait, LEAST_WAIT), LONGEST_WAIT))

    async def _run(self) -> None:
        while True:
            self._news.clear()
            for group in _groups(self._take_due()):
                look = asyncio.create_task(self._look_again(group))
                self._looks.add(look)
                look.add_done_callback(self._looks.discard)
            await self._pause()

    def _take_due(self) -> list[Item]:
        """Take what is due; once the run stops, everything is decided at once."""
        stopped, now, due = bool(self._context.stops), self._context.clock.monotonic(), list[Item]()
        while self._waiting and (stopped or self._waiting[0][0] <= now):
            due.append(heappop(self._waiting)[2])
        return [one for one in due if not one.ended.done() and self._may_look(one)]

    async def _pause(self) -> None:
        """Wait for the next look, for something new to wait for, or for the end of the run."""
        if not self._waiting:
            await self._news.wait()
            return
        seconds = self._waiting[0][0] - self._context.clock.monotonic()
        sleep = asyncio.ensure_future(self._context.clock.sleep(max(seconds, 0.0)))
        sleep.add_done_callback(self._wake)
        try:
            await self._news.wait()
        finally:
            sleep.cancel()

    def _wake(self, sleep: "asyncio.Future[None]") -> None:
        if not sleep.cancelled():  # else there was other news, and what ended the sleep is no news of its own
            self._news.set()

    async def _look_again(self, items: Sequence[Item]) -> None:
        try:
            if remote := await self._look(items):
                await self._add_images(remote)
        except StorageError as error:
            self._context.stops.add(stop_for(error, StopKind.STORAGE))
            for item in items:
                item.give_up()
        except asyncio.CancelledError:
            raise
        except BaseException as bug:  # noqa: BLE001 - whoever waits gets it, whatever it is
            _fail(items, bug)
        for item in items:
            if not item.ended.done():
                self._again(item)

    def _broke(self, loop: asyncio.Task[None]) -> None:
        """Whoever waits hears of a bug here, instead of waiting for ever."""
        if not loop.cancelled() and (bug := loop.exception()):
            self._bug = bug
            _fail([item for _, _, item in self._waiting], bug)

    # ---- one look ----------------------------------------------------------------------------------------------------

    async def _look(self, items: Sequence[Item]) -> Collection[str]:
        """Ask for these together, and write down what came; attempts that left images at addresses."""
        if not isinstance(items[0], WaitingImage):
            return await self._look_now(items)
        async with self._places:
            return await self._look_now([one for one in items if self._may_look(one)])

    def _may_look(self, item: Item) -> bool:
        """Whether the run still wants to know; it may have stopped while others were looked at."""
        if self._context.stops and not item.outlives_stop:
            item.give_up()
            return False
        return True

    async def _look_now(self, items: Sequence[Item]) -> Collection[str]:
        if not items:
            return ()
        came = await self._context.executor.collect([one.ask for one in items])
        booked: dict[str, Receipt] = {}
        for item, found in zip(items, came, strict=True):
            item.looks += 1
            one = with_attempt(found, item.ask) if isinstance(found, Pending) else found
            if isinstance(one, Pending):
                item.ask = one
                self._heed(one)
            if await item.book(one) and isinstance(one, Receipt):
                booked[one.attempt_id] = one
        for attempt_id in booked:
            await self._context.forget(attempt_id)
        return {one.attempt_id for one in booked.values() if one.remote}

    def _heed(self, one: Pending) -> None:
        """Ask a provider no more whose account is refused; what is pending there is kept for a later run."""
        stop = halt(one.refusal) if one.refusal else None
        if stop is None or one.attempt is None:
            return
        for lane in self._context.lanes:
            if lane.is_called(one.attempt.provider):
                self._context.take_out(lane, stop)

    async def _add_images(self, attempt_ids: Collection[str]) -> None:
        """Wait for the images that an earlier run's attempts left at addresses, from now on."""
        context = self._context
        waiting = [
            one for one in await context.offload(context.ledger.downloads.waiting) if one.attempt_id in attempt_ids
        ]
        for item in (WaitingImage.of(context, one) for one in waiting):
            self._left.append(item)
            self._wait(item, 0.0)


def _fail(items: Iterable[Item], bug: BaseException) -> None:
    for item in items:
        if not item.ended.done():
            item.ended.set_exception(bug)


def _groups(items: Iterable[Item]) -> list[list[Item]]:
    """Those that are asked for together, in their order."""
    found = defaultdict[str, list[Item]](list)
    for one in items:
        found[one.group].append(one)
    return list(found.values())
