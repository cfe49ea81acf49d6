"""The first signal drains, the second one ends at once; handlers are set explicitly, so that process 1 obeys too."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from batchgen.errors import BatchgenError, Exit

NAMES = {Exit.SIGINT: "Ctrl-C", Exit.SIGTERM: "SIGTERM"}
HANDLED = {signal.SIGINT: Exit.SIGINT, signal.SIGTERM: Exit.SIGTERM, signal.SIGHUP: Exit.SIGTERM}


class Interrupted(BatchgenError):
    """A signal came before anything was sent."""

    def __init__(self, status: Exit) -> None:
        super().__init__(f"stopped by {NAMES[status]}")
        self.exit = status  # type: ignore[misc]


def _wanted() -> Iterator[signal.Signals]:
    """Say what is handled; a hang-up only where nobody (`nohup`) said that it shall pass."""
    return (number for number in HANDLED if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN)


@contextmanager
def interruptible() -> Iterator[None]:
    """While inside and no event loop runs, the first signal raises `Interrupted`; then the end is under way."""

    def interrupt(number: int, _frame: object) -> None:
        for handled_one in before:
            signal.signal(handled_one, signal.SIG_IGN)
        raise Interrupted(HANDLED[signal.Signals(number)])

    before: dict[signal.Signals, Any] = {}
    try:
        for number in _wanted():
            before[number] = signal.signal(number, interrupt)
    except ValueError:
        pass  # not the main thread: the caller of the Python API keeps its own handlers
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def handled(first: Callable[[Exit], None], second: Callable[[], object]) -> Iterator[None]:
    """While inside, the first signal calls `first` with its exit status, the next one calls `second`.

    Whatever comes after that changes nothing: the end is under way, and SIGKILL is safe at any moment.
    """
    loop = asyncio.get_running_loop()
    seen: list[signal.Signals] = []

    def receive(number: signal.Signals) -> None:
        seen.append(number)
        if len(seen) == 1:
            first(HANDLED[number])
        elif len(seen) == 2:
            second()

    before = {}
    try:
        for number in _wanted():
            handler = signal.getsignal(number)
            loop.add_signal_handler(number, receive, number)
            before[number] = handler
    except (ValueError, RuntimeError, NotImplementedError):
        pass  # not the main thread: the caller of the Python API keeps its own handlers
    try:
        yield
    finally:
        for number, handler in before.items():
            if loop.remove_signal_handler(number):
                signal.signal(number, signal.SIG_IGN if seen else handler)
