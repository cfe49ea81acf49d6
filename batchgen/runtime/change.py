"""Something happened: whoever waits for it is woken; also where one of several things ends the wait."""

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any


class Change:
    """Wakes all that wait at the moment when it is told; cheap to tell where nobody waits."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._awaited = False

    def tell(self) -> None:
        """Wake those who wait now; who waits later waits for what is told next."""
        if self._awaited:
            self._event.set()
            self._event, self._awaited = asyncio.Event(), False

    def wait(self) -> Coroutine[Any, Any, object]:
        """Wait for what is told from now on, not only from when it is awaited."""
        self._awaited = True
        return self._event.wait()


async def first_of(*waits: Awaitable[object]) -> None:
    """Wait until one of several waits ends; the others are given up."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
