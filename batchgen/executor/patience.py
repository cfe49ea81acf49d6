"""Puts off what a store elsewhere does not take for now, while other attempts go on; paid bytes wait in the spool."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from random import uniform
from typing import Any, TypeVar

from batchgen.errors import StorageError, StoreError, Unreachable
from batchgen.runtime.clock import Clock, Offload
from batchgen.storage import Workspace
from batchgen.text import counted

GIVEN_UP_SECONDS = 60.0
"""So long after it last took anything, with something waiting, a store is given up."""
FIRST_WAIT, LONGEST_WAIT = 0.5, 10.0

T = TypeVar("T")


@dataclass(eq=False)
class Patience:
    """Tries again what a store refused; shared by all that one executor uploads."""

    clock: Clock
    offload: Offload
    _failing_since: float | None = field(init=False, default=None)

    async def insist(self, act: Callable[..., T], *args: Any, again: Callable[[], T] | None = None) -> T:
        """Do something that needs the store, and do it again (or `again` instead) while the store is away.

        StoreError when it is given up.
        """
        wait = FIRST_WAIT
        while True:
            begun = self.clock.monotonic()
            try:
                done = await self.offload(act, *args)
            except Unreachable as error:
                now = self.clock.monotonic()
                since = self._failing_since = begun if self._failing_since is None else self._failing_since
                if now - since >= GIVEN_UP_SECONDS:
                    raise StoreError(f"{error}; given up after {now - since:.0f} s") from error
            else:
                self._failing_since = None
                return done
            await self.clock.sleep(uniform(wait / 2, wait))  # noqa: S311 - jitter, no secret
            wait = min(2 * wait, LONGEST_WAIT)
            if again is not None:
                act, args = again, ()


def with_what_waits(why: str, workspace: Workspace) -> str:
    """Add to why a store refuses how many paid images wait for it, where that can be counted. Blocks."""
    with suppress(StorageError):
        return f"{why}; {what_waits(workspace)}"
    return why


def what_waits(workspace: Workspace) -> str:
    """Say how many paid images wait for a store, and what brings them there. Blocks."""
    answers = (workspace.spool(name).read() or {} for name in workspace.spools())
    count = sum(len(images) for one in answers if isinstance(images := one.get("pictures"), list))
    if not count:
        return "no paid image waits; the same command goes on"
    waits = "waits" if count == 1 else "wait"
    return f"{counted(count, 'paid image')} {waits} in {workspace.root / 'spool'}; the same command stores them first"
