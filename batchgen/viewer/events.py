"""What happens, told to every browser that listens; those that do not keep up are dropped, and nothing piles up."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

MOST_WAITING = 32
"""Messages that may wait for one listener."""


def message(event: str, value: Mapping[str, Any], number: str = "") -> bytes:
    """Put one event into the words of a stream of events; JSON holds no line end."""
    head = f"id: {number}\n" if number else ""
    return f"{head}event: {event}\ndata: {json.dumps(value, ensure_ascii=True, separators=(',', ':'))}\n\n".encode()


class Listener:
    """One browser's share of what happens."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(MOST_WAITING)
        self.dropped = False

    def tell(self, words: bytes) -> None:
        """Let a message wait; a listener that is too far behind is dropped."""
        if self._waiting.full():
            self.drop()
        elif not self.dropped:
            self._waiting.put_nowait(words)

    def drop(self) -> None:
        """Forget what waits, and let go of whoever waits for more."""
        self.dropped = True
        while not self._waiting.empty():
            self._waiting.get_nowait()
        self._waiting.put_nowait(b"")

    async def next(self, at_most: float) -> bytes:
        """Wait for the next message; empty once it was dropped.

        After so many seconds it is a comment, which says only that the server is there.
        """
        with suppress(TimeoutError):
            return await asyncio.wait_for(self._waiting.get(), at_most)
        return b":\n\n"


class Listeners:
    """All who listen now."""

    def __init__(self) -> None:
        self._all: set[Listener] = set()
        self.came = asyncio.Event()
        """Is set while there is somebody."""

    def __len__(self) -> int:
        return len(self._all)

    @asynccontextmanager
    async def one_more(self) -> AsyncIterator[Listener]:
        """Listen while inside."""
        listener = Listener()
        self._all.add(listener)
        self.came.set()
        try:
            yield listener
        finally:
            self._all.discard(listener)
            if not self._all:
                self.came.clear()

    def tell(self, words: bytes) -> None:
        for listener in self._all:
            listener.tell(words)

    def drop(self) -> None:
        """Let go of everybody: the server ends."""
        for listener in self._all:
            listener.drop()
