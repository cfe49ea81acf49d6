"""Factories that take only what matters to a law."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from batchgen.ledger import Ledger, RunStart, Wanted
from batchgen.model import (
    Attempt,
    Charge,
    ImageRequest,
    Job,
    Operation,
    Phase,
    Purpose,
    Quote,
    Receipt,
    Remedy,
    RemoteImage,
    Settlement,
    Stems,
    StoredImage,
    Usage,
    Verdict,
)
from batchgen.money import MicroUSD


class Hands:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)

    def now(self) -> datetime:
        self.time += timedelta(milliseconds=1)
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@dataclass
class Make:
    """Makes the nouns; what is not given does not matter."""

    run_id: str = "run-1"
    numbers: Any = field(default_factory=count)

    def job(self, name: str = "a", n: int = 1, prompt: str = "", tags: tuple[tuple[str, str], ...] = ()) -> Job:
        request = ImageRequest(Operation.GENERATE, prompt or f"an image of {name}", params=(("size", "1024x1024"),))
        key = hashlib.sha256(f"{name}|{request.prompt}".encode()).hexdigest()
        return Job(name, key, request, n, Stems((f"{name}-*",)), tags=tags)

    def wanted(self, job: Job) -> Wanted:
        return Wanted(job, "gpt-image-2", "1024x1024", "medium", "mock")

    def attempt(
        self,
        job: Job,
        high: int = 100,
        slots: tuple[int, ...] = (0,),
        run_id: str = "",
        purpose: Purpose = Purpose.FIRST,
        provider: str = "mock",
    ) -> Attempt:
        quote = Quote(MicroUSD(high // 2), MicroUSD(high * 3 // 4), MicroUSD(high))
        id_ = f"attempt-{next(self.numbers)}"
        asked = (job.key, job.id, job.request, job.stems)
        return Attempt(id_, run_id or self.run_id, *asked, "gpt-image-2", provider, slots, quote, purpose)

    def image(self, job: Job | Attempt, slot: int = 0, replaces: str | None = None) -> StoredImage:
        path = f"images/{job.path(slot, 'png')}"
        return StoredImage(slot, path, hashlib.sha256(path.encode()).hexdigest(), 10, 4, 4, "png", replaces=replaces)

    def images(self, job: Job | Attempt, *slots: int, replaces: str | None = None) -> tuple[StoredImage, ...]:
        return tuple(self.image(job, slot, replaces) for slot in slots)

    def answer(self, attempt: Attempt, *slots: int, replaces: str | None = None) -> Receipt:
        return Receipt(
            attempt.id,
            Phase.COMPLETE,
            Verdict(Charge.YES, Remedy.NONE),
            200,
            self.images(attempt, *(slots or attempt.slots), replaces=replaces),
            usage=Usage(10, 0, 200, 0, 210, "{}"),
            seconds=2.0,
        )

    def remote(self, attempt: Attempt, *slots: int, expires: datetime | None = None) -> Receipt:
        images = tuple(RemoteImage(slot, f"https://x.test/{attempt.id}/{slot}?s=%2B", expires) for slot in slots)
        return Receipt(attempt.id, Phase.COMPLETE, Verdict(Charge.YES, Remedy.NONE), 200, remote=images, seconds=2.0)

    def failure(self, attempt: Attempt, charge: Charge, code: str = "http_500", message: str = "") -> Receipt:
        return Receipt(
            attempt.id, Phase.STATUS_SEEN, Verdict(charge, Remedy.UNCERTAIN, code, message), 500, seconds=1.0
        )

    def cost(self, amount: int, *, estimated: bool = False) -> Settlement:
        return Settlement(MicroUSD(amount), estimated)


@pytest.fixture
def make() -> Make:
    """Make the nouns."""
    return Make()


@pytest.fixture
def clock() -> Hands:
    """Give a clock that moves when told."""
    return Hands()


Open = Callable[..., Ledger]


@pytest.fixture
def opened(tmp_path: Path, clock: Hands) -> Iterator[Open]:
    """Open ledgers that are closed after the test; one file unless told otherwise."""
    everything: list[Ledger] = []

    def open_(path: Path | None = None, catalogue: str = ".", run_id: str | None = "run-1", **rest: Any) -> Ledger:
        ledger = Ledger.open(path or tmp_path / "ledger.db", catalogue, clock=rest.pop("clock", clock), **rest)
        everything.append(ledger)
        if run_id and not rest.get("readonly"):
            ledger.runs.begin(RunStart(run_id, "catalogue.yaml", "mock"))
        return ledger

    yield open_
    for ledger in everything:
        ledger.close()


@pytest.fixture
def ledger(opened: Open) -> Ledger:
    """Open a new ledger, with a run begun."""
    return opened()
