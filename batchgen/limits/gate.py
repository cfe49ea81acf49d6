"""Waiting that ends at once when the run stops."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Closed(Exception):
    """The run stopped while a call waited for its permit: nothing was sent, nothing is held."""


class Gate:
    """What every wait of one run passes through; closing it ends them all."""

    def __init__(self) -> None:
        self._inside: set[asyncio.Timeout] = set()
        self._closed = False

    @asynccontextmanager
    async def waiting(self) -> AsyncIterator[None]:
        """Hold the waits made inside; raises Closed when the gate is, or gets, closed."""
        if self._closed:
            raise Closed
        scope = asyncio.timeout(None)
        try:
            async with scope:
                self._inside.add(scope)
                yield
        except TimeoutError:
            raise Closed from None
        finally:
            self._inside.discard(scope)

    def close(self) -> None:
        """Let nobody wait from now on."""
        self._closed = True
        now = asyncio.get_running_loop().time()
        while self._inside:
            self._inside.pop().reschedule(now)
