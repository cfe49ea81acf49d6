"""`prune`: remove old runs, quarantine and superseded images; never what is approved, at risk, or evidence of it."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import islice
from pathlib import Path

from batchgen import reporter
from batchgen.app.output.maintain import Output, opened
from batchgen.ledger import Aside, AttemptRow, RunRow
from batchgen.model import AttemptState
from batchgen.storage import StoredFile
from batchgen.storage.images import SUPERSEDED
from batchgen.storage.spool import QUARANTINE
from batchgen.storage.workspace import RUNS

AT_ONCE = 256


class Keep(StrEnum):
    """Why something old is kept."""

    AT_RISK = "at risk, or evidence of it"
    APPROVED = "approved"
    LATEST = "the latest run"
    UNKNOWN = "not in the ledger"
    FOREIGN = "files in it that batchgen did not write"


@dataclass(frozen=True, slots=True)
class Old:
    """Something that is older than was asked for: where it is, its bytes, and why it is kept; None when it may go."""

    path: str
    keep: Keep | None = None
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class PruneResult:
    """What was removed, or with a dry run would be; and what is as old and kept, and why."""

    output: Path
    runs: tuple[Old, ...]
    quarantine: tuple[Old, ...]
    superseded: tuple[Old, ...]
    kept: tuple[Old, ...]
    dry_run: bool = False

    @property
    def removed(self) -> tuple[Old, ...]:
        """Everything that was removed."""
        return (*self.runs, *self.quarantine, *self.superseded)

    @property
    def bytes(self) -> int:
        """How many bytes that is."""
        return sum(one.bytes for one in self.removed)


def prune(output: Path | None, older_than: float, *, dry_run: bool = False, now: datetime | None = None) -> PruneResult:
    """Remove what is older than so many seconds; the ledger keeps every row, and every sum stays as it is."""
    before = (now or datetime.now(UTC)) - timedelta(seconds=older_than)
    with opened(output, readonly=dry_run) as there:
        found = {
            RUNS: [_sized(there, one) for one in _old_runs(there, before)],
            QUARANTINE: [_sized(there, one) for one in _old_quarantine(there, before)],
            SUPERSEDED: list(_old_asides(there, before)),
        }
        if not dry_run:
            found = {where: list(_remove(there, where, some)) for where, some in found.items()}
        gone = {where: tuple(one for one in some if one.keep is None) for where, some in found.items()}
        kept = tuple(one for some in found.values() for one in some if one.keep)
        if gone[SUPERSEDED] and not dry_run:
            reporter.write(*there)
        return PruneResult(there.workspace.root, gone[RUNS], gone[QUARANTINE], gone[SUPERSEDED], kept, dry_run=dry_run)


def _old_runs(there: Output, before: datetime) -> Iterator[Old]:
    left = frozenset(there.workspace.runs())
    doubted = there.ledger.leftovers.doubted_runs()
    return old_runs(there.ledger.runs.latest_first(), left, doubted, before)


def old_runs(
    runs: Sequence[RunRow], left: Collection[str], doubted: Collection[str], before: datetime
) -> Iterator[Old]:
    """Say which runs are old, the latest first, of those that left something."""
    for place, run in enumerate(runs):
        if run.run_id in left and (run.ended or run.started) < before:
            keep = Keep.LATEST if not place else Keep.AT_RISK if run.run_id in doubted else None
            yield Old(f"{RUNS}/{run.run_id}", keep)


def _old_quarantine(there: Output, before: datetime) -> Iterator[Old]:
    names = there.workspace.names(QUARANTINE)
    return old_quarantine(names, there.ledger.attempts.find, there.ledger.leftovers.doubted_jobs(), before)


def old_quarantine(
    names: Iterable[str], find: Callable[[str], AttemptRow | None], doubted: Collection[str], before: datetime
) -> Iterator[Old]:
    """Say which quarantined answers are old; of one that the ledger does not know, nobody knows how old it is."""
    for name in names:
        attempt, path = find(name.partition(".")[0]), f"{QUARANTINE}/{name}"
        if attempt is None:
            yield Old(path, Keep.UNKNOWN)
        elif attempt.ended is None or attempt.state is AttemptState.AT_RISK or attempt.job_key in doubted:
            yield Old(path, Keep.AT_RISK)
        elif attempt.ended < before:
            yield Old(path)


def _old_asides(there: Output, before: datetime) -> Iterator[Old]:
    doubted = there.ledger.leftovers.doubted_jobs()
    files = there.store.listing(SUPERSEDED)
    while some := list(islice(files, AT_ONCE)):
        yield from old_asides(some, there.ledger.leftovers.aside([one.path for one in some]), doubted, before)


def old_asides(
    files: Iterable[StoredFile], known: Mapping[str, Aside], doubted: Collection[str], before: datetime
) -> Iterator[Old]:
    """Say which images that stepped aside have been there for long."""
    for file in files:
        if file.since >= before.timestamp():
            continue
        aside = known.get(file.path)
        keep = Keep.UNKNOWN if aside is None else None
        if aside and (aside.approved or aside.job_key in doubted):
            keep = Keep.APPROVED if aside.approved else Keep.AT_RISK
        yield Old(file.path, keep, file.bytes)


def _sized(there: Output, one: Old) -> Old:
    return replace(one, bytes=there.workspace.size(one.path))


def _remove(there: Output, where: str, some: Sequence[Old]) -> Iterator[Old]:
    """Remove what may go; an image's row is marked first, so that nobody misses a file that is gone."""
    if where == SUPERSEDED:
        there.ledger.leftovers.forget([one.path for one in some if one.keep is None])
    for one in some:
        keep = one.keep
        if keep is None and where == SUPERSEDED:
            there.store.discard(one.path)
        elif keep is None and not there.workspace.discard(one.path):
            keep = Keep.FOREIGN
        yield replace(one, keep=keep)
