"""What tests of batches share: a manifest that asks in batches, and what is left when they are over."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from batchgen.ledger import AttemptRow, BatchRow, Ledger
from batchgen.runtime.clock import SystemClock
from tests.rehearsal import Ended, Rehearsal

DEFAULTS = {"quality": "low", "size": "1024x1024", "output_format": "webp", "model": "gpt-image-2.5-flare"}
BATCH: dict[str, Any] = {"provider": "openai", "route": "batch", "defaults": DEFAULTS}


class QuickClock:
    """A clock in which a hundred seconds pass in one."""

    pace = 100.0

    def __init__(self, start: datetime | None = None) -> None:
        self._start, self._began = start or datetime.now(UTC), time.monotonic()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return (time.monotonic() - self._began) * self.pace

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.pace)


class Died(BaseException):
    """The run ends here, as if killed."""


def dies_at(name: str, which: int = 1) -> Callable[[str], None]:
    """Return a fault point where the run ends when it comes there for the so many-th time."""
    times = count(1)

    def at(where: str) -> None:
        if where == name and next(times) == which:
            raise Died(where)

    return at


def jobs(number: int, n: int = 1, words: str = "") -> list[dict[str, Any]]:
    """Jobs that differ in their prompts."""
    return [{"id": f"j{index}", "prompt": f"A lamp {index} {words}".strip(), "n": n} for index in range(number)]


def until_collected(scene: Rehearsal, manifest: Path, runs: int = 8, **options: Any) -> Ended:
    """Run the same command until nothing waits at the provider any more."""
    for _ in range(runs):
        ended = scene.run(manifest, **options)
        if ended.exit != 9:
            return ended
    raise AssertionError(f"still waiting after {runs} runs")


def attempts(folder: Path) -> list[AttemptRow]:
    """Return the attempts that the ledger of an output knows."""
    with Ledger.open(folder / "ledger.db", ".", clock=SystemClock(), readonly=True) as ledger:
        return list(ledger.report_rows.attempts())


def batches(folder: Path) -> tuple[BatchRow, ...]:
    """Return the batches that the ledger of an output knows."""
    with Ledger.open(folder / "ledger.db", ".", clock=SystemClock(), readonly=True) as ledger:
        return ledger.batches.every()


def created(scene: Rehearsal) -> int:
    """Count the batches that the provider was asked for."""
    return sum(
        one["method"] == "POST" and one["path"].partition("?")[0].endswith("/batches")
        for one in scene.handle.requests()
    )


def adds_up(scene: Rehearsal, ended: Ended) -> None:
    """See that the books are the bill, that nothing is reserved or at risk, and nothing left over in the spool."""
    assert ended.charged == scene.billed
    assert ended.money["at_risk_micro_usd"] == 0
    assert not list((ended.folder / "spool").glob("*"))
