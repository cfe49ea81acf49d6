"""Threads that take blocking calls off the event loop: every call of a provider needs them several times."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, ExitStack
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Self, TypeVar

T = TypeVar("T")
_Call = tuple["asyncio.Future[Any]", Callable[..., Any], tuple[Any, ...]]
_End = tuple["asyncio.Future[Any]", Any, BaseException | None]


class Threads:
    """An `Offload` over so many threads, for one event loop; with one, calls run in their order.

    A call that was handed over is brought to its end, also when nobody waits for it any more. Leaving the context waits
    for all of them. Results come back to the loop together, in one wake-up for as many as are ready: a third of what
    `run_in_executor` costs for each.

    With a `group`, a thread makes all the calls that wait for it inside one such context, and their results come back
    when it has ended; what it raises at its end is raised by each of them.
    """

    def __init__(
        self, count: int, name: str, group: Callable[[], AbstractContextManager[object]] | None = None
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._calls: SimpleQueue[list[_Call]] = SimpleQueue()
        self._waiting: list[_Call] = []
        self._group = group
        self._done: deque[_End] = deque()
        self._called = self._closed = False
        self._threads = [Thread(target=self._work, name=f"{name}-{number}") for number in range(count)]

    def __call__(self, call: Callable[..., T], /, *args: Any) -> Awaitable[T]:
        """Run `call` in a thread; RuntimeError once they are closed."""
        if self._closed:
            raise RuntimeError("the threads are closed")
        future: asyncio.Future[T] = self._loop.create_future()
        if self._group is None:
            self._calls.put([(future, call, args)])
            return future
        if not self._waiting:
            self._loop.call_soon(self._hand_over)
        self._waiting.append((future, call, args))
        return future

    def _hand_over(self) -> None:
        """Hand over the calls of one turn of the loop."""
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            self._calls.put(waiting)

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            undo.callback(self.close)  # where not all can start, those that did would wait for ever
            for thread in self._threads:
                thread.start()
            undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Wait for every call that was handed over. Blocks; harmless when done again."""
        self._closed = True
        self._hand_over()
        for _ in self._threads:
            self._calls.put([])
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def _work(self) -> None:
        while calls := self._calls.get():
            self._done.extend(map(_made, calls) if self._group is None else self._together(self._group, calls))
            if not self._called:
                self._called = True
                self._loop.call_soon_threadsafe(self._deliver)

    def _together(self, group: Callable[[], AbstractContextManager[object]], calls: list[_Call]) -> list[_End]:
        """Make these calls, and those that have come meanwhile, in one group."""
        while more := self._more():
            calls += more
        if len(calls) == 1:
            return [_made(calls[0])]
        ended: list[_End] = []
        try:
            with group():
                ended += map(_made, calls)
        except BaseException as error:  # noqa: BLE001 - whoever waits gets it, whatever it is
            own = [error for _, _, error in ended] + [None] * (len(calls) - len(ended))
            return [(future, None, before or error) for (future, _, _), before in zip(calls, own, strict=True)]
        return ended

    def _more(self) -> list[_Call]:
        """Return calls that were handed over meanwhile; the word to end stays for later."""
        try:
            calls = self._calls.get_nowait()
        except Empty:
            return []
        if not calls:
            self._calls.put(calls)
        return calls

    def _deliver(self) -> None:
        """Hand out what is ready. What gets ready from here on calls again, so that nothing is left behind."""
        self._called = False
        while self._done:
            future, result, error = self._done.popleft()
            if future.done():
                continue
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)


def _made(work: _Call) -> _End:
    future, call, args = work
    try:
        return future, call(*args), None
    except BaseException as error:  # noqa: BLE001 - whoever waits gets it, whatever it is
        return future, None, error
