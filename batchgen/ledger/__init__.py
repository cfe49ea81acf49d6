"""The ledger: the only room that speaks SQL, and the money gate."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Self

from batchgen.ledger import (
    accounts,
    adopting,
    attempts,
    bill,
    current,
    images,
    opening,
    provenance,
    reservations,
    reviews,
    risk,
    rows,
    runs,
)
from batchgen.ledger import jobs as wanting
from batchgen.ledger.database import Database
from batchgen.ledger.records import (
    Adopted,
    Approved,
    Aside,
    AttemptRow,
    CapKind,
    Caps,
    Decision,
    Finding,
    Held,
    Judged,
    Known,
    PendingDownload,
    Previous,
    RecordedImage,
    Refused,
    Review,
    Reworded,
    RunRow,
    RunStart,
    Slot,
    Tried,
    Wanted,
)
from batchgen.ledger.report_rows import CallRow, ImageRow, JobRow, ListedRow, SidecarRow, UsageRow, VariantRow
from batchgen.ledger.reservations import CHANGED
from batchgen.ledger.totals import Exposure, History, ImageCounts, JobCounts, Money, Reconciliation, Totals, Waste
from batchgen.model import Attempt, AttemptState, Job, Receipt, Settlement, SlotState, StoredImage
from batchgen.money import MicroUSD
from batchgen.runtime.clock import Clock

__all__ = [
    "CHANGED",
    "Adopted",
    "Approved",
    "Aside",
    "AttemptRow",
    "CallRow",
    "CapKind",
    "Caps",
    "Decision",
    "Exposure",
    "Finding",
    "Held",
    "History",
    "ImageCounts",
    "ImageRow",
    "JobCounts",
    "JobRow",
    "Judged",
    "Known",
    "Ledger",
    "ListedRow",
    "Money",
    "PendingDownload",
    "Previous",
    "Reconciliation",
    "RecordedImage",
    "Refused",
    "Review",
    "Reworded",
    "RunRow",
    "RunStart",
    "SidecarRow",
    "Slot",
    "Totals",
    "Tried",
    "UsageRow",
    "VariantRow",
    "Wanted",
    "Waste",
]


def nowhere(name: str) -> None:
    """Do nothing at a fault point."""


class Ledger:
    """One SQLite file that knows every run, job, attempt and image of one or more catalogues (output folders).

    Synchronous; every write is durable when its method returns. Use it from one thread at a time. Every method raises
    StorageError, with the file and what to do, when SQLite or the disk refuses; nothing was changed then.
    """

    def __init__(self, book: Database, clock: Clock) -> None:
        self._book = book
        self._clock = clock
        self._run_id: str | None = None
        self._seq = 0

    @classmethod
    def open(
        cls,
        path: Path,
        catalogue: str,
        *,
        clock: Clock,
        at: Callable[[str], None] = nowhere,
        readonly: bool = False,
        mounts: Path = Path("/proc/self/mounts"),
    ) -> "Ledger":
        """Open, create or migrate the ledger at `path` for one catalogue.

        Writing checks the file first, and keeps a copy before a migration. `readonly` never creates or changes
        anything: a missing file reads as an empty ledger. StorageError when the file is foreign, damaged or newer,
        lies on a network file system, or in a folder that everybody may write to; the file is then untouched.
        """
        steps = opening.migrations()
        db = opening.for_reading(path, steps) if readonly else opening.for_writing(path, at, mounts, steps)
        return cls(Database(db, path, catalogue, at), clock)

    def close(self) -> None:
        """Let go of the file."""
        self._book.db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def apart(self) -> "Ledger":
        """A copy that only this process sees: what is written to it is gone when it is closed."""
        with self._book.complaining():
            db = opening.apart(self._book.db)
        return Ledger(Database(db, self._book.path, self._book.catalogue, nowhere), self._clock)

    def still(self) -> AbstractContextManager[object]:
        """Hold one consistent view for several questions, whatever other processes write meanwhile."""
        return self._book.reading()

    # Runs

    def begin_run(self, run: RunStart) -> None:
        """Write a run down; what follows belongs to it."""
        runs.begin(self._book, run, self._clock.now())
        self._run_id, self._seq = run.run_id, 0

    def expect(self, run_id: str, low: MicroUSD, expected: MicroUSD, high: MicroUSD) -> None:
        """Say what a run is expected to cost, once its manifest was planned."""
        runs.expect(self._book, run_id, (low, expected, high))

    def end_run(self, run_id: str, exit_code: int, why: str, counts: Mapping[str, int] | None = None) -> None:
        """Say how a run ended; `counts` are further numbers worth keeping (rows read, skipped, rejected)."""
        runs.end(self._book, run_id, exit_code, why, counts or {}, self._clock.now())

    def runs(self) -> tuple[RunRow, ...]:
        """Every run of this catalogue, the latest first."""
        return rows.runs(self._book)

    # What is wanted, and what is known of it

    def remember(self, wanted: Sequence[Wanted]) -> None:
        """Write down what this run wants, in the manifest's order, in one transaction; give it batches.

        A job must be remembered before a call is reserved for it.
        """
        assert self._run_id is not None, "a run begins before it wants anything"
        wanting.remember(self._book, wanted, self._run_id, self._seq)
        self._seq += len(wanted)

    def want_again(self, run_id: str) -> None:
        """Want exactly what an earlier run of this catalogue wanted."""
        assert self._run_id is not None, "a run begins before it wants anything"
        wanting.want_again(self._book, run_id, self._run_id)

    def forget(self, keys: Sequence[str]) -> None:
        """Take back what this run wanted: provisional keys of chained jobs that got their real key."""
        wanting.forget(self._book, keys)

    def known(self, jobs: Sequence[Job]) -> list[Known]:
        """Look up what is known of each of these jobs, in their order; give it batches."""
        return wanting.known(self._book, jobs)

    # Money: reserve, settle

    def reserve(self, attempt: Attempt, caps: Caps) -> Refused | None:
        """Set the worst case of a call aside and write its intent down, durably; None when the call may go.

        Reading the sums, comparing and writing are one transaction that excludes every other process. InputError,
        with the words of `CHANGED`, for a job that was never remembered.
        """
        return reservations.reserve(self._book, attempt, caps, self._clock.now())

    def settle(
        self,
        receipt: Receipt,
        state: AttemptState,
        settlement: Settlement | None = None,
        slots: Mapping[int, tuple[SlotState, str]] | None = None,
    ) -> None:
        """Close a call with what it brought and cost, in one transaction.

        Its cost is split over its images that are here (the remainder on the first). Images at an address are
        written down before any download, and bear no share until they are here. What images replace follows its
        file. `slots` are further decisions with their reasons.
        A call that may have been charged (AT_RISK) makes its slots uncertain by itself where nothing else is known.
        SETTLED and CHARGED_NO_RESULT need a settlement.
        """
        attempts.settle(self._book, receipt, state, settlement, slots or {}, self._clock.now())

    def mark_slots(self, job_key: str, slots: Mapping[int, tuple[SlotState, str]]) -> None:
        """Decide slots without a call: moderated, failed, uncertain, lost, or not started again."""
        attempts.mark_slots(self._book, job_key, self._run_id, slots, self._clock.now())

    def exposure(self, run_id: str) -> Exposure:
        """Say what a run has spent and risks now; as quick for a long run as for a short one."""
        return reservations.exposure(self._book, run_id)

    # Recovery and risk

    def attempt(self, attempt_id: str) -> AttemptRow | None:
        """One call, or None when the ledger does not know it."""
        return risk.attempt(self._book, attempt_id)

    def orphans(self) -> tuple[AttemptRow, ...]:
        """List calls of this catalogue that were sent by a run that is dead; the caller holds the folder's lock."""
        return risk.orphans(self._book)

    def to_at_risk(self, attempt_id: str, why: str) -> None:
        """Give a call of a dead run up: what was reserved is at risk from now on, its open slots are uncertain."""
        risk.to_at_risk(self._book, attempt_id, why, self._clock.now())

    def downloads(self) -> tuple[PendingDownload, ...]:
        """Paid images that wait at an address, the soonest to expire first."""
        return risk.downloads(self._book)

    def downloaded(self, download: PendingDownload, image: StoredImage) -> None:
        """Note that a waiting image is in place; its call's cost is split anew."""
        risk.downloaded(self._book, download, image, self._clock.now())

    def postponed(self, download: PendingDownload, why: str) -> None:
        """Note that a download failed and may be tried again."""
        risk.postponed(self._book, download, why)

    def lost(self, download: PendingDownload, why: str) -> None:
        """Note that a paid image can never be had."""
        risk.lost(self._book, download, why, self._clock.now())

    def held(self) -> tuple[Held, ...]:
        """Jobs with uncertain images, the oldest first."""
        return risk.held(self._book)

    def resolve(self, job_ids: Sequence[str], decision: Decision) -> tuple[Held, ...]:
        """Decide held jobs by their id; returns those that were decided."""
        return risk.resolve(self._book, job_ids, decision, self._clock.now())

    def reconcile(self, billed: MicroUSD, since: datetime | None = None, *, apply: bool = True) -> Reconciliation:
        """Settle what is at risk against a bill for the whole ledger, the oldest calls first.

        `since` restricts bill and ledger to calls reserved from then on. What the bill has beyond the settled calls
        confirms calls at risk, first at their expected cost, then up to their worst case; the others were not charged.
        """
        return bill.reconcile(self._book, billed, since, self._clock.now(), apply=apply)

    # What people said of images

    def review(self, decisions: Sequence[Judged], awaited: Collection[str] = ()) -> tuple[str, ...]:
        """Write decisions down in one transaction, later ones over earlier ones.

        Gives for each why it was left out: an image that is not stored, or another one by now. Empty: it was taken.
        `awaited` are places (without extension) that a paid image is on its way to: nothing is frozen there.
        """
        return reviews.review(self._book, decisions, awaited, self._clock.now())

    def has_approved(self) -> bool:
        """Whether any approved image is in its place."""
        return reviews.any_approved(self._book)

    def keeps_others(self, run_id: str) -> bool:
        """Whether an approved image keeps a job other than a run wanted it: the next walk says so."""
        return reviews.keeps_others(self._book, run_id)

    def approved(self, ids: Sequence[str]) -> dict[str, tuple[Approved, ...]]:
        """Find jobs with approved images in their places by id, those that were wanted last first."""
        return reviews.approved(self._book, ids)

    def frozen(self, places: Sequence[str]) -> frozenset[str]:
        """Find which of these places (as in `standing`) hold an approved image. Give it batches."""
        return reviews.frozen(self._book, places)

    def doubted(self) -> frozenset[tuple[str, int]]:
        """Find rejected images (key, slot) for which others may have been paid already."""
        return reviews.doubted(self._book)

    def reword(self, prompts: Mapping[str, str]) -> tuple[Reworded, ...]:
        """Give the moderated images of jobs, by key, other words, and free them for another try; one transaction."""
        return reviews.reword(self._book, prompts, self._clock.now())

    # Accounts

    def totals(self, run_id: str | None = None, *, alone: bool = False) -> Totals:
        """Jobs, images and money: of the whole catalogue, or of one manifest, or of one run.

        With a run: the jobs that this run wanted, and the money of every run of the same manifest. `alone`: the jobs
        that this run had work for, what it made of them, and its own money.
        """
        return accounts.totals(self._book, run_id, alone=alone)

    def images_wanted(self, run_id: str) -> int:
        """Count the images that a run wanted."""
        return wanting.images(self._book, run_id)

    def waste(self, run_id: str | None = None) -> tuple[Waste, ...]:
        """List what was paid, or perhaps paid, for nothing, and why; the dearest first."""
        return accounts.waste(self._book, run_id)

    def history(self, model: str, size: str, quality: str, provider: str | None = None) -> History | None:
        """Say what such calls without input images really cost and took, over the latest 1000; None without any."""
        return accounts.history(self._book, model, size, quality, provider)

    def audit(self) -> tuple[str, ...]:
        """Every broken invariant, in words; empty when all is well."""
        return accounts.audit(self._book)

    # Rows

    def job_rows(self) -> Iterator[JobRow]:
        """Every job of the catalogue with its money, in the manifest's order."""
        return rows.job_rows(self._book)

    def image_rows(self) -> Iterator[ImageRow]:
        """Every wanted or stored image, in the manifest's order."""
        return rows.image_rows(self._book)

    def attempt_rows(self) -> Iterator[AttemptRow]:
        """Every call, the oldest first."""
        return rows.attempt_rows(self._book)

    def call_rows(self) -> Iterator[CallRow]:
        """Every call that left and ended: when, how long it took and what it brought; in the order of their ends."""
        return rows.call_rows(self._book)

    def tag_names(self) -> tuple[str, ...]:
        """Every tag's name, in the order in which they first appear."""
        return wanting.tag_names(self._book)

    def usage_rows(self) -> Iterator[UsageRow]:
        """Sum up calls, images, tokens and money for each combination of model, size, quality, provider and tags."""
        return rows.usage_rows(self._book)

    def listed_rows(self) -> Iterator[ListedRow]:
        """Every image that a shop lists: stored, in place and wanted; those of one unit stand together."""
        return current.listed(self._book)

    def variant_rows(self) -> Iterator[VariantRow]:
        """Every stored and wanted image that was drawn in more than one way; those of one thing stand together."""
        return current.variants(self._book)

    def sidecar_rows(self, attempt_id: str) -> tuple[SidecarRow, ...]:
        """How the images of one call came about."""
        return provenance.of_call(self._book, attempt_id)

    def image_places(self) -> tuple[tuple[str, str, str], ...]:
        """Every image: its path, its sha256 and the call that brought it."""
        return provenance.places(self._book)

    # Images

    def stored(self) -> Iterator[RecordedImage]:
        """Every image that should be in place, also of jobs that nobody wants any more."""
        return rows.stored(self._book)

    def stored_for(self, run_id: str) -> Iterator[str]:
        """Paths of the stored images that a run wanted, relative to the output folder."""
        return wanting.stored(self._book, run_id)

    def fault(self, image: RecordedImage, fault: str) -> None:
        """Note what is wrong with a stored image's file (`missing`, `damaged: ...`), or "" when it is well again."""
        images.fault(self._book, image, fault)

    def owner(self, path: str) -> str | None:
        """Find the key of the job whose stored image stands at a path, relative to the output folder."""
        return images.owner(self._book, path)

    def drawn_by(self, provider: str) -> int:
        """Count the images in place that a provider drew."""
        return rows.drawn_by(self._book, provider)

    def has_images(self) -> bool:
        """Whether any image is stored."""
        return images.any_stored(self._book)

    def job_status(self, places: Sequence[str]) -> dict[str, str]:
        """Find whose stored images stand at places (paths relative to the output folder, without extension).

        The keys of their jobs by place; a place where nothing of ours stands is left out. Give it batches.
        """
        return images.job_status(self._book, places)

    def aside(self) -> tuple[Aside, ...]:
        """List images that this run wants and that stepped aside for others nobody wants any more."""
        assert self._run_id is not None, "a run begins before it wants anything"
        return images.aside(self._book, self._run_id)

    def returned(self, image: Aside, gone: str | None) -> None:
        """Note that an image is back in its place; `gone` is where the one went that stood there."""
        images.returned(self._book, image, gone)

    def outlived(self) -> tuple[tuple[str, int, str], ...]:
        """Images (key, slot, path) still in `images/` although their job was changed and its new ones are stored."""
        assert self._run_id is not None, "a run begins before images can be replaced"
        return images.outlived(self._book, self._run_id)

    def left_behind(self) -> tuple[tuple[str, int, str], ...]:
        """Images (key, slot, path) whose slots were taken by others that stand elsewhere."""
        return images.left_behind(self._book)

    def cleared(self, job_key: str, slot: int) -> None:
        """Note that what stood in a slot before has moved away."""
        images.cleared(self._book, job_key, slot)

    def moved(self, job_key: str, slot: int, path: str) -> None:
        """Note that a stored image has another place now."""
        images.moved(self._book, job_key, slot, path)

    def adopt(self, images: Sequence[Adopted]) -> int:
        """Take images in that a lost ledger knew, in one transaction; how many of them were new."""
        assert self._run_id is not None, "a run begins before it adopts anything"
        return adopting.adopt(self._book, images, self._run_id, self._clock.now())

    def snapshot(self, target: Path) -> None:
        """Write a consistent copy of the whole ledger into a new file."""
        with self._book.complaining():
            opening.copy(self._book.db, target)
