"""The one place that writes: files are made beside the report and put in place together when all of them are whole."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from batchgen.errors import StorageError
from batchgen.ledger import Ledger, Review
from batchgen.reporter import accounts, beside, derivatives, page_rows, shop_csv, thumbs, xlsx
from batchgen.reporter.acceptance import ACCEPTED, accepted
from batchgen.reporter.checks import CHECKS
from batchgen.reporter.comparison import COMPARISON
from batchgen.reporter.csvfile import CsvFile
from batchgen.reporter.derivatives import DERIVATIVES
from batchgen.reporter.kept import Kept, Taker, pour, things
from batchgen.reporter.page import parts
from batchgen.reporter.parquet import ParquetFile
from batchgen.reporter.tables import (
    BATCHES,
    IMAGES,
    JOBS,
    MODERATED,
    RERUN,
    TOTALS,
    USAGE,
    Column,
    batches,
    totals,
    with_tags,
)
from batchgen.storage import Workspace
from batchgen.storage.derived import Derivatives
from batchgen.storage.workspace import REPORT, THUMBS, Stage

SMALL = THUMBS.removeprefix(f"{REPORT}/")
MAY_BE_ABSENT = frozenset(
    {"shop.csv", "accepted.csv", "batches.csv", "checks.csv", "comparison.csv", "derivatives.csv", "report.xlsx"}
)


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


@dataclass(frozen=True, slots=True)
class Joined:
    """A report of several outputs: its folder's name and its own, and what is derived from the images of all."""

    where: str
    name: str
    derivatives: Derivatives


def write(
    ledger: Ledger,
    workspace: Workspace,
    store: thumbs.Images,
    *,
    run_id: str | None = None,
    joined: Joined | None = None,
    seconds: float = thumbs.SECONDS,
) -> Written:
    """Write `report/` of an output folder from its ledger, as of a run, or of the latest one; or one of several.

    Thumbnails take so many `seconds` at most, and memory stays flat however long the tables are. StorageError when the
    folder refuses; the old report then stays.
    """
    where, name = (joined.where, joined.name) if joined else (REPORT, workspace.name)
    derived = joined.derivatives if joined else Derivatives.of(workspace)
    report = workspace.root / where
    try:
        with workspace.stage(where) as stage:
            with ledger.snapshot():
                summary = accounts.read(ledger, run_id, name=name, root=None if joined else workspace.root)
                small = partial(thumbs.make, workspace=workspace, store=store, home=f"{where}/{SMALL}", seconds=seconds)
                images, jobs = _files(ledger, derived, stage.path, summary, small)
            files = _publish(stage, report)
    except OSError as error:
        raise StorageError(f"the report cannot be written to {error.filename or report}: {error.strerror}") from error
    page = report / "report.html"
    return Written(report, page, files, images.total, jobs.total, images.bytes, summary.as_json())


def refresh(ledger: Ledger, workspace: Workspace, *, run_id: str) -> Written:
    """Bring only `summary.json` up to date, over a report that says the rest already."""
    report = workspace.root / REPORT
    summary = accounts.read(ledger, run_id, root=workspace.root).as_json()
    text = json.dumps(summary, ensure_ascii=False, indent=2) + "\n"
    workspace.write(f"{REPORT}/summary.json", text.encode())
    return Written(report, report / "report.html", (report / "summary.json",), 0, 0, 0, summary)


def _files(
    ledger: Ledger,
    derived: Derivatives,
    stage: Path,
    summary: accounts.Summary,
    small: Callable[..., thumbs.Thumbs],
) -> tuple[page_rows.Images, page_rows.Jobs]:
    """Make every file; each table is read once, and its rows go to all who want them."""
    tags = ledger.report_rows.tag_names()
    tables = _Tables(*(with_tags(columns, tags) for columns in (IMAGES, JOBS, USAGE)))
    kept = Kept.nothing(summary, tags)
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
        rows = ledger.report_rows
        pour(rows.images(), kept.images, images_csv, images_parquet, _Rejected(rerun_csv), *sheets.images)
        pour(rows.jobs(), kept.jobs, kept.blocks, jobs_csv, jobs_parquet, _Moderated(moderated_csv), *sheets.jobs)
        pour(rows.usage(), kept.usage, usage_csv, usage_parquet, *sheets.usage)
        pour(rows.calls(), kept.calls)
    columns, listed = shop_csv.sheet(shop_csv.placed(ledger.report_rows.listed(), ledger.stores.address()), derived)
    _put_if_any(stage / "shop.csv", columns, batches(listed))
    _put_if_any(stage / "checks.csv", CHECKS, batches(ledger.report_rows.measured()))
    _put_if_any(stage / "accepted.csv", ACCEPTED, [accepted(ledger.report_rows.accepted())])
    _put_if_any(stage / "batches.csv", BATCHES, [ledger.batches.every()])
    _put_if_any(stage / "derivatives.csv", DERIVATIVES, batches(derivatives.listed(derived)))
    compared = (tuple(chain.from_iterable(batch)) for batch in things(ledger, kept.compared))
    _put_if_any(stage / "comparison.csv", COMPARISON, compared)
    _text(stage / "summary.json", json.dumps(summary.as_json(), ensure_ascii=False, indent=2) + "\n")
    kept.beside = beside.read(ledger, kept.keys())
    _texts(stage / "report.html", parts(kept.page(small(kept.images.images.rows, beside=kept.beside))))
    return kept.images, kept.jobs


def _put_if_any(path: Path, columns: Sequence[Column[Any]], parts: Iterable[Sequence[Any]]) -> None:
    """Write a table that is only there when it has rows."""
    rows = 0
    with CsvFile(path, columns) as file:
        for part in parts:
            file.add(part)
            rows += len(part)
    if not rows:
        path.unlink()


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
    _texts(path, [text])


def _texts(path: Path, pieces: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        file.writelines(pieces)


def _publish(stage: Stage, report: Path) -> tuple[Path, ...]:
    """Put every file in place, the page last: it names the others. What is not there any more does not stay behind."""
    made = sorted((path.name for path in stage.path.iterdir()), key=lambda name: (name == "report.html", name))
    for name in sorted(MAY_BE_ABSENT.difference(made)):
        stage.withdraw(name)
    for name in made:
        stage.publish(name)
    return tuple(report / name for name in made)
