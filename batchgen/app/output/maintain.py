"""Commands that look after an output folder: status, report, verify, reconcile, resolve."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from batchgen import reporter
from batchgen.app.config.environment import environment
from batchgen.app.config.locate import catalogue_of, find_ledger, find_output, run_status
from batchgen.app.config.shards import shard_of
from batchgen.app.config.stores import store_of
from batchgen.errors import StorageError
from batchgen.ledger import Decision, Held, Ledger, RecordedImage
from batchgen.money import MicroUSD
from batchgen.runtime.clock import SystemClock
from batchgen.storage import ImageStore, StoredFile, Workspace, decode_check, sha256_of
from batchgen.storage.images import IMAGES, SUPERSEDED

LOST = "the run ended before the answer was whole"
SILENCE = timedelta(seconds=60)
"""A run says every ten seconds where it stands; one that has said nothing for this long is not at work."""
MISSING = "missing"
DEAD = "no sign of life, it was killed or its machine stopped; the same command goes on"


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """Stored images read again: how many, how many bytes, which are damaged (path, what is wrong) or missing."""

    images: int
    bytes: int
    damaged: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReconcileResult:
    """A bill against the ledger, in micro-dollars; billed = settled + confirmed + unexplained."""

    billed: MicroUSD
    settled: MicroUSD
    confirmed: MicroUSD
    cleared: MicroUSD
    at_risk: MicroUSD
    unexplained: MicroUSD


class Output(NamedTuple):
    """An output that is open: what the ledger knows, the local folder, and the store of its images."""

    ledger: Ledger
    workspace: Workspace
    store: ImageStore


@contextmanager
def opened(output: Path | None, *, readonly: bool, locked: bool = True) -> Iterator[Output]:
    """Open an output, for reading or under its lock for writing; not `locked` where a run may be at work, too."""
    root = find_output(output)
    path = find_ledger(root)
    catalogue = catalogue_of(root, path)
    workspace = Workspace(root)
    lock = workspace.lock() if locked and not readonly else nullcontext()
    with lock, Ledger.open(path, catalogue, clock=SystemClock(), readonly=readonly) as ledger:
        yield Output(ledger, workspace, store_of(root, ledger.stores.address(), environment()))


def read_status(output: Path | None = None) -> dict[str, Any]:
    """Where the latest run of a folder stands, and what the ledger says."""
    with opened(output, readonly=True) as (ledger, workspace, _):
        summary, runs = reporter.summary(ledger), [run.run_id for run in ledger.runs.latest_first()]
        shard, store = shard_of(ledger), ledger.stores.address()
    part = ({"shard": str(shard)} if shard else {}) | ({"store": store} if store else {})
    return {"output": str(workspace.root), "live": live_status(workspace, runs, datetime.now(UTC)), **part, **summary}


def live_status(workspace: Workspace, runs: Sequence[str], now: datetime) -> dict[str, Any] | None:
    """Say what the latest run says of itself: the first of `runs`, or one that the ledger does not know yet."""
    told = [run for run in workspace.runs() if workspace.exists(f"runs/{run}/status.json")]
    if not told:
        return None
    latest = told[-1] if told[-1] not in runs else next(run for run in runs if run in told)
    facts = run_status(workspace, latest)
    return facts and (facts | {"state": DEAD} if _is_silent(facts, now) else facts)


def follow_status(
    output: Path, wait: Callable[[], object], now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Iterator[Mapping[str, Any]]:
    """Tell what the latest run says of itself until it has ended; between two looks, wait. Only its status is read."""
    with opened(output, readonly=True) as (ledger, workspace, _):
        runs = [run.run_id for run in ledger.runs.latest_first()]
    while live := live_status(workspace, runs, now()):
        yield live
        if live.get("exit_code") is not None or live.get("state") == DEAD:
            return
        wait()


def _is_silent(facts: Mapping[str, object], now: datetime) -> bool:
    """Whether a run that never said that it ended has long said nothing."""
    try:
        return facts.get("exit_code") is None and now - datetime.fromisoformat(str(facts.get("at"))) > SILENCE
    except (TypeError, ValueError):
        return False


def write_report(output: Path | None = None) -> Sequence[Path]:
    """Write the report again from the ledger; the paths written."""
    with opened(output, readonly=True) as (ledger, workspace, store):
        return reporter.write(ledger, workspace, store).files


def verify(output: Path | None = None, *, read: bool = False) -> VerifyResult:
    """Hash and decode every stored image again; what is damaged or missing is noted in a ledger that takes notes.

    In a store elsewhere, sizes and versions are compared with a listing, unless every byte shall be `read`.
    """
    images, size, damaged, missing = 0, 0, list[tuple[str, str]](), list[str]()
    archived = not os.access(find_output(output), os.W_OK)
    with opened(output, readonly=archived) as (ledger, _, store):
        there = None if read or not ledger.stores.address() else _listed(store)
        for image in list(ledger.images.stored()):
            images += 1
            count, wrong = _examined(store, image) if there is None else _compared(store, there.get(image.path), image)
            size += count
            if wrong == MISSING:
                missing.append(image.path)
            elif wrong:
                damaged.append((image.path, wrong))
            fault = f"damaged: {wrong}" if wrong and wrong != MISSING else wrong
            if archived:
                continue
            if fault != image.fault:
                ledger.images.note_fault(image, fault)
            if there and not wrong and (tag := there[image.path].e_tag) != image.e_tag:
                ledger.images.note_e_tag(image, tag)  # it was read and is whole: a copy has another version
    return VerifyResult(images, size, tuple(damaged), tuple(missing))


def _listed(store: ImageStore) -> Mapping[str, StoredFile]:
    """List all that a store keeps, by path."""
    return {one.path: one for where in (IMAGES, SUPERSEDED) for one in store.listing(where)}


def _compared(store: ImageStore, found: StoredFile | None, image: RecordedImage) -> tuple[int, str]:
    """Compare an image with its entry in a listing; one of another version is read."""
    if found is None:
        return 0, MISSING
    if found.bytes != image.bytes:
        return found.bytes, f"it has {found.bytes:,} bytes, not {image.bytes:,}"
    return (found.bytes, "") if found.e_tag == image.e_tag else _examined(store, image)


def _examined(store: ImageStore, image: RecordedImage) -> tuple[int, str]:
    """Read a stored image again: how many bytes it has, and what is wrong with it."""
    try:
        found = store.head(image.path)
        if found is None:
            return 0, MISSING
        with store.open(image.path) as file:
            if sha256_of(file) != image.sha256:
                return found.bytes, "its hash differs from the one in the ledger"
            return found.bytes, decode_check(file) or ""
    except StorageError as error:  # a link on the way, or bytes that the disk does not give
        return 0, str(error)


def reconcile(output: Path | None = None, *, billed: MicroUSD, since: date | None = None) -> ReconcileResult:
    """Settle what is at risk against a bill; the sum is conserved to the micro-dollar."""
    start = datetime.combine(since, time(), UTC) if since else None
    with opened(output, readonly=False) as (ledger, workspace, store):
        give_up_orphans(ledger, workspace)
        found = ledger.risk.reconcile(billed, start)
        reporter.write(ledger, workspace, store)
    left = found.at_risk - found.confirmed - found.cleared
    return ReconcileResult(
        found.billed, found.settled, found.confirmed, found.cleared, MicroUSD(max(left, 0)), MicroUSD(found.unexplained)
    )


def give_up_orphans(ledger: Ledger, workspace: Workspace) -> None:
    """Put calls of dead runs at risk, except those whose whole answer is here: the next run settles these."""
    for orphan in ledger.attempts.orphans():
        if workspace.spool(orphan.id).read() is None:
            ledger.attempts.to_at_risk(orphan.id, LOST)


def accept(output: Path | None = None, *, only: tuple[str, ...] = ()) -> Sequence[str]:
    """Close moderated jobs for good: no run tells of them again, and none asks; the ids of those that were closed."""
    with opened(output, readonly=False) as (ledger, workspace, store):
        moderated = ledger.risk.moderated()
        chosen = [one for one in moderated if not only or any(fnmatchcase(one, pattern) for pattern in only)]
        accepted = ledger.risk.accept(chosen) if chosen else ()
        if accepted:
            reporter.write(ledger, workspace, store)
    return accepted


def resolve(output: Path | None = None, *, decision: str | None = None, only: tuple[str, ...] = ()) -> Sequence[Held]:
    """Return the held jobs that match; with a decision (`retry` or `fail`), those that were decided."""
    with opened(output, readonly=decision is None) as (ledger, _, _):
        held = [h for h in ledger.risk.open() if not only or any(fnmatchcase(h.job_id, pattern) for pattern in only)]
        if decision is None or not held:
            return held
        decided = Decision.RETRY if decision == "retry" else Decision.DROP
        return ledger.risk.resolve([h.job_id for h in held], decided)
