"""The ledger: the only room that speaks SQL, and the money gate."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from batchgen.clock import Clock
from batchgen.ledger.records import (
    Adopted,
    AttemptRow,
    CapKind,
    Caps,
    Decision,
    Exposure,
    Finding,
    Held,
    History,
    ImageCounts,
    ImageRow,
    JobCounts,
    JobRow,
    Known,
    Money,
    PendingDownload,
    Previous,
    Reconciliation,
    Refused,
    RunRow,
    RunStart,
    Slot,
    StoredImage,
    Totals,
    UsageRow,
    Wanted,
    Waste,
)
from batchgen.model import Attempt, AttemptState, Job, Picture, Receipt, Settlement, SlotState
from batchgen.money import MicroUSD

__all__ = [
    "Adopted",
    "AttemptRow",
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
    "Known",
    "Ledger",
    "Money",
    "PendingDownload",
    "Previous",
    "Reconciliation",
    "Refused",
    "RunRow",
    "RunStart",
    "Slot",
    "StoredImage",
    "Totals",
    "UsageRow",
    "Wanted",
    "Waste",
]


def nowhere(name: str) -> None:
    """The fault point that does nothing."""


class Ledger:
    """One SQLite file that knows every run, job, attempt and image of one or more catalogues (output folders).

    Synchronous; every write is durable when its method returns. Use it from one thread at a time. Every method raises
    StorageError, with the file and what to do, when SQLite or the disk refuses; nothing was changed then.
    """

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
        raise NotImplementedError

    def close(self) -> None:
        """Let go of the file."""
        raise NotImplementedError

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Runs

    def begin_run(self, run: RunStart) -> None:
        """Write a run down; what follows belongs to it."""
        raise NotImplementedError

    def end_run(self, run_id: str, exit_code: int, why: str, counts: Mapping[str, int] | None = None) -> None:
        """Say how a run ended; `counts` are further numbers worth keeping (rows read, skipped, rejected)."""
        raise NotImplementedError

    def runs(self) -> tuple[RunRow, ...]:
        """Every run of this catalogue, the latest first."""
        raise NotImplementedError

    # What is wanted, and what is known of it

    def remember(self, wanted: Sequence[Wanted]) -> None:
        """Write down what this run wants, in the manifest's order, in one transaction; give it batches.

        A job must be remembered before a call is reserved for it.
        """
        raise NotImplementedError

    def forget(self, keys: Sequence[str]) -> None:
        """Take back what this run wanted: provisional keys of chained jobs that got their real key."""
        raise NotImplementedError

    def known(self, jobs: Sequence[Job]) -> list[Known]:
        """What the ledger knows of each of these jobs, in their order; give it batches."""
        raise NotImplementedError

    # Money: reserve, settle

    def reserve(self, attempt: Attempt, caps: Caps) -> Refused | None:
        """Set the worst case of a call aside and write its intent down, durably; None when the call may go.

        Reading the sums, comparing and writing are one transaction that excludes every other process.
        """
        raise NotImplementedError

    def settle(
        self,
        receipt: Receipt,
        state: AttemptState,
        settlement: Settlement | None = None,
        slots: Mapping[int, tuple[SlotState, str]] | None = None,
    ) -> None:
        """Close a call with what it brought and cost, in one transaction.

        Its cost is split over its pictures (the remainder on the first), pictures at an address are written down
        before any download, and what they replace follows its file. `slots` are further decisions with their reasons.
        A call that may have been charged (AT_RISK) makes its slots uncertain by itself where nothing else is known.
        SETTLED and CHARGED_NO_RESULT need a settlement.
        """
        raise NotImplementedError

    def mark_slots(self, job_key: str, slots: Mapping[int, tuple[SlotState, str]]) -> None:
        """Decide slots without a call: moderated, failed, uncertain, lost, or not started again."""
        raise NotImplementedError

    def exposure(self, run_id: str) -> Exposure:
        """What a run has spent and risks now; as quick for a long run as for a short one."""
        raise NotImplementedError

    # Recovery and risk

    def attempt(self, attempt_id: str) -> AttemptRow | None:
        """One call, or None when the ledger does not know it."""
        raise NotImplementedError

    def orphans(self) -> tuple[AttemptRow, ...]:
        """Calls of this catalogue that were sent by a run that is dead; the caller holds the folder's lock."""
        raise NotImplementedError

    def to_at_risk(self, attempt_id: str, why: str) -> None:
        """Give a call of a dead run up: what was reserved is at risk from now on, its open slots are uncertain."""
        raise NotImplementedError

    def downloads(self) -> tuple[PendingDownload, ...]:
        """Paid pictures that wait at an address, the soonest to expire first."""
        raise NotImplementedError

    def downloaded(self, download: PendingDownload, picture: Picture) -> None:
        """A waiting picture is in place."""
        raise NotImplementedError

    def postponed(self, download: PendingDownload, why: str) -> None:
        """A download failed and may be tried again."""
        raise NotImplementedError

    def lost(self, download: PendingDownload, why: str) -> None:
        """A paid picture can never be had."""
        raise NotImplementedError

    def held(self) -> tuple[Held, ...]:
        """Jobs with uncertain images, the oldest first."""
        raise NotImplementedError

    def resolve(self, job_ids: Sequence[str], decision: Decision) -> tuple[Held, ...]:
        """Decide held jobs by their id; returns those that were decided."""
        raise NotImplementedError

    def reconcile(self, billed: MicroUSD, since: datetime | None = None, *, apply: bool = True) -> Reconciliation:
        """Settle what is at risk against a bill for the whole ledger, the oldest calls first.

        `since` restricts bill and ledger to calls reserved from then on. What the bill has beyond the settled calls
        confirms calls at risk, first at their expected cost, then up to their worst case; the others were not charged.
        """
        raise NotImplementedError

    # Accounts

    def totals(self, run_id: str | None = None, *, alone: bool = False) -> Totals:
        """Jobs, images and money: of the whole catalogue, or of one manifest, or of one run.

        With a run: the jobs that this run wanted, and the money of every run of the same manifest. `alone`: the jobs
        that this run had work for, what it made of them, and its own money.
        """
        raise NotImplementedError

    def waste(self, run_id: str | None = None) -> tuple[Waste, ...]:
        """What was paid, or perhaps paid, for nothing, and why; the dearest first."""
        raise NotImplementedError

    def history(self, model: str, size: str, quality: str, provider: str | None = None) -> History | None:
        """What such calls really cost and took, over the latest 1000; None without any."""
        raise NotImplementedError

    def audit(self) -> tuple[str, ...]:
        """Every broken invariant, in words; empty when all is well."""
        raise NotImplementedError

    # Rows

    def job_rows(self) -> Iterator[JobRow]:
        """Every job of the catalogue with its money, in the manifest's order."""
        raise NotImplementedError

    def image_rows(self) -> Iterator[ImageRow]:
        """Every wanted or stored image, in the manifest's order."""
        raise NotImplementedError

    def attempt_rows(self) -> Iterator[AttemptRow]:
        """Every call, the oldest first."""
        raise NotImplementedError

    def usage_rows(self) -> Iterator[UsageRow]:
        """Calls, images, tokens and money for each combination of model, size, quality, provider and tags."""
        raise NotImplementedError

    # Pictures

    def stored(self) -> Iterator[StoredImage]:
        """Every picture that should be in place, also of jobs that nobody wants any more."""
        raise NotImplementedError

    def fault(self, image: StoredImage, fault: str) -> None:
        """Note what is wrong with a stored picture's file (`missing`, `damaged: ...`), or "" when it is well again."""
        raise NotImplementedError

    def moved(self, job_key: str, slot: int, path: str) -> None:
        """A stored picture has another place now."""
        raise NotImplementedError

    def adopt(self, images: Sequence[Adopted]) -> int:
        """Take pictures in that a lost ledger knew, in one transaction; how many of them were new."""
        raise NotImplementedError

    def snapshot(self, target: Path) -> None:
        """A consistent copy of the whole ledger in a new file."""
        raise NotImplementedError
