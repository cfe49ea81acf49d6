"""Waiting that ends at once when the run stops."""

import asyncio


class Closed(Exception):
    """The run stopped while a call waited for its permit: nothing was sent, nothing is held."""


class StopGate:
    """What every wait of one run passes through; closing it ends them all."""

    def __init__(self) -> None:
        self._inside: set[_Wait] = set()
        self._closed = False

    def check(self) -> None:
        """Raise Closed when the gate is closed: for those that need not wait."""
        if self._closed:
            raise Closed

    def waiting(self) -> "_Wait":
        """Hold the waits made inside; raises Closed when the gate is, or gets, closed."""
        self.check()
        return _Wait(self._inside)

    def close(self) -> None:
        """Let nobody wait from now on."""
        self._closed = True
        while self._inside:
            self._inside.pop().end()


class _Wait:
    """A wait of the current task that can be ended, as `asyncio.timeout` does it, without a time."""

    __slots__ = ("_before", "_ended", "_inside", "_task")

    def __init__(self, inside: "set[_Wait]") -> None:
        self._inside = inside
        self._ended = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None, "permits are for tasks"
        self._task, self._before = task, task.cancelling()
        self._inside.add(self)

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._inside.discard(self)
        if self._ended and self._task.uncancel() <= self._before and isinstance(error, asyncio.CancelledError):
            raise Closed from None

    def end(self) -> None:
        """End it: its task is waiting, or does so next."""
        self._ended = True
        self._task.cancel()
