"""The one place that writes: files are made beside the report and put in place together when all of them are whole."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from batchgen.errors import StorageError
from batchgen.ledger import ImageRow, JobRow, Ledger, Review
from batchgen.reporter import accounts, beside, page_rows, shop_csv, thumbs, xlsx
from batchgen.reporter.acceptance import ACCEPTED, accepted
from batchgen.reporter.comparison import COMPARISON
from batchgen.reporter.csvfile import CsvFile
from batchgen.reporter.page import parts
from batchgen.reporter.page_data import PageData, Taker, pour, things
from batchgen.reporter.parquet import ParquetFile
from batchgen.reporter.tables import (
    BATCHES,
    CHECKS,
    DERIVATIVES,
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
from batchgen.storage.derived import Derivatives, Derived
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
    drew: int = 0,
) -> Written:
    """Write `report/` of an output folder from its ledger, as of a run, or of the latest one; or one of several.

    A run that `drew` many images here has time for all their thumbnails. Memory stays flat however long the tables are.
    StorageError when the folder refuses; the old report then stays.
    """
    seconds = max(thumbs.SECONDS, thumbs.SECONDS_EACH * drew)
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
    summary = accounts.read(ledger, run_id, root=workspace.root)
    workspace.write(f"{REPORT}/summary.json", _json(summary).encode())
    return Written(report, report / "report.html", (report / "summary.json",), 0, 0, 0, summary.as_json())


def _files(
    ledger: Ledger,
    derived: Derivatives,
    stage: Path,
    summary: accounts.Summary,
    small: Callable[..., thumbs.Thumbs],
) -> tuple[page_rows.Images, page_rows.Jobs]:
    """Make every file; each table is read once, and its rows go to all who want them."""
    tags, rows = ledger.report_rows.tag_names(), ledger.report_rows
    shown = PageData.nothing(summary, tags)
    with ExitStack() as stack:
        takers = _takers(stack, stage, summary, tags)
        pour(rows.images(), shown.images, *takers["images"])
        pour(rows.jobs(), shown.jobs, shown.blocks, *takers["jobs"])
        pour(rows.usage(), shown.usage, *takers["usage"])
        pour(rows.calls(), shown.calls)
    columns, listed = shop_csv.sheet(shop_csv.placed(rows.listed(), ledger.stores.address()), derived)
    _put_if_any(stage / "shop.csv", columns, batches(listed))
    _put_if_any(stage / "checks.csv", CHECKS, batches(rows.measured()))
    _put_if_any(stage / "accepted.csv", ACCEPTED, [accepted(rows.accepted())])
    _put_if_any(stage / "batches.csv", BATCHES, [ledger.batches.every()])
    _put_if_any(stage / "derivatives.csv", DERIVATIVES, batches(_listed(derived)))
    compared = (tuple(chain.from_iterable(batch)) for batch in things(ledger, shown.compared))
    _put_if_any(stage / "comparison.csv", COMPARISON, compared)
    _texts(stage / "summary.json", [_json(summary)])
    shown.beside = beside.read(ledger, shown.keys())
    _texts(stage / "report.html", parts(shown.page(small(shown.images.images.rows, beside=shown.beside))))
    return shown.images, shown.jobs


def _takers(
    stack: ExitStack, stage: Path, summary: accounts.Summary, tags: Sequence[str]
) -> Mapping[str, Sequence[Taker]]:
    """Open every file that takes the rows of a table: sheets of the workbook, CSV, Parquet, and what is picked out."""
    tables = {
        name: with_tags(columns, tags) for name, columns in (("usage", USAGE), ("jobs", JOBS), ("images", IMAGES))
    }
    takers: dict[str, list[Taker]] = {name: [] for name in tables}
    if xlsx.available():
        book = stack.enter_context(xlsx.WorkbookFile(stage / "report.xlsx"))
        book.sheet("Totals", TOTALS).add(tuple(totals(summary.as_json())))
        for name, columns in tables.items():
            takers[name].append(book.sheet(name.capitalize(), columns))
        takers["jobs"].append(_Some(book.sheet("Moderated", MODERATED), _is_moderated))
    for name, columns in tables.items():
        takers[name].append(stack.enter_context(CsvFile(stage / f"{name}.csv", columns)))
        takers[name].append(stack.enter_context(ParquetFile(stage / f"{name}.parquet", columns)))
    takers["jobs"].append(_Some(stack.enter_context(CsvFile(stage / "moderated.csv", MODERATED)), _is_moderated))
    takers["images"].append(_Some(stack.enter_context(CsvFile(stage / "rerun.csv", RERUN)), _is_rejected))
    return takers


def _listed(derivatives: Derivatives) -> Sequence[Derived]:
    """Give every derivative, by the paths of the images."""
    last = ({one.source: one for one in derivatives.read(name)} for name in derivatives.names())
    there = (derived for by_source in last for derived in by_source.values())
    return sorted(there, key=lambda derived: (derived.source, derived.name))


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
class _Some:
    """Hands on the rows of one kind."""

    taker: Taker
    is_wanted: Callable[[Any], bool]

    def add(self, rows: Sequence[Any]) -> None:
        self.taker.add([row for row in rows if self.is_wanted(row)])


def _is_moderated(job: JobRow) -> bool:
    """Whether moderation stopped a job, wholly or in part."""
    return job.moderated_slots != "[]"


def _is_rejected(image: ImageRow) -> bool:
    """Whether somebody rejected an image in its place, and nobody has drawn it again."""
    return image.review == Review.REJECTED and not image.superseded


def _json(summary: accounts.Summary) -> str:
    return json.dumps(summary.as_json(), ensure_ascii=False, indent=2) + "\n"


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
