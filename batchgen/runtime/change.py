"""Something happened: whoever waits for it is woken."""

import asyncio
from collections.abc import Coroutine
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
