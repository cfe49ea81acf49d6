"""Over random histories a real ledger and every file of its report say the same money as the one who billed."""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import openpyxl
import pyarrow.parquet as pq
import pytest

from batchgen.ledger import Caps, Ledger, RunStart, Wanted
from batchgen.model import (
    Attempt,
    AttemptState,
    Charge,
    ImageRequest,
    Job,
    Operation,
    Phase,
    Quote,
    Reason,
    ReasonCode,
    Receipt,
    Remedy,
    RemoteImage,
    Settlement,
    SlotState,
    Stems,
    StoredImage,
    Usage,
    Verdict,
)  # fmt: skip
from batchgen.money import MicroUSD
from batchgen.reporter import summary
from tests.reporter.conftest import write

FOUR = ("confirmed_micro_usd", "estimated_micro_usd", "at_risk_micro_usd", "not_charged_micro_usd")


class Ticks:
    """A clock that moves by a second whenever it is asked."""

    def __init__(self) -> None:
        """Start at some night."""
        self.time = datetime(2026, 11, 20, 2, tzinfo=UTC)

    def now(self) -> datetime:
        self.time += timedelta(seconds=1)
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@dataclass
class History:
    """Writes calls into a ledger by chance, and keeps its own bill of the four numbers."""

    ledger: Ledger
    chance: Random
    bill: dict[str, int] = field(default_factory=lambda: dict.fromkeys(FOUR, 0))
    images: int = 0
    kept: int = 0
    numbers: Iterator[int] = field(default_factory=count)

    def happen(self, calls: int) -> None:
        """Make some jobs, and calls for them."""
        jobs = [self._job(number) for number in range(self.chance.randint(1, 6))]
        self.ledger.runs.begin(RunStart("run-1", "manifest.yaml", "mock"))
        self.ledger.jobs.remember([self._wanted(job) for job in jobs])
        for _ in range(calls):
            self._call(self.chance.choice(jobs))
        self.ledger.runs.end("run-1", 0, "")

    def _job(self, number: int) -> Job:
        tags = tuple((name, self.chance.choice("xyz")) for name in ("category", "prompt") if self.chance.random() < 0.8)
        request = ImageRequest(Operation.GENERATE, f'=prompt {number}, "{self.chance.choice("abc")}"\r\n')
        return Job(
            f"job-{number}", sha256(str(number).encode()).hexdigest(), request, self.chance.randint(1, 4),
            Stems((f"{number}-*",)), tags,
        )  # fmt: skip

    def _wanted(self, job: Job) -> Wanted:
        return Wanted(
            job, self.chance.choice(["gpt-image-1", "gpt-image-2"]), "1024x1024", self.chance.choice("lmh"), "mock"
        )

    def _call(self, job: Job) -> None:
        high = self.chance.randint(1, 300_000)
        quote = Quote(MicroUSD(0), MicroUSD(high // 2), MicroUSD(high))
        model = self.chance.choice(["gpt-image-1", "gpt-image-2"])
        asked = (job.key, job.id, job.request, job.stems)
        attempt = Attempt(f"call-{next(self.numbers)}", "run-1", *asked, model, "mock", tuple(range(job.n)), quote)
        assert self.ledger.reservations.reserve(attempt, Caps()) is None
        self.chance.choice([self._drawn, self._empty, self._unclear, self._free, self._open])(attempt, high)

    def _drawn(self, attempt: Attempt, high: int) -> None:
        """Return some images came, some perhaps as addresses; what was there before is drawn again."""
        some = self.chance.sample(attempt.slots, self.chance.randint(1, attempt.n))
        cost, estimated = self.chance.randint(1, high), self.chance.random() < 0.4
        remote = [slot for slot in some if self.chance.random() < 0.2]
        images = tuple(self._image(attempt, slot) for slot in some if slot not in remote)
        addresses = tuple(RemoteImage(slot, "https://x.example/p?s=1") for slot in remote)
        receipt = self._receipt(attempt, Charge.YES, "ok", images, addresses)
        self.ledger.attempts.settle(receipt, AttemptState.SETTLED, Settlement(MicroUSD(cost), estimated))
        self.bill[FOUR[estimated]] += cost

    def _empty(self, attempt: Attempt, high: int) -> None:
        cost, estimated = self.chance.randint(1, high), self.chance.random() < 0.4
        receipt = self._receipt(attempt, Charge.YES, "empty")
        self.ledger.attempts.settle(receipt, AttemptState.CHARGED_NO_RESULT, Settlement(MicroUSD(cost), estimated))
        self.bill[FOUR[estimated]] += cost

    def _unclear(self, attempt: Attempt, high: int) -> None:
        self.ledger.attempts.settle(self._receipt(attempt, Charge.MAYBE, "timeout"), AttemptState.AT_RISK)
        self.bill["at_risk_micro_usd"] += high

    def _free(self, attempt: Attempt, high: int) -> None:
        state = self.chance.choice([AttemptState.NOT_CHARGED, AttemptState.NOT_SENT])
        blocked = Reason(ReasonCode.MODERATED, "moderation_blocked")
        marks = {0: (SlotState.MODERATED, blocked)} if self.chance.random() < 0.5 else None
        self.ledger.attempts.settle(self._receipt(attempt, Charge.NO, "moderation_blocked"), state, None, marks)
        self.bill["not_charged_micro_usd"] += high

    def _open(self, attempt: Attempt, high: int) -> None:
        """Check that the call is still under way, or its process died."""
        self.bill["at_risk_micro_usd"] += high

    def _image(self, attempt: Attempt, slot: int) -> StoredImage:
        path = f"images/{attempt.path(slot, 'png')}"
        return StoredImage(slot, path, sha256(path.encode()).hexdigest(), 10, 4, 4, "png")

    def _receipt(
        self,
        attempt: Attempt,
        charge: Charge,
        code: str,
        images: tuple[StoredImage, ...] = (),
        remote: tuple[RemoteImage, ...] = (),
    ) -> Receipt:
        usage = Usage(10, 0, 200, 0, 210, "{}")
        verdict = Verdict(charge, Remedy.NONE, code)
        return Receipt(attempt.id, Phase.COMPLETE, verdict, 200, images, remote, usage=usage, seconds=1.0)


def cells(path: Path) -> list[dict[str, str]]:
    """Return a CSV file as another program reads it."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def told(rows: Sequence[Any]) -> dict[str, int]:
    """Return the four sums of a table."""
    return {name: sum(int(row[name]) for row in rows) for name in FOUR}


SEEDS = [pytest.param(first, marks=[pytest.mark.slow] if first >= 40 else []) for first in range(0, 200, 20)]


@pytest.mark.sample(1)
@pytest.mark.parametrize("first", SEEDS)
def test_ledger_and_report_agree_with_the_bill(first: int) -> None:
    """Confirmed, estimated, at risk and not charged are the same in ten places, to the micro-dollar, 200 times."""
    for seed in range(first, first + 20):
        with TemporaryDirectory() as name, Ledger.open(Path(name) / "ledger.db", ".", clock=Ticks()) as ledger:
            history = History(ledger, Random(seed))
            history.happen(history.chance.randint(0, 12))
            agrees(ledger, Path(name), history.bill)


def agrees(ledger: Ledger, folder: Path, bill: dict[str, int]) -> None:
    """Compare every file with the bill."""
    report = write(ledger, folder).folder
    book = openpyxl.load_workbook(report / "report.xlsx", read_only=True)
    sheets: dict[str, list[Any]] = {title: list(book[title].iter_rows(values_only=True)) for title in book.sheetnames}
    book.close()
    jobs, images = cells(report / "jobs.csv"), cells(report / "images.csv")
    assert told(jobs) == bill
    assert told(cells(report / "usage.csv")) == bill
    assert told(pq.read_table(report / "jobs.parquet").to_pylist()) == bill
    for title in ("Jobs", "Usage"):
        head, *body = sheets[title]
        places = {name: head.index(name.replace("_micro_usd", "_usd")) for name in FOUR}
        assert {name: sum(round(row[place] * 1e6) for row in body) for name, place in places.items()} == bill
    for made in (json.loads((report / "summary.json").read_text()), summary(ledger)):
        for account in (made, made["this_run"]):
            assert {name: account["money"][name] for name in FOUR} == bill
    charged = bill["confirmed_micro_usd"] + bill["estimated_micro_usd"]
    wasted = sum(cause["paid_micro_usd"] for cause in summary(ledger)["waste"])
    in_images = sum(int(row["cost_micro_usd"]) for row in images)
    assert in_images + wasted == charged
    states = [row["state"] for row in images]
    counted = summary(ledger)["images"]
    assert {state: states.count(state) for state in counted if state != "wanted"} == {
        state: number for state, number in counted.items() if state != "wanted"
    }
    assert ledger.accounts.audit() == ()


def test_the_share_of_a_image(tmp_path: Path) -> None:
    """A call's cost is split over its stored images, and the remainder is the first one's."""
    with Ledger.open(tmp_path / "ledger.db", ".", clock=Ticks()) as ledger:
        history = History(ledger, Random(1))
        job = Job("a", "f" * 64, ImageRequest(Operation.GENERATE, "a"), 3, Stems(("*",)))
        ledger.runs.begin(RunStart("run-1", "m", "mock"))
        ledger.jobs.remember([Wanted(job, "gpt-image-1", "1024x1024", "low", "mock")])
        asked = (job.key, job.id, job.request, job.stems)
        attempt = Attempt("c", "run-1", *asked, "gpt-image-1", "mock", (0, 1, 2), Quote(*(MicroUSD(100),) * 3))
        assert ledger.reservations.reserve(attempt, Caps()) is None
        images = tuple(history._image(attempt, slot) for slot in attempt.slots)
        receipt = history._receipt(attempt, Charge.YES, "ok", images)
        ledger.attempts.settle(receipt, AttemptState.SETTLED, Settlement(MicroUSD(100), estimated=False))
        report = write(ledger, tmp_path).folder
    assert [row["cost_micro_usd"] for row in cells(report / "images.csv")] == ["34", "33", "33"]
