"""What every worker of a run shares: the permits, the books, the door to the provider."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from batchgen.engine.stop_reasons import StopReasons
from batchgen.executor import Executor, ProviderBatches
from batchgen.ledger import Caps, Ledger
from batchgen.limits import Breaker, Limiter
from batchgen.model import (
    Provider,
    Settings,
    StoredImage,
)
from batchgen.pricing import PriceList
from batchgen.runtime.clock import Clock, Offload


class Note(Protocol):
    """Takes one event of the run for the log: a name and its facts."""

    def __call__(self, event: str, /, **facts: Any) -> None: ...


TOLD = ("slot", "path", "sha256", "bytes", "width", "height", "format")


def told(key: str, drawn_by: tuple[str, str], images: Sequence[StoredImage]) -> dict[str, object]:
    """Say what a log must say of stored images, so that a lost ledger can be rebuilt from it."""
    facts = [{name: getattr(image, name) for name in TOLD} for image in images]
    return {"key": key, "look": dict(zip(("model", "provider"), drawn_by, strict=True)), "stored": facts}


@dataclass(frozen=True)
class RunContext:
    """The collaborators of one run.

    `caps` gives the limits of this moment; `forget` says that the ledger has what an attempt brought, so that nothing
    of it needs to be kept any more. `check_output` raises StorageError when the output is not this run's any more:
    nothing more is paid then. `batches` are where images go that are asked for in batches.
    """

    run_id: str
    provider: Provider
    settings: Settings
    tariff: PriceList
    caps: Callable[[], Caps]
    ledger: Ledger
    offload: Offload
    executor: Executor
    forget: Callable[[str], Awaitable[None]]
    limiter: Limiter
    breaker: Callable[[str], Breaker]
    clock: Clock
    stops: StopReasons
    new_id: Callable[[], str]
    note: Note
    check_output: Callable[[], None] = lambda: None
    batches: ProviderBatches | None = None

    async def pause(self, seconds: float) -> None:
        """Wait; a stop of the run ends the wait."""
        sleep = asyncio.ensure_future(self.clock.sleep(seconds))
        stop = asyncio.ensure_future(self.stops.wait())
        try:
            await asyncio.wait({sleep, stop}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleep.cancel()
            stop.cancel()
