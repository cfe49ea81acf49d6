"""How long tests wait for what must come. What takes longer hangs; a machine under load only takes its time."""

import asyncio
import time
from collections.abc import Callable

PATIENCE = 300.0


def wait_until(true: Callable[[], object]) -> None:
    """Wait for what another process or thread does."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.005)


async def until(true: Callable[[], object]) -> None:
    """Wait for what another task, process or server does."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it does not happen"
        await asyncio.sleep(0.005)
