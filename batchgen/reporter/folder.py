"""The one place that writes: files are made beside the report and put in place together when all of them are whole."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

from batchgen.errors import StorageError
from batchgen.ledger import ImageRow, Ledger, Review
from batchgen.money import MicroUSD
from batchgen.reporter import accounts, comparison, derivatives, page_rows, shop_csv, thumbs, xlsx
from batchgen.reporter.chart_data import Calls, charts
from batchgen.reporter.checks import CHECKS
from batchgen.reporter.comparison import COMPARISON
from batchgen.reporter.csvfile import CsvFile
from batchgen.reporter.derivatives import DERIVATIVES
from batchgen.reporter.frames import Usage
from batchgen.reporter.job_blocks import Blocks
from batchgen.reporter.page import Page, render
from batchgen.reporter.parquet import ParquetFile
from batchgen.reporter.tables import (
    IMAGES,
    JOBS,
    MODERATED,
    RERUN,
    TOTALS,
    USAGE,
    Column,
    Row,
    batches,
    totals,
    with_tags,
)
from batchgen.storage import ImageStore, Workspace
from batchgen.storage.workspace import REPORT, Stage

MAY_BE_ABSENT = frozenset({"shop.csv", "checks.csv", "comparison.csv", "derivatives.csv", "report.xlsx"})


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: the folder, the page to look at, every file, how much they hold, and `summary.json` itself."""

    folder: Path
    page: Path
    files: tuple[Path, ...]
    images: int
    jobs: int
    image_bytes: int
    summary: Mapping[str, Any]


class Taker(Protocol):
    """Takes the rows of a table, batch by batch: a file, a sheet, or what the page keeps of them."""

    def add(self, rows: Sequence[Any], /) -> None: ...


def write(ledger: Ledger, workspace: Workspace, store: ImageStore, *, run_id: str | None = None) -> Written:
    """Write `report/` of an output folder from its ledger, as of a run, or of the latest one.

    Memory stays flat however long the tables are. StorageError when the folder refuses; the old report then stays.
    """
    report = workspace.root / REPORT
    try:
        with workspace.stage(REPORT) as stage:
            with ledger.snapshot():
                summary = accounts.read(ledger, run_id, name=workspace.name)
                small = partial(thumbs.make, workspace=workspace, store=store)
                images, jobs = _files(ledger, workspace, stage.path, summary, small)
            files = _publish(stage, report)
    except OSError as error:
        raise StorageError(f"the report cannot be written to {error.filename or report}: {error.strerror}") from error
    page = report / "report.html"
    return Written(report, page, files, images.total, jobs.total, images.bytes, summary.as_json())


def refresh(ledger: Ledger, workspace: Workspace, *, run_id: str) -> Written:
    """Bring only `summary.json` up to date, over a report that says the rest already."""
    report = workspace.root / REPORT
    summary = accounts.read(ledger, run_id, name=workspace.name).as_json()
    text = json.dumps(summary, ensure_ascii=False, indent=2) + "\n"
    workspace.write(f"{REPORT}/summary.json", text.encode())
    return Written(report, report / "report.html", (report / "summary.json",), 0, 0, 0, summary)


def _files(
    ledger: Ledger,
    workspace: Workspace,
    stage: Path,
    summary: accounts.Summary,
    small: Callable[[Sequence[ImageRow]], thumbs.Thumbs],
) -> tuple[page_rows.Images, page_rows.Jobs]:
    """Make every file; each table is read once, and its rows go to all who want them."""
    tags = ledger.report_rows.tag_names()
    tables = _Tables(*(with_tags(columns, tags) for columns in (IMAGES, JOBS, USAGE)))
    images, jobs, usage = page_rows.Images(), page_rows.Jobs(), Usage(tables.usage, tags)
    blocks, calls = Blocks(summary.run_id, page_rows.MOST_IMAGES), Calls(summary.run_id)
    with (
        _sheets(stage, tables, summary) as sheets,
        CsvFile(stage / "images.csv", tables.images) as images_csv,
        CsvFile(stage / "jobs.csv", tables.jobs) as jobs_csv,
        CsvFile(stage / "usage.csv", tables.usage) as usage_csv,
        CsvFile(stage / "moderated.csv", MODERATED) as moderated_csv,
        CsvFile(stage / "rerun.csv", RERUN) as rerun_csv,
        ParquetFile(stage / "images.parquet", tables.images) as images_parquet,
        ParquetFile(stage / "jobs.parquet", tables.jobs) as jobs_parquet,
        ParquetFile(stage / "usage.parquet", tables.usage) as usage_parquet,
    ):
        _pour(ledger.report_rows.images(), images, images_csv, images_parquet, _Rejected(rerun_csv), *sheets.images)
        _pour(ledger.report_rows.jobs(), jobs, blocks, jobs_csv, jobs_parquet, _Moderated(moderated_csv), *sheets.jobs)
        _pour(ledger.report_rows.usage(), usage, usage_csv, usage_parquet, *sheets.usage)
        _pour(ledger.report_rows.calls(), calls)
    columns, rows = shop_csv.sheet(shop_csv.placed(ledger.report_rows.listed(), ledger.stores.address()), workspace)
    _put_if_any(stage / "shop.csv", columns, batches(rows))
    _put_if_any(stage / "checks.csv", CHECKS, batches(ledger.report_rows.measured()))
    _put_if_any(stage / "derivatives.csv", DERIVATIVES, batches(derivatives.listed(workspace)))
    compared = comparison.Comparison()
    _put_if_any(stage / "comparison.csv", COMPARISON, _things(ledger, compared))
    _text(stage / "summary.json", json.dumps(summary.as_json(), ensure_ascii=False, indent=2) + "\n")
    page = Page(
        summary,
        MicroUSD(usage.expected),
        usage.groups(),
        jobs.moderated.section(),
        jobs.open.section(),
        images.flagged.section(),
        images.images.section(),
        small(images.images.rows),
        charts(usage.groups(), blocks, images.costs, calls),
        blocks.of,
        compared,
    )
    _text(stage / "report.html", render(page))
    return images, jobs


def _things(ledger: Ledger, kept: comparison.Comparison) -> Iterator[Sequence[Any]]:
    """Go through what was drawn in several ways, a batch of images at a time; the page keeps its share."""
    for things in batches(comparison.compared(ledger.report_rows.variants())):
        kept.add(things)
        yield tuple(chain.from_iterable(things))


def _put_if_any(path: Path, columns: Sequence[Column[Any]], parts: Iterable[Sequence[Any]]) -> None:
    """Write a table that is only there when it has rows."""
    rows = 0
    with CsvFile(path, columns) as file:
        for part in parts:
            file.add(part)
            rows += len(part)
    if not rows:
        path.unlink()


def _pour(rows: Iterable[Row], *takers: Taker) -> None:
    for batch in batches(rows):
        for taker in takers:
            taker.add(batch)


@dataclass(frozen=True, slots=True)
class _Tables:
    """The columns of each table, tags included."""

    images: Sequence[Column[Any]]
    jobs: Sequence[Column[Any]]
    usage: Sequence[Column[Any]]


@dataclass(frozen=True, slots=True)
class _Sheets:
    """The takers of each table in a workbook; none where the library is missing."""

    images: tuple[Taker, ...] = ()
    jobs: tuple[Taker, ...] = ()
    usage: tuple[Taker, ...] = ()


@dataclass(frozen=True, slots=True)
class _Moderated:
    """Hands on the jobs that moderation stopped, wholly or in part."""

    taker: Taker

    def add(self, rows: Sequence[Any]) -> None:
        self.taker.add([row for row in rows if row.moderated_slots != "[]"])


@dataclass(frozen=True, slots=True)
class _Rejected:
    """Hands on the images in their places that somebody rejected and nobody has drawn again."""

    taker: Taker

    def add(self, rows: Sequence[Any]) -> None:
        self.taker.add([row for row in rows if row.review == Review.REJECTED and not row.superseded])


@contextmanager
def _sheets(stage: Path, tables: _Tables, summary: accounts.Summary) -> Iterator[_Sheets]:
    if not xlsx.available():
        yield _Sheets()
        return
    with xlsx.WorkbookFile(stage / "report.xlsx") as book:
        book.sheet("Totals", TOTALS).add(tuple(totals(summary.as_json())))
        usage, jobs = book.sheet("Usage", tables.usage), book.sheet("Jobs", tables.jobs)
        images, moderated = book.sheet("Images", tables.images), book.sheet("Moderated", MODERATED)
        yield _Sheets((images,), (jobs, _Moderated(moderated)), (usage,))


def _text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")


def _publish(stage: Stage, report: Path) -> tuple[Path, ...]:
    """Put every file in place, the page last: it names the others. What is not there any more does not stay behind."""
    made = sorted((path.name for path in stage.path.iterdir()), key=lambda name: (name == "report.html", name))
    for name in sorted(MAY_BE_ABSENT.difference(made)):
        stage.withdraw(name)
    for name in made:
        stage.publish(name)
    return tuple(report / name for name in made)
