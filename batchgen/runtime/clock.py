"""Time and chance, passed in: the program never asks the machine for them anywhere else."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from random import Random
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Offload(Protocol):
    """Runs a blocking call away from the event loop: a thread in production, in place in a simulation."""

    def __call__(self, call: Callable[..., T], /, *args: Any) -> Awaitable[T]: ...


class Clock(Protocol):
    """What the program may know of time."""

    def now(self) -> datetime:
        """Return the wall clock in UTC, for records and budget windows only."""

    def monotonic(self) -> float:
        """Seconds that never jump, for limits and deadlines."""

    async def sleep(self, seconds: float) -> None:
        """Wait without holding anything."""


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def chance(seed: int | None = None) -> Random:
    """Return a source of chance; with a seed, always the same."""
    return Random(seed)  # noqa: S311 - jitter and simulations, not secrets
