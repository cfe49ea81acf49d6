"""`adopt`: a lost ledger rebuilt from images, sidecars, the last report and the logs; nothing is paid again."""

import csv
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from batchgen.app.config.environment import environment
from batchgen.app.config.locate import catalogue_of, find_ledger, find_output
from batchgen.app.config.stores import store_of
from batchgen.app.output import sidecars
from batchgen.errors import Exit, InputError, StorageError
from batchgen.ledger import Adopted, Judged, Ledger, Review, RunStart, Wanted
from batchgen.ledger.runs import new_run_id
from batchgen.model import ImageRequest, Job, Operation, Shard, Stems, StoredImage
from batchgen.money import MicroUSD, split
from batchgen.reporter.table_files import unguarded
from batchgen.runtime.clock import Clock, SystemClock
from batchgen.storage import ImageStore, Workspace
from batchgen.storage.durable import make_root
from batchgen.storage.images import SharedFolder
from batchgen.storage.images.objects import KEY, SHA256, SHARD, SLOT, ObjectStore
from batchgen.storage.images.store import SNAPSHOT, book
from batchgen.storage.workspace import LEDGER
from batchgen.version import VERSION

AT_ONCE = 500
ANY_MANIFEST = ""
"""The name of a run whose money belongs to whatever manifest the folder is of."""
MOST_NUMBER = 2**53
"""Above what any size or cost can be, and below what SQLite cannot keep."""
MOST_SLOTS = 1000
ATTEMPT = re.compile(r"[0-9a-f]{24}")


@dataclass(frozen=True, slots=True)
class AdoptResult:
    """A ledger rebuilt: jobs and images found again, and files that nobody can explain (relative paths)."""

    jobs: int
    images: int
    unknown: tuple[str, ...]


def adopt(
    output: Path | None = None, *, address: str = "", shard: Shard | None = None, clock: Clock | None = None
) -> AdoptResult:
    """Take every image in that a sidecar, the report or a log knows and whose bytes are still the same.

    A ledger that knew no image takes in what people said of them too. With the address of a store, its images are taken
    in, from the ledger that the last run left there and from what stands beside each; the folder is made. Of a store
    that shards share, those of one `shard` are taken.
    """
    own = f"{address.rpartition('/')[2]}{f'-{shard.name}' if shard else ''}"
    root = find_output(output) if not address else output or Path("output") / own
    make_root(root)
    try:
        ledger_path = find_ledger(root)
    except InputError:
        ledger_path = root / LEDGER
    workspace, clock = Workspace(root), clock or SystemClock()
    with workspace.lock(), _opened(root, ledger_path, address, clock, shard) as (ledger, store):
        known = _known(workspace, store)
        begun = new_run_id(clock.now())
        ledger.runs.begin(RunStart(begun, ANY_MANIFEST, "", version=VERSION))
        explained = {image.path for image in ledger.images.stored()}
        theirs = _of_others(store, shard)
        batch, keys, taken, unknown = list[Adopted](), set[str](), 0, list[str]()
        known_to = explained | theirs
        for path in (file.path for file in store.listing() if file.path not in known_to):
            found = store.head(path, sha256=True)
            told = known.get((path, found.sha256 or "")) if found else None
            if told is None or found is None:
                unknown.append(path)
                continue
            batch.append(replace(told, image=replace(told.image, e_tag=found.e_tag)))
            keys.add(told.wanted.job.key)
            if len(batch) == AT_ONCE:
                taken += ledger.adoption.adopt(batch)
                batch = []
        taken += ledger.adoption.adopt(batch) if batch else 0
        ledger.stores.identity()
        if not explained:
            ledger.reviews.record([*_judged(workspace)])
        ledger.runs.end(begun, Exit.OK, "")
    return AdoptResult(len(keys), taken, tuple(unknown))


def _of_others(store: ImageStore, shard: Shard | None) -> frozenset[str]:
    """Name the images of other shards, as a store of objects tells them."""
    if shard is None or not isinstance(store, ObjectStore):
        return frozenset()
    owners = ((file.path, store.about(file.path).get(SHARD, shard.name)) for file in store.listing())
    return frozenset(path for path, owner in owners if owner != shard.name)


@contextmanager
def _opened(
    root: Path, path: Path, address: str, clock: Clock, shard: Shard | None
) -> Iterator[tuple[Ledger, ImageStore]]:
    """Open the ledger, and the store that is named; the copy that a store keeps comes first where none is."""
    variables, name = environment(), shard.name if shard else ""
    elsewhere = store_of(root, address, variables) if address else None
    if isinstance(elsewhere, ObjectStore | SharedFolder) and not path.exists():
        coming = path.with_name(f".{path.name}.coming")
        with coming.open("wb") as file:
            there = elsewhere.fetch(book(SNAPSHOT, name), file)
        if there:
            _check_copy(coming, f"{address}/{book(SNAPSHOT, name)}", clock)
        coming.replace(path) if there else coming.unlink()
    with Ledger.open(path, catalogue_of(root, path), clock=clock) as ledger:
        if elsewhere is not None:
            elsewhere.claim(ledger.stores.identity(), anew=True, shard=name)
            ledger.stores.use(address)
        yield ledger, elsewhere or store_of(root, ledger.stores.address(), variables)


def _check_copy(copy: Path, where: str, clock: Clock) -> None:
    """Raise StorageError where a store's copy of a ledger cannot be used: it would come again each time."""
    try:
        with Ledger.open(copy, catalogue_of(copy.parent, copy), clock=clock):
            pass
    except StorageError as error:
        copy.unlink()
        then = "move it away, and the same command takes in what is written beside each image"
        raise StorageError(f"{where}: this copy of the ledger cannot be used: {then} ({error})") from error


def _known(workspace: Workspace, store: ImageStore) -> dict[tuple[str, str], Adopted]:
    """Say what is told of images, by path and hash; the report knows more of each than the logs, a sidecar most."""
    told: dict[tuple[str, str], dict[str, Any]] = {}
    beside = sidecars.records(store, [file.path for file in store.listing()])
    reports = [Workspace(store.root)] if isinstance(store, SharedFolder) else []
    told_by = (record for place in (*reports, workspace) for record in _from_report(place))
    for record in (*_from_store(store), *_from_logs(workspace), *told_by, *beside):
        place = str(record.get("path")), str(record.get("sha256"))
        told[place] = told.get(place, {}) | record
    known: dict[tuple[str, str], Adopted] = {}
    for place, record in told.items():
        with suppress(KeyError, ValueError, TypeError, OverflowError):  # somebody may have spoiled it
            known[place] = _image(record)
    return known


def _from_store(store: ImageStore) -> Iterator[dict[str, Any]]:
    """Return what an object store says of each image: whose it is."""
    if not isinstance(store, ObjectStore):
        return
    for file in store.listing():
        about = store.about(file.path)
        if about.get(KEY) and about.get(SHA256):
            key = about[KEY]
            told = {"job_id": key[:12], "job_key": key, "slot": about.get(SLOT, "0"), "sha256": about[SHA256]}
            yield {"path": file.path, "bytes": file.bytes, "format": file.path.rpartition(".")[2], **told}


def _from_report(workspace: Workspace) -> Iterator[dict[str, Any]]:
    """Return stored images as `images.csv` of the last report tells them."""
    try:
        with TextIOWrapper(workspace.open("report/images.csv"), encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if row.get("state") == "stored" and row.get("sha256"):
                    yield {name: unguarded(value) for name, value in row.items() if value}
    except (StorageError, OSError, UnicodeDecodeError, csv.Error):
        return


def _judged(workspace: Workspace) -> Iterator[Judged]:
    """Say what people had said of images, as the last report tells it."""
    for row in _from_report(workspace):
        with suppress(KeyError, ValueError):
            yield Judged(
                row["job_key"], int(row["slot"]), row["sha256"], Review(row.get("review", "")), row.get("note", "")
            )


def _from_logs(workspace: Workspace) -> Iterator[dict[str, Any]]:
    """Return stored images as the logs of the runs tell them, the oldest run first."""
    paid: dict[str, dict[str, str]] = {}
    for run in workspace.runs():
        try:
            with TextIOWrapper(workspace.open(f"runs/{run}/log.jsonl"), encoding="utf-8") as lines:
                yield from (record for line in lines for record in _stored(line, paid))
        except (StorageError, OSError, UnicodeDecodeError):
            continue


def _stored(line: str, paid: dict[str, dict[str, str]]) -> Iterator[dict[str, Any]]:
    """Return the images of one event; `paid` are calls whose images come later, from an address."""
    try:
        event = json.loads(line)
        name, images = event["attempt"], event.get("stored", ())
        if event.get("cost_micro_usd") and not images:
            paid[name] = {"model": event["look"]["model"], **_times(event)}
        shares = split(event["cost_micro_usd"], len(images)) if images else ()
        for cost, image in zip(shares, images, strict=True):
            told = {"job_id": event["job"], "job_key": event["key"], "cost_micro_usd": cost, "attempt_id": name}
            yield {**told, **event["look"], **(paid.get(name) or _times(event)), **image}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
        return


def _times(event: dict[str, Any]) -> dict[str, str]:
    """Say when a call was made, and when it ended: what was collected later says so, any other how long it took."""
    began = event.get("began", "")
    if "seconds" in event:
        began = (datetime.fromisoformat(event["at"]) - timedelta(seconds=event["seconds"])).isoformat()
    return {"began": began, "drawn": event["at"]}


def _image(record: dict[str, Any]) -> Adopted:
    request = ImageRequest(
        Operation(record.get("operation", Operation.GENERATE)),
        str(record.get("prompt", "")),
        str(record.get("asked_model", record.get("model", ""))) or None,
        tuple((str(name), str(text)) for name, text in record.get("params", ())),
    )
    slot = _number(record["slot"], MOST_SLOTS)
    stem, _, _ = str(record["path"]).removeprefix("images/").rpartition(".")
    job = Job(str(record["job_id"]), str(record["job_key"]), request, slot + 1, Stems((stem,)))
    model, size, quality, provider = (str(record.get(name, "")) for name in ("model", "size", "quality", "provider"))
    length, width, height = (_number(record.get(name, 0)) for name in ("bytes", "width", "height"))
    path, sha256, kind = str(record["path"]), str(record["sha256"]), str(record.get("format", ""))
    return Adopted(
        Wanted(job, model, size, quality, provider),
        StoredImage(slot, path, sha256, length, width, height, kind),
        cost=MicroUSD(_number(record.get("cost_micro_usd", 0))),
        estimated=str(record.get("estimated", True)).lower() not in {"false", "0"},
        attempt=str(record["attempt_id"]) if ATTEMPT.fullmatch(str(record.get("attempt_id"))) else "",
        began=_moment(record.get("began")),
        drawn=_moment(record.get("drawn")),
    )


def _number(value: Any, most: int = MOST_NUMBER) -> int:
    """Return a number that a ledger takes; ValueError for any other, as a spoiled table may have."""
    number = int(value)
    if not 0 <= number < most:
        raise ValueError(f"{value} is out of range")
    return number


def _moment(text: object) -> datetime | None:
    """Read when an image was drawn; None where nobody says so, or not in a way that can be read."""
    try:
        read = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return read.astimezone(UTC) if read.tzinfo else None
