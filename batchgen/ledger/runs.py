"""Runs: when each began, what it was asked, how it ended, and what troubles it told of."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from secrets import token_hex

from batchgen.ledger.database import Database, LedgerPart
from batchgen.ledger.text import dump, plain, reader, stamp
from batchgen.money import ZERO, MicroUSD


@dataclass(frozen=True, slots=True)
class RunStart:
    """A run as it begins. `manifest` names what is run; `command` is its options as JSON text.

    Without a manifest's name its money belongs to every manifest of the catalogue: what was adopted.
    """

    run_id: str
    manifest: str
    provider: str
    cap: MicroUSD | None = None
    low: MicroUSD = ZERO
    expected: MicroUSD = ZERO
    high: MicroUSD = ZERO
    command: str = "{}"
    version: str = ""


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as the ledger knows it; `ended`, `exit_code` and `seconds` are None while it runs, or when it was killed.

    `seconds` is how long it took by a clock that nobody sets.
    """

    run_id: str
    manifest: str
    provider: str
    started: datetime
    ended: datetime | None
    exit_code: int | None
    why: str
    cap: MicroUSD | None
    low: MicroUSD
    expected: MicroUSD
    high: MicroUSD
    command: str
    version: str
    counts: str
    seconds: float | None


_read = reader(RunRow)


class Runs:
    """The runs of one output, and which of them is the one that writes now."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._begun = 0.0
        self.number = 0
        """Its place among all runs of the ledger: who has a higher one came later."""
        self.run_id: str | None = None
        """The run that has begun here; what is written follows from it."""

    @property
    def current(self) -> str:
        """The id of the run that has begun here."""
        assert self.run_id is not None, "a run begins before it wants, replaces or adopts anything"
        return self.run_id

    def begin(self, run: RunStart) -> None:
        """Write a run down; what follows belongs to it."""
        now = self._database.now()
        with self._database.writing("begin") as db:
            (self.number,) = db.execute(
                "INSERT INTO runs (catalogue, run_id, manifest, provider, started, cap, low, expected, high, command,"
                " version, seq) VALUES (:catalogue, :run_id, :manifest, :provider, :now, :cap, :low, :expected, :high,"
                " :command, :version, (SELECT ifnull(max(seq), 0) + 1 FROM runs)) RETURNING seq",
                {**asdict(run), "catalogue": self._database.catalogue, "now": stamp(now)},
            ).fetchone()
        self.run_id, self._begun = run.run_id, self._database.clock.monotonic()

    def expect(self, run_id: str, low: MicroUSD, expected: MicroUSD, high: MicroUSD) -> None:
        """Say what a run is expected to cost, once its manifest was planned."""
        sql = "UPDATE runs SET low = :low, expected = :expected, high = :high WHERE catalogue = :catalogue"
        self._database.change("expect", f"{sql} AND run_id = :run", low=low, expected=expected, high=high, run=run_id)

    def change_cap(self, run_id: str, cap: MicroUSD) -> None:
        """Say what a run may cost from now on."""
        sql = "UPDATE runs SET cap = :cap WHERE catalogue = :catalogue AND run_id = :run"
        self._database.change("change_cap", sql, cap=cap, run=run_id)

    def end(self, run_id: str, exit_code: int, why: str, counts: Mapping[str, object] | None = None) -> None:
        """Say how the run that began here ended; `counts` are further facts worth keeping (rows read, rejected)."""
        now, seconds = self._database.now(), self._database.clock.monotonic() - self._begun
        sql = (
            "UPDATE runs SET ended = :now, exit_code = :code, why = :why, counts = :counts, seconds = :seconds"
            " WHERE catalogue = :catalogue AND run_id = :run"
        )
        facts = {"why": plain(why), "counts": dump(counts or {}), "seconds": seconds}
        self._database.change("end", sql, now=stamp(now), code=exit_code, **facts, run=run_id)

    def latest_first(self) -> tuple[RunRow, ...]:
        """Every run of this catalogue, the latest first."""
        rows = self._database.rows("SELECT * FROM runs WHERE catalogue = :catalogue ORDER BY seq DESC")
        return tuple(map(_read, rows))


def new_run_id(now: datetime) -> str:
    """Return a name that sorts by time and does not repeat within a second: `2026-11-20T02-00-00Z-7f3a91c0`."""
    return f"{now:%Y-%m-%dT%H-%M-%SZ}-{token_hex(4)}"


class Told(LedgerPart):
    """The troubles of one output that were told, each with the exit statuses of the runs that told it.

    No later run tells one as news while nothing has changed.
    """

    def among(self, subjects: Iterable[str]) -> Mapping[str, frozenset[int]]:
        """Return those of some subjects that were told, with the exit statuses under which they were."""
        found = defaultdict[str, set[int]](set)
        for subject, status in self._database.rows(
            "SELECT subject, status FROM told WHERE catalogue = :catalogue"
            " AND subject IN (SELECT value FROM json_each(:subjects))",
            subjects=dump(list(subjects)),
        ):
            found[subject].add(status)
        return {subject: frozenset(statuses) for subject, statuses in found.items()}

    def keep(self, status: int, subjects: Iterable[str]) -> None:
        """Write down what a run with this exit status tells."""
        sql = "INSERT INTO told (catalogue, subject, status) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
        catalogue = self._database.catalogue
        self._database.change_each("told", sql, ((catalogue, subject, status) for subject in subjects))
