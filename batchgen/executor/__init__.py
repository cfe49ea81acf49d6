"""Where one attempt is made: sent once, decoded as it arrives, stored. Nothing here ever tries again."""

from typing import Protocol

from batchgen.executor.download import NotFetched
from batchgen.executor.local import LocalExecutor, Wires
from batchgen.executor.part_writer import bring_home
from batchgen.executor.placement import finish
from batchgen.model import Attempt, Receipt

__all__ = ["Executor", "LocalExecutor", "NotFetched", "Wires", "bring_home", "finish"]


class Executor(Protocol):
    """Makes attempts, somewhere. May raise `Lost`: perhaps it was sent, perhaps it was paid."""

    async def start(self) -> None:
        """Get ready."""

    async def execute(self, attempt: Attempt) -> Receipt:
        """Make one attempt, once."""

    async def close(self) -> None:
        """Let go of everything."""
