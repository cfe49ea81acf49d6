"""An event loop whose clock jumps: hours of scheduling pass in milliseconds, and a hang is an error, not a wait.

The loop looks at neither sockets nor threads: whatever runs here may only await futures, locks and sleeps. When no
callback is ready and no timer is set, nothing can ever happen again, and `Hang` says which tasks were waiting where.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")

# One turn of the loop costs a microsecond, as no real loop turns in no time: timers a rounding error ahead come due.
TURN = 1e-6
EPOCH = datetime(2026, 11, 1, tzinfo=UTC)


class Hang(BaseException):
    """Nothing can ever happen again, or nothing but spinning; a BaseException so that no handler swallows it."""


class _Jump(selectors.SelectSelector):
    """Instead of waiting, moves the clock to the next timer."""

    def __init__(self, most_turns: int) -> None:
        super().__init__()
        self.now = 0.0
        self._most_turns = most_turns
        self._turns = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Hang("hang: no runnable task and no timer")
        self._turns = 0 if timeout > 0 else self._turns + 1
        if self._turns > self._most_turns:
            raise Hang(f"hang: {self._turns} turns without reaching a timer")
        self.now += max(timeout, 0) + TURN
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop in virtual time, beginning at 0 seconds; `stall` is a blocking call of so many seconds."""

    def __init__(self, most_turns: int = 1_000_000) -> None:
        self._jump = _Jump(most_turns)
        super().__init__(self._jump)

    def time(self) -> float:
        return self._jump.now

    def stall(self, seconds: float) -> None:
        """Let time pass while nothing else can run."""
        self._jump.now += seconds


class VirtualClock:
    """The program's `Clock` inside a `VirtualLoop`; `drift` moves the wall clock alone, as an administrator does."""

    def __init__(self, start: datetime = EPOCH) -> None:
        self._start = start
        self.drift = timedelta()

    def now(self) -> datetime:
        return self._start + self.drift + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def stall(seconds: float) -> None:
    """Block the running virtual loop for so many seconds."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    loop.stall(seconds)


def run(main: Coroutine[Any, Any, T], *, most_turns: int = 1_000_000) -> T:
    """Return what `main` returns in a virtual loop of its own; Hang, naming every waiting task, if it can never end."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(most_turns)) as runner:
        try:
            return runner.run(main)
        except Hang as hang:
            waiting = sorted(_where(task) for task in asyncio.all_tasks(runner.get_loop()))
            raise Hang("\n  ".join([str(hang), *waiting])) from None


def _where(task: "asyncio.Task[Any]") -> str:
    """Name a task and the innermost line of code that it waits at."""
    awaited: Any = task.get_coro()
    place = "not started"
    while (frame := getattr(awaited, "cr_frame", None)) is not None:
        place = f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"
        awaited = awaited.cr_await
    return f"{task.get_name()} waits at {place}"
