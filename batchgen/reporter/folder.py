"""The one place that writes: files are made beside the report and put in place together when all of them are whole."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from batchgen.errors import Place, StorageError
from batchgen.ledger import Difference, ImageRow, JobRow, Ledger, Review
from batchgen.reporter import accounts, page, shop_csv, tables, thumbs, xlsx
from batchgen.reporter.acceptance import ACCEPTED, accepted
from batchgen.reporter.comparison import COMPARISON
from batchgen.reporter.page_data import PageData, read
from batchgen.reporter.table_files import csv_file, csv_if_any, parquet_file, whole
from batchgen.reporter.tables import Column, Taker, batches, totals, with_tags
from batchgen.storage import Workspace
from batchgen.storage.derived import Derivatives, Derived
from batchgen.storage.workspace import REPORT, THUMBS

T = TypeVar("T")

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

    def make(stage: Path) -> tuple[accounts.Summary, PageData]:
        with ledger.snapshot():
            summary = accounts.read(ledger, run_id, name=name, root=None if joined else workspace.root)
            small = partial(thumbs.make, workspace=workspace, store=store, home=f"{where}/{SMALL}", seconds=seconds)
            return summary, _files(ledger, derived, stage, summary, small)

    (summary, shown), files = put(workspace, where, make, MAY_BE_ABSENT)
    report, images, jobs = workspace.root / where, shown.images, shown.jobs
    return Written(report, report / "report.html", files, images.total, jobs.total, images.bytes, summary.as_json())


def put(
    workspace: Workspace, where: str, make: Callable[[Path], T], may_be_absent: Collection[str] = ()
) -> tuple[T, tuple[Path, ...]]:
    """Make files beside a report and put them in place, the page last: it names the others.

    What is not there any more does not stay behind. StorageError when the folder refuses; the old report then stays.
    """
    report = workspace.root / where
    try:
        with workspace.stage(where) as stage:
            made = make(stage.path)
            names = sorted((path.name for path in stage.path.iterdir()), key=lambda name: (name == "report.html", name))
            for name in sorted({*may_be_absent}.difference(names)):
                stage.withdraw(name)
            for name in names:
                stage.publish(name)
    except OSError as error:
        raise StorageError(f"the report cannot be written to {error.filename or report}: {error.strerror}") from error
    return made, tuple(report / name for name in names)


def refresh(ledger: Ledger, workspace: Workspace, *, run_id: str) -> Written:
    """Bring only `summary.json` up to date, over a report that says the rest already."""
    report = workspace.root / REPORT
    summary = accounts.read(ledger, run_id, root=workspace.root)
    workspace.write(f"{REPORT}/summary.json", _json(summary).encode())
    return Written(report, report / "report.html", (report / "summary.json",), 0, 0, 0, summary.as_json())


def reject(workspace: Workspace, rows: Sequence[tuple[Place | None, str]]) -> None:
    """List rows of the manifest that could not be jobs, in place of those of an earlier run."""
    file = f"{REPORT}/rejected.csv"
    if rows:
        workspace.write(file, whole(tables.REJECTED, rows))
    elif workspace.exists(file):
        workspace.remove(file)


def list_differences(workspace: Workspace, differences: Sequence[Difference]) -> str:
    """List every difference between a bill and the ledger; returns the file's path below the output folder."""
    workspace.write(file := f"{REPORT}/reconciled.csv", whole(tables.DIFFERENCES, differences))
    return file


def _files(
    ledger: Ledger, derived: Derivatives, stage: Path, summary: accounts.Summary, small: Callable[..., thumbs.Thumbs]
) -> PageData:
    """Make every file; each table is read once, and its rows go to all who want them."""
    rows = ledger.report_rows
    with ExitStack() as stack:
        shown = read(ledger, summary, _takers(stack, stage, summary, rows.tag_names()))
    columns, listed = shop_csv.sheet(shop_csv.placed(rows.listed(), ledger.stores.address()), derived)
    short: Sequence[tuple[str, Sequence[Column[Any]], Iterable[Sequence[Any]]]] = (
        ("shop", columns, batches(listed)),
        ("checks", tables.CHECKS, batches(rows.measured())),
        ("accepted", ACCEPTED, [accepted(rows.accepted())]),
        ("batches", tables.BATCHES, [ledger.batches.every()]),
        ("derivatives", tables.DERIVATIVES, batches(_listed(derived))),
    )
    for name, those, parts in short:
        with csv_if_any(stage / f"{name}.csv", those) as take:
            for part in parts:
                take(part)
    _texts(stage / "summary.json", [_json(summary)])
    _texts(stage / "report.html", page.parts(shown.page(small(shown.images.images.rows, beside=shown.beside))))
    return shown


def _takers(
    stack: ExitStack, stage: Path, summary: accounts.Summary, tags: Sequence[str]
) -> Mapping[str, Sequence[Taker]]:
    """Open every file that takes the rows of a table: sheets of the workbook, CSV, Parquet, and what is picked out."""

    def csv(name: str, columns: Sequence[Column[Any]], how: Callable[..., Any] = csv_file) -> Taker:
        taker: Taker = stack.enter_context(how(stage / f"{name}.csv", columns))
        return taker

    usual: dict[str, Sequence[Column[Any]]] = {"usage": tables.USAGE, "jobs": tables.JOBS, "images": tables.IMAGES}
    tagged = {name: with_tags(columns, tags) for name, columns in usual.items()}
    takers: dict[str, list[Taker]] = {name: [] for name in tagged}
    if xlsx.available():
        book = stack.enter_context(xlsx.WorkbookFile(stage / "report.xlsx"))
        book.sheet("Totals", tables.TOTALS).add(tuple(totals(summary.as_json())))
        for name, columns in tagged.items():
            takers[name].append(book.sheet(name.capitalize(), columns).add)
        takers["jobs"].append(_some(book.sheet("Moderated", tables.MODERATED).add, _is_moderated))
    for name, columns in tagged.items():
        takers[name] += csv(name, columns), stack.enter_context(parquet_file(stage / f"{name}.parquet", columns))
    takers["jobs"].append(_some(csv("moderated", tables.MODERATED), _is_moderated))
    takers["images"].append(_some(csv("rerun", tables.RERUN), _is_rejected))
    compared = csv("comparison", COMPARISON, csv_if_any)
    return takers | {"comparison": [lambda things: compared(tuple(chain.from_iterable(things)))]}


def _listed(derivatives: Derivatives) -> Sequence[Derived]:
    """Give every derivative, by the paths of the images."""
    last = ({one.source: one for one in derivatives.read(name)} for name in derivatives.names())
    there = (derived for by_source in last for derived in by_source.values())
    return sorted(there, key=lambda derived: (derived.source, derived.name))


def _some(take: Taker, is_wanted: Callable[[Any], bool]) -> Taker:
    """Hand on the rows of one kind."""
    return lambda rows: take([row for row in rows if is_wanted(row)])


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
