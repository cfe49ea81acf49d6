"""The ledger as its users hold it: one file, and a part for each subject."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo

from batchgen.ledger import opening
from batchgen.ledger.accounts import Accounts
from batchgen.ledger.adoption import Adoption
from batchgen.ledger.attempts import Attempts
from batchgen.ledger.batches import Batches
from batchgen.ledger.bills import Bills
from batchgen.ledger.database import Database
from batchgen.ledger.downloads import Downloads
from batchgen.ledger.images import Images, Stores
from batchgen.ledger.jobs import Jobs
from batchgen.ledger.joining import Joining, Place
from batchgen.ledger.leftovers import Leftovers
from batchgen.ledger.measures import Canaries, Measures
from batchgen.ledger.month import BudgetFacts, Month, budgets
from batchgen.ledger.permits import Permits
from batchgen.ledger.prechecks import Prechecks
from batchgen.ledger.provider_keys import AccountNames, LearnedLimits, QueueLimits, Uploads
from batchgen.ledger.queue import Queue
from batchgen.ledger.report_rows import ReportRows
from batchgen.ledger.reservations import Reservations
from batchgen.ledger.reviews import Reviews
from batchgen.ledger.risk import Risk
from batchgen.ledger.runs import Runs, Told
from batchgen.runtime.clock import Clock


def nowhere(name: str) -> None:
    """Do nothing at a fault point."""


class Ledger:
    """One SQLite file that knows every run, job, attempt and image of one or more catalogues (output folders).

    Each part holds the questions of one subject. Synchronous; every write is durable when its method returns. Use it
    from one thread at a time. Every method raises StorageError, with the file and what to do, when SQLite or the disk
    refuses; nothing was changed then.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.runs = Runs(database)
        self.jobs = Jobs(database, self.runs)
        self.queue = Queue(database)
        self.reservations = Reservations(database)
        self.attempts = Attempts(database)
        self.batches = Batches(database)
        self.images = Images(database, self.runs)
        self.downloads = Downloads(database)
        self.risk = Risk(database)
        self.bills = Bills(database)
        self.reviews = Reviews(database)
        self.adoption = Adoption(database, self.runs, self.jobs)
        self.accounts = Accounts(database)
        self.learned_limits = LearnedLimits(database)
        self.queue_limits = QueueLimits(database)
        self.permits = Permits(database)
        self.account_names = AccountNames(database)
        self.uploads = Uploads(database)
        self.measures = Measures(database)
        self.canaries = Canaries(database)
        self.prechecks = Prechecks(database)
        self.told = Told(database)
        self.stores = Stores(database)
        self.leftovers = Leftovers(database)
        self.report_rows = ReportRows(database)

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
        return cls(Database(db, path, catalogue, clock, at))

    def close(self) -> None:
        """Let go of the file."""
        self._database.db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def scratch_copy(self) -> "Ledger":
        """Return a copy that only this process sees: what is written to it is gone when it is closed."""
        database = self._database
        with database.translating():
            db = opening.scratch_copy(database.db)
        return Ledger(Database(db, database.path, database.catalogue, database.clock, nowhere))

    def give(self, joining: Joining, place: Place) -> None:
        """Let what this ledger knows of its output be told together with others."""
        address = self.stores.address()
        joining.take(self._database, place, "" if address.startswith("file:") else address)

    def give_month(self, month: Month, zone: ZoneInfo, named: Callable[[str], str]) -> None:
        """Let the calls of every catalogue in this file be told in a month's report; `named` gives names to those."""
        month.take(self._database, zone, named)

    def budgets(self, month: str) -> tuple[BudgetFacts, ...]:
        """Return what runs of this file were told of the budget, the one that counts for a month first."""
        return tuple(budgets(self._database, month))

    @classmethod
    def joined(cls, joining: Joining, why: str, worst: Callable[[Iterable[int]], int | None]) -> "Ledger":
        """Return the ledger of all that was given; see `Joining.end`."""
        return cls(joining.end(why, worst))

    def snapshot(self) -> AbstractContextManager[object]:
        """Hold one consistent view for several questions, whatever other processes write meanwhile."""
        return self._database.reading()

    def group(self) -> AbstractContextManager[object]:
        """Let all that is written while inside share one transaction; see `Database.group`."""
        return self._database.group()

    def copy_to(self, target: Path) -> None:
        """Write a consistent copy of the whole ledger into a new file."""
        with self._database.translating():
            opening.copy(self._database.db, target)
