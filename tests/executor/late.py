"""A tiny executor that never says at once what an attempt brought: it accepts it, and tells at a later look."""

from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta

from batchgen.executor.local import LocalExecutor
from batchgen.executor.protocol import Came, Setup
from batchgen.model import Attempt, Pending, Receipt

LOOKS = 2
"""Looks at an attempt that bring nothing."""
TASK = "task "


class LateExecutor:
    """Makes attempts like the local one, and keeps what they brought to itself for a while."""

    looks = LOOKS

    def __init__(self, setup: Setup) -> None:
        self._local = LocalExecutor(setup)
        self._clock = setup.clock
        self._looks = Counter[str]()

    def session(self) -> AbstractAsyncContextManager[None]:
        """Be ready."""
        return self._local.session()

    async def execute(self, attempts: Sequence[Attempt]) -> Sequence[Came]:
        """Accept what brings images; what does not is told at once."""
        receipts = await self._local.execute(attempts)
        brought = [isinstance(one, Receipt) and one.came for one in receipts]
        return [self._later(one) if came else told for one, told, came in zip(attempts, receipts, brought, strict=True)]

    async def collect(self, open: Sequence[Pending | Attempt]) -> Sequence[Came]:  # noqa: A002 - as in the protocol
        """Tell what came once it was asked for often enough."""
        return [await self._collect(one) for one in open]

    async def forget(self, attempt_id: str) -> None:
        """Forget it."""
        await self._local.forget(attempt_id)

    async def _collect(self, one: Pending | Attempt) -> Came:
        task = one.attempt if isinstance(one, Pending) and one.handle == TASK + one.attempt_id else one
        assert task is not None, "what is pending is asked for with what was asked"
        (came,) = await self._local.collect([task])
        if not isinstance(task, Attempt) or not isinstance(came, Receipt) or self._looks[task.id] >= self.looks:
            return came
        self._looks[task.id] += 1
        return self._later(task)

    def _later(self, attempt: Attempt) -> Pending:
        soon = self._clock.now() + timedelta(milliseconds=1)
        return Pending(attempt.id, TASK + attempt.id, next_look=soon, expires=soon + timedelta(days=1))
