"""A report without a ledger's file: what is rendered is made of these rows alone."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from batchgen import reporter
from batchgen.ledger import (
    AcceptedRow,
    BatchRow,
    CallRow,
    EarlierRow,
    ImageCounts,
    ImageRow,
    JobCounts,
    JobRow,
    ListedRow,
    MeasuredRow,
    Money,
    RunRow,
    Totals,
    UsageRow,
    VariantRow,
    Waste,
    WayRow,
)
from batchgen.model import InputImage
from batchgen.money import MicroUSD
from batchgen.reporter.folder import Written
from batchgen.reporter.tables import tags_of
from batchgen.storage import LocalStore, Workspace
from tests.reporter.chromium import Browser, installed

IDENTITY = "0123456789abcdef" * 2
"""By which the output is told from every other."""
STATES = ("stored", "moderated", "failed", "uncertain", "lost_paid", "not_started", "submitted")


def write(ledger: Any, folder: Path) -> Written:
    """Write the report of an output folder whose images lie in it."""
    return reporter.write(ledger, Workspace(folder), LocalStore(folder))


@dataclass(frozen=True)
class Rows:
    """Answers what the report asks of a ledger, from lists; usage and totals are summed from the jobs."""

    images: Sequence[ImageRow] = ()
    jobs: Sequence[JobRow] = ()
    wasted: Sequence[Waste] = ()
    run: RunRow | None = None
    used: Sequence[UsageRow] | None = None
    calls: Sequence[CallRow] = ()
    listed: Sequence[ListedRow] = ()
    varied: Sequence[VariantRow] = ()
    judged: Sequence[AcceptedRow] = ()
    measured: Sequence[MeasuredRow] = ()
    earlier: Sequence[EarlierRow] = ()
    sent: Sequence[tuple[str, InputImage]] = ()
    away: Sequence[BatchRow] = ()

    @property
    def batches(self) -> "Rows":
        return self

    def open(self) -> tuple[BatchRow, ...]:
        return tuple(row for row in self.away if row.ended is None)

    def every(self) -> tuple[BatchRow, ...]:
        return tuple(self.away)

    @property
    def runs(self) -> "Rows":
        return self

    @property
    def stores(self) -> "Rows":
        return self

    def address(self) -> str:
        return ""

    def identity(self) -> str:
        return IDENTITY

    def known_identity(self) -> str:
        return IDENTITY

    @property
    def accounts(self) -> "Rows":
        return self

    @property
    def report_rows(self) -> "ReportRows":
        return ReportRows(self)

    def snapshot(self) -> AbstractContextManager[object]:
        return nullcontext()

    def latest_first(self) -> tuple[RunRow, ...]:
        return (self.run,) if self.run else ()

    def waste(self, run_id: str | None = None) -> tuple[Waste, ...]:
        return tuple(self.wasted)

    def totals(self, run_id: str | None = None, *, alone: bool = False) -> Totals:
        outcomes = [j.outcome for j in self.jobs]
        counts = {name: sum(getattr(j, name) for j in self.jobs) for name in STATES}
        money = {
            name: MicroUSD(sum(getattr(j, f"{name}_micro_usd") for j in self.jobs))
            for name in ("confirmed", "estimated", "at_risk", "not_charged")
        }
        return Totals(
            JobCounts(len(outcomes), **{name: outcomes.count(name) for name in sorted(set(outcomes))}),
            ImageCounts(sum(counts.values()), **counts),
            Money(**money),
            sum(j.attempts for j in self.jobs),
            sum(j.retried for j in self.jobs),
        )

    def of_run(self, run_id: str) -> tuple[Totals, Totals]:
        return self.totals(run_id), self.totals(run_id, alone=True)


class ReportRows:
    """The rows that stand in a report."""

    def __init__(self, lists: Rows) -> None:
        self._lists = lists

    def images(self) -> Iterator[ImageRow]:
        return iter(self._lists.images)

    def jobs(self) -> Iterator[JobRow]:
        return iter(self._lists.jobs)

    def tag_names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for job in self._lists.jobs for name in tags_of(job.tags)))

    def calls(self) -> Iterator[CallRow]:
        return iter(self._lists.calls)

    def listed(self) -> Iterator[ListedRow]:
        return iter(self._lists.listed)

    def earlier(self) -> Iterator[EarlierRow]:
        return iter(self._lists.earlier)

    def sent_images(self) -> Iterator[tuple[str, InputImage]]:
        return iter(self._lists.sent)

    def measured(self) -> Iterator[MeasuredRow]:
        return iter(self._lists.measured)

    def accepted(self) -> Iterator[AcceptedRow]:
        return iter(self._lists.judged)

    def ways(self) -> Iterator[WayRow]:
        return iter(())

    def variants(self) -> Iterator[VariantRow]:
        return iter(self._lists.varied)

    def usage(self) -> Iterator[UsageRow]:
        if self._lists.used is not None:
            yield from self._lists.used
            return
        kinds = dict.fromkeys((j.model, j.size, j.quality, j.provider, j.tags) for j in self._lists.jobs)
        for kind in kinds:
            mine = [j for j in self._lists.jobs if (j.model, j.size, j.quality, j.provider, j.tags) == kind]

            def total(name: str, rows: Sequence[JobRow] = mine) -> int:
                return sum(getattr(row, name) for row in rows)

            yield UsageRow(
                *kind, len(mine), total("attempts"), total("retried"), total("wanted"), total("stored"),
                total("text_in"), total("image_in"), total("output"), 0,
                total("confirmed_micro_usd"), total("estimated_micro_usd"), total("at_risk_micro_usd"),
                total("not_charged_micro_usd"), total("expected_micro_usd"),
            )  # fmt: skip


def an_image(**changed: Any) -> ImageRow:
    """Check that a stored image, but for what is changed."""
    return ImageRow(
        "chair-oak", "a" * 64, 0, "stored", "", "", "", "images/chair-oak-0.png", "ab" * 32, 1000, 64, 64, "png",
        "[]", "[]", "",
        "gpt-image-1", "1024x1024", "medium", "openai", 42_000, 0, "A chair in oak", "[]", None, None, None,
    )._replace(**changed)  # fmt: skip


def a_job(**changed: Any) -> JobRow:
    """Give a job that is done, but for what is changed."""
    return JobRow(
        "chair-oak", "a" * 64, "generate", "gpt-image-1", "1024x1024", "medium", "openai", "A chair in oak", "[]", "",
        None, 1, "done", 1, 0, 0, 0, 0, 0, 1, 0, 12, 0, 1056, 42_000, 0, 0, 0, 42_300, 12.5, "", "", "[]", "[]",
    )._replace(**changed)  # fmt: skip


def a_run(**changed: Any) -> RunRow:
    """Return a run that ended well after 72.5 seconds, but for what is changed."""
    begun, ended = (datetime(2026, 11, 20, 2, minute, second, tzinfo=UTC) for minute, second in ((0, 0), (1, 12)))
    values = {
        "run_id": "2026-11-20T02:00Z-7f3a", "manifest": "autumn", "provider": "openai",
        "started": begun, "ended": ended, "exit_code": 0, "why": "", "cap": None,
        "low": 40_000, "expected": 42_300, "high": 60_000, "command": "{}", "version": "", "counts": "{}",
        "seconds": 72.0,
    }  # fmt: skip
    return RunRow(**{**values, **changed})


@pytest.fixture
def image() -> Callable[..., ImageRow]:
    """Make image rows."""
    return an_image


@pytest.fixture
def job() -> Callable[..., JobRow]:
    """Make job rows."""
    return a_job


@pytest.fixture
def rows() -> Callable[..., Rows]:
    """Make a source of rows of one run."""

    def make(images: Sequence[ImageRow] = (), jobs: Sequence[JobRow] = (), **more: Any) -> Rows:
        return Rows(images, jobs, **{"run": a_run(), **more})

    return make


@pytest.fixture
def tagged() -> Callable[..., str]:
    """Write tags as the ledger keeps them."""

    def make(**tags: str) -> str:
        return json.dumps([list(pair) for pair in tags.items()])

    return make


@pytest.fixture
def draw(tmp_path: Path) -> Callable[..., Path]:
    """Draw an image file below the output folder."""

    def drawn(path: str = "images/chair-oak-0.png", colour: str = "teal", mode: str = "RGB") -> Path:
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.new(mode, (64, 48), colour).save(target)
        return target

    return drawn


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all tests of a process."""
    program = installed()
    if program is None:
        pytest.skip("there is no chromium on this machine, so the page is not driven")
    with Browser.started(program, tmp_path_factory.mktemp("profile")) as started:
        yield started
