"""Work that blocks, done at once: for tests in which no thread is wanted."""

from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


async def in_place(call: Callable[..., T], /, *args: Any) -> T:
    """Be an `Offload` that runs the call where it is."""
    return call(*args)
