"""The one place that writes: files are made beside the report and put in place together when all of them are whole."""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any, TextIO

from batchgen.errors import StorageError
from batchgen.ledger import ImageRow, Ledger
from batchgen.money import MicroUSD
from batchgen.report import accounts, xlsx
from batchgen.report.frames import batches, groups
from batchgen.report.page import Page, Section, Shown, render
from batchgen.report.parquet import ParquetFile
from batchgen.report.seen import Seen
from batchgen.report.tables import IMAGES, JOBS, MODERATED, USAGE, Column, header, lines, tag_names, with_tags
from batchgen.report.thumbs import thumbnail

DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: the folder, the page to look at, every file, and how much the tables hold."""

    folder: Path
    page: Path
    files: tuple[Path, ...]
    images: int
    jobs: int
    picture_bytes: int


def write(ledger: Ledger, folder: Path, *, run_id: str | None = None) -> Written:
    """Write `report/` of an output folder from its ledger, as of a run, or of the latest one.

    Memory stays flat however long the tables are. StorageError when the folder refuses; the old report then stays.
    """
    report = folder / "report"
    try:
        report.mkdir(parents=True, exist_ok=True)
        with _staged(report) as stage:
            seen = _files(ledger, folder, stage, run_id)
            files = _publish(stage, report)
    except OSError as error:
        raise StorageError(f"the report cannot be written to {error.filename or report}: {error.strerror}") from error
    return Written(report, report / "report.html", files, seen.images, seen.jobs, seen.picture_bytes)


def _files(ledger: Ledger, folder: Path, stage: Path, run_id: str | None) -> Seen:
    summary = accounts.read(ledger, run_id, name=folder.resolve().name)
    tags = tag_names(ledger.job_rows())
    seen = Seen()
    _images(ledger, stage, tags, seen)
    _jobs(ledger, stage, tags, seen)
    with _csv(stage / "usage.csv", with_tags(USAGE, tags)) as out:
        out.writelines(lines(with_tags(USAGE, tags), ledger.usage_rows()))
    _write(stage / "summary.json", json.dumps(summary.as_json(), ensure_ascii=False, indent=2) + "\n")
    if xlsx.available():
        (stage / "report.xlsx").write_bytes(xlsx.render(_sheets(ledger, tags, summary)))
    _write(stage / "report.html", render(_page(ledger, tags, summary, seen, _thumbnails(seen.stored.rows, folder))))
    return seen


def _images(ledger: Ledger, stage: Path, tags: Sequence[str], seen: Seen) -> None:
    columns = with_tags(IMAGES, tags)
    with _csv(stage / "images.csv", columns) as out:
        out.writelines(lines(columns, map(seen.image, ledger.image_rows())))


def _jobs(ledger: Ledger, stage: Path, tags: Sequence[str], seen: Seen) -> None:
    columns = with_tags(JOBS, tags)
    with (
        _csv(stage / "jobs.csv", columns) as out,
        _csv(stage / "moderated.csv", MODERATED) as moderated,
        ParquetFile(stage / "jobs.parquet", columns) as parquet,
    ):
        for batch in batches(map(seen.job, ledger.job_rows())):
            out.writelines(lines(columns, batch))
            moderated.writelines(lines(MODERATED, (row for row in batch if row.moderated)))
            parquet.add(batch)


def _sheets(ledger: Ledger, tags: Sequence[str], summary: accounts.Summary) -> Iterator[xlsx.Sheet]:
    totals: tuple[Column[tuple[str, Any]], ...] = (
        Column("what", lambda row: row[0]),
        Column("value", lambda row: row[1]),
    )
    yield xlsx.Sheet("Totals", totals, _flat(summary.as_json()))
    yield xlsx.Sheet("Usage", with_tags(USAGE, tags), ledger.usage_rows())
    yield xlsx.Sheet("Jobs", with_tags(JOBS, tags), ledger.job_rows())
    yield xlsx.Sheet("Images", with_tags(IMAGES, tags), ledger.image_rows())
    yield xlsx.Sheet("Moderated", MODERATED, (row for row in ledger.job_rows() if row.moderated))


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        elif not isinstance(value, list):
            yield f"{before}{name}", value


def _page(
    ledger: Ledger, tags: Sequence[str], summary: accounts.Summary, seen: Seen, thumbs: Mapping[str, str]
) -> Page:
    pictures = tuple(Shown(row, thumbs.get(row.sha256 or "")) for row in seen.stored.rows)
    return Page(
        summary,
        MicroUSD(sum(row.expected_micro_usd for row in ledger.usage_rows())),
        groups(ledger.usage_rows(), tags),
        seen.moderated.section(),
        seen.open.section(),
        seen.flagged.section(),
        Section(pictures, seen.stored.total, seen.stored.where),
    )


def _thumbnails(rows: Sequence[ImageRow], folder: Path) -> dict[str, str]:
    """Small copies of pictures, by hash; those of an earlier report are used again, or taken away."""
    home = folder / "report" / "thumbs"
    home.mkdir(exist_ok=True)
    wanted = {row.sha256: folder / row.path for row in rows if row.sha256 and row.path and _named(row.path, row.sha256)}
    for old in home.iterdir():
        if old.stem not in wanted:
            old.unlink()

    def made(sha256: str) -> bool:
        return _thumbnail(wanted[sha256], home / f"{sha256}.jpg")

    with ThreadPoolExecutor(2) as pool:
        return {
            sha256: f"thumbs/{sha256}.jpg"
            for sha256, there in zip(wanted, pool.map(made, wanted), strict=True)
            if there
        }


def _thumbnail(picture: Path, small: Path) -> bool:
    """Whether there is a small copy now."""
    if small.exists():
        return True
    if (data := thumbnail(picture)) is None:
        return False
    part = small.with_suffix(".part")
    part.write_bytes(data)
    part.replace(small)
    return True


def _named(path: str, sha256: str) -> bool:
    """Whether a recorded path and hash can be trusted as names of files."""
    parts = PurePosixPath(path)
    return not parts.is_absolute() and ".." not in parts.parts and sha256.isalnum()


@contextmanager
def _csv(path: Path, columns: Sequence[Column[Any]]) -> Iterator[TextIO]:
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as out:
        out.write(header(columns))
        yield out


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")


@contextmanager
def _staged(report: Path) -> Iterator[Path]:
    """Make a folder beside the report's files to write into; what a killed process left of an older one is removed."""
    with TemporaryDirectory(prefix=".part-", dir=report) as name:
        stage = Path(name)
        for left in report.glob(".part-*"):
            if left.stat().st_mtime < stage.stat().st_mtime - DAY:
                shutil.rmtree(left, ignore_errors=True)
        yield stage


def _publish(stage: Path, report: Path) -> tuple[Path, ...]:
    """Put every file in place, the page last: it names the others."""
    made = sorted((path.name for path in stage.iterdir()), key=lambda name: (name == "report.html", name))
    return tuple((stage / name).replace(report / name) for name in made)
