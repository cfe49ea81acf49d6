"""The first signal drains, the second one ends at once; handlers are set explicitly, so that process 1 obeys too."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from batchgen.errors import Exit

HANDLED = {signal.SIGINT: Exit.SIGINT, signal.SIGTERM: Exit.SIGTERM}


@contextmanager
def handled(first: Callable[[Exit], None], second: Callable[[], object]) -> Iterator[None]:
    """While inside, the first SIGINT or SIGTERM calls `first` with its exit status, every later one calls `second`."""
    loop = asyncio.get_running_loop()
    seen: list[signal.Signals] = []

    def receive(number: signal.Signals) -> None:
        seen.append(number)
        if len(seen) == 1:
            first(HANDLED[number])
        else:
            second()

    installed = []
    try:
        for number in HANDLED:
            loop.add_signal_handler(number, receive, number)
            installed.append(number)
    except (ValueError, RuntimeError, NotImplementedError):
        pass  # not the main thread: the caller of the Python API keeps its own handlers
    try:
        yield
    finally:
        for number in installed:
            loop.remove_signal_handler(number)
