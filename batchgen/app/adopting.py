"""`adopt`: a lost ledger rebuilt from the pictures, the last report and the logs of the runs; nothing is paid again."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any

from batchgen.app.journal import run_id
from batchgen.app.keeping import LEDGER, catalogue_of, find_ledger, find_output
from batchgen.clock import SystemClock
from batchgen.errors import Exit, InputError
from batchgen.ledger import Adopted, Ledger, RunStart, Wanted
from batchgen.model import ImageRequest, Job, Operation
from batchgen.money import MicroUSD
from batchgen.storage import Folder, sha256_of
from batchgen.version import VERSION

AT_ONCE = 500
FORMULA = tuple("=+-@\t\r|%")


@dataclass(frozen=True, slots=True)
class AdoptResult:
    """A ledger rebuilt: jobs and pictures found again, and files that nobody can explain (relative paths)."""

    jobs: int
    images: int
    unknown: tuple[str, ...]


def adopt(output: Path | None) -> AdoptResult:
    """Take every picture in that the report or a log knows and whose bytes are still the same."""
    root = find_output(output)
    try:
        path = find_ledger(root)
    except InputError:
        path = root / LEDGER
    folder, clock = Folder(root), SystemClock()
    known = {record["path"]: record for record in (*_from_report(root), *_from_logs(root))}
    with folder.lock(), Ledger.open(path, catalogue_of(root, path), clock=clock) as ledger:
        begun = run_id(clock.now(), lambda: token_hex(2))
        ledger.begin_run(RunStart(begun, root.resolve().name, "", version=VERSION))
        explained = {image.path for image in ledger.stored()}
        batch, keys, taken, unknown = list[Adopted](), set[str](), 0, list[str]()
        for relative in folder.pictures():
            if relative in explained:
                continue
            record = known.get(relative)
            if record is None or sha256_of(root / relative) != record["sha256"]:
                unknown.append(relative)
                continue
            batch.append(_adopted(record))
            keys.add(record["job_key"])
            if len(batch) == AT_ONCE:
                taken += ledger.adopt(batch)
                batch = []
        taken += ledger.adopt(batch) if batch else 0
        ledger.end_run(begun, Exit.OK, "")
    return AdoptResult(len(keys), taken, tuple(unknown))


def _from_report(root: Path) -> Iterator[dict[str, Any]]:
    """Stored pictures as `images.csv` of the last report tells them."""
    try:
        with (root / "report" / "images.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if row.get("state") == "stored" and row.get("sha256"):
                    yield {name: _plain(value) for name, value in row.items() if value}
    except (OSError, UnicodeDecodeError, csv.Error):
        return


def _plain(cell: str) -> str:
    """A cell as it was before it was made harmless for spreadsheets."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA) else cell


def _from_logs(root: Path) -> Iterator[dict[str, Any]]:
    """Stored pictures as the logs of the runs tell them, the oldest run first."""
    for path in sorted((root / "runs").glob("*/log.jsonl")):
        try:
            with path.open(encoding="utf-8") as lines:
                yield from (record for line in lines for record in _stored(line))
        except (OSError, UnicodeDecodeError):
            continue


def _stored(line: str) -> Iterator[dict[str, Any]]:
    try:
        event = json.loads(line)
        for picture in event.get("stored", ()):
            cost = event["cost_micro_usd"] // len(event["stored"])
            yield {"job_id": event["job"], "job_key": event["key"], "cost_micro_usd": cost, **event["look"], **picture}
    except (ValueError, KeyError, TypeError, AttributeError):
        return


def _adopted(record: dict[str, Any]) -> Adopted:
    request = ImageRequest(Operation.GENERATE, str(record.get("prompt", "")), str(record.get("model", "")) or None)
    slot = int(record["slot"])
    job = Job(str(record["job_id"]), str(record["job_key"]), request, slot + 1, lambda _slot, _ext: str(record["path"]))
    model, size, quality, provider = (str(record.get(name, "")) for name in ("model", "size", "quality", "provider"))
    return Adopted(
        Wanted(job, model, size, quality, provider),
        slot,
        path=str(record["path"]),
        sha256=str(record["sha256"]),
        bytes=int(record.get("bytes", 0)),
        width=int(record.get("width", 0)),
        height=int(record.get("height", 0)),
        format=str(record.get("format", "")),
        cost=MicroUSD(int(record.get("cost_micro_usd", 0))),
    )
