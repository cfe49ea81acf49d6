"""One executor for several providers: each attempt goes to the one that its provider's executor is."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

from batchgen.executor.protocol import Came, Executor
from batchgen.model import Attempt, Pending

T = TypeVar("T", bound=Pending | Attempt)


class Executors:
    """The executors of a run's providers, by all names of these; whatever is of no provider of the run is the first's.

    A key goes only where its own provider's executor sends it.
    """

    def __init__(self, by_provider: Mapping[str, Executor]) -> None:
        self._by_provider = by_provider
        self._first = next(iter(by_provider.values()))
        self._took: dict[str, Executor] = {}

    @asynccontextmanager
    async def session(self) -> AsyncIterator[None]:
        """Be ready at all providers."""
        async with AsyncExitStack() as stack:
            for executor in dict.fromkeys(self._by_provider.values()):  # one may have several names
                await stack.enter_async_context(executor.session())
            yield

    def execute(self, attempts: Sequence[Attempt]) -> Coroutine[Any, Any, Sequence[Came]]:
        """Make each attempt at its provider."""
        if len(attempts) == 1:
            return self._of(attempts[0]).execute(attempts)
        return self._each(attempts, lambda executor, mine: executor.execute(mine))

    async def collect(self, open: Sequence[Pending | Attempt]) -> Sequence[Came]:  # noqa: A002 - as in the protocol
        """Look for what these bring, each at its provider."""
        return await self._each(open, lambda executor, mine: executor.collect(mine))

    async def forget(self, attempt_id: str) -> None:
        """Throw away what was kept of an attempt."""
        await self._took.pop(attempt_id, self._first).forget(attempt_id)

    async def _each(
        self, asked: Sequence[T], ask: Callable[[Executor, Sequence[T]], Awaitable[Sequence[Came]]]
    ) -> list[Came]:
        groups = defaultdict[Executor, list[int]](list)
        for at, one in enumerate(asked):
            groups[self._of(one)].append(at)
        there = [ask(executor, [asked[at] for at in places]) for executor, places in groups.items()]
        found = dict[int, Came]()
        for places, came in zip(groups.values(), await asyncio.gather(*there), strict=True):
            found |= zip(places, came, strict=True)
        return [found[at] for at in range(len(asked))]

    def _of(self, one: Pending | Attempt) -> Executor:
        """Return who deals with an attempt, and remember that for when it is forgotten."""
        attempt = one if isinstance(one, Attempt) else one.attempt
        executor = self._by_provider.get(attempt.provider, self._first) if attempt else self._first
        self._took[attempt.id if attempt else one.attempt_id] = executor
        return executor
