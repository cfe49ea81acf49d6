"""Batches at providers: written down before anything of them leaves, until each of their lines has its end."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum

from batchgen.ledger.attempts import ATTEMPTS, AttemptRow, attempt_from
from batchgen.ledger.database import LedgerPart
from batchgen.ledger.reservations import Caps, Refused, reserve_all
from batchgen.ledger.text import plain, reader, stamp
from batchgen.model import Attempt
from batchgen.money import MicroUSD

AT_ONCE = 256
"""Lines read in one go."""


class BatchState(StrEnum):
    """How far a batch has come; see the table."""

    PREPARING = "preparing"
    CREATING = "creating"
    WITHDRAWING = "withdrawing"
    SUBMITTED = "submitted"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class NewBatch:
    """A batch as it begins: where it will go, how many tokens will wait there, when its images have to be here."""

    id: str
    run_id: str
    provider: str
    base_url: str
    model: str
    endpoint: str
    tokens: int = 0
    deadline: datetime | None = None


@dataclass(frozen=True, slots=True)
class BatchRow:
    """A batch as the ledger knows it, with what its lines add up to.

    `status` is the provider's own word; `completed` and `failed` are what it counted. `changed` is when `state` last
    changed. `files_left`: it has ended, and its files are still at the provider. `deadline` is when what it was
    submitted for has to be there, `next_look` until when its provider asked for a pause.
    """

    id: str
    run_id: str
    provider: str
    base_url: str
    model: str
    endpoint: str
    state: BatchState
    status: str
    provider_id: str | None
    input_file: str | None
    output_file: str | None
    error_file: str | None
    tokens: int
    completed: int
    failed: int
    message: str
    created: datetime
    changed: datetime
    ended: datetime | None
    files_left: bool
    deadline: datetime | None
    next_look: datetime | None
    lines: int
    images: int
    open: int
    reserved: MicroUSD
    confirmed: MicroUSD

    @property
    def word(self) -> str:
        """Say where it stands: in its provider's word, once that has it."""
        return self.status if self.status and self.state in _TOLD else self.state.value


_read = reader(BatchRow)
_TOLD = frozenset({BatchState.SUBMITTED, BatchState.ENDED})
_NEW = """
INSERT INTO batches
    (id, catalogue, run_id, provider, base_url, model, endpoint, state, tokens, created, changed, deadline)
VALUES (:id, :catalogue, :run_id, :provider, :base_url, :model, :endpoint, 'preparing', :tokens, :now, :now, :deadline)
"""
_ROWS = """
SELECT b.*, count(a.id) AS lines, ifnull(sum(a.asked), 0) AS images, ifnull(sum(a.ended IS NULL), 0) AS open,
    ifnull(sum(a.reserved), 0) AS reserved, ifnull(sum(a.cost), 0) AS confirmed
FROM batches b LEFT JOIN attempts a ON a.handle = b.id
WHERE b.catalogue = :catalogue {which} GROUP BY b.seq ORDER BY b.seq
"""


class Batches(LedgerPart):
    """The batches of one output."""

    def prepare(self, batch: NewBatch, attempts: Sequence[Attempt], caps: Caps) -> tuple[Refused | None, ...]:
        """Reserve lines and write their batch down, in one transaction; says of each line whether a limit refused it.

        The lines that fit are pending from now on, under the batch's id. Without any there is no batch.
        """
        now = self._database.now()
        with self._database.writing("prepare") as db:
            refused = reserve_all(db, self._database.catalogue, attempts, caps, now, handle=batch.id)
            if not all(refused):
                facts = asdict(batch) | {"deadline": batch.deadline and stamp(batch.deadline)}
                db.execute(_NEW, {**facts, "catalogue": self._database.catalogue, "now": stamp(now)})
        return refused

    def uploaded(self, batch_id: str, file_id: str) -> None:
        """Note the id of the input file at the provider."""
        self._set("batch_upload", batch_id, input_file=file_id)

    def enter(self, batch_id: str, state: BatchState, provider_id: str | None = None) -> None:
        """Let a batch come to another state; `provider_id` is what the provider calls it."""
        facts = {"state": state.value, "changed": stamp(self._database.now())}
        self._set(f"batch_{state.value}", batch_id, **facts, **({"provider_id": provider_id} if provider_id else {}))

    def told(
        self, batch_id: str, status: str, completed: int, failed: int, files: tuple[str | None, str | None]
    ) -> None:
        """Note what the provider says of a batch; `files` are its output and its error file."""
        output, error = files
        facts = {"output_file": output and plain(output), "error_file": error and plain(error), "next_look": None}
        self._set("batch_told", batch_id, status=plain(status), completed=completed, failed=failed, **facts)

    def postpone(self, batch_id: str, until: datetime) -> None:
        """Note until when the provider does not want to be asked for a batch."""
        self._set("batch_postponed", batch_id, next_look=stamp(until))

    def end(self, batch_id: str, status: str, message: str = "") -> None:
        """Note that every line of a batch has its end; its files are still at the provider."""
        sql = (
            "UPDATE batches SET state = 'ended', status = :status, message = :message, ended = :now, changed = :now,"
            " files_left = input_file IS NOT NULL WHERE id = :id"
        )
        said = {"status": plain(status), "message": plain(message)}
        self._database.change("batch_end", sql, **said, now=stamp(self._database.now()), id=batch_id)

    def cleaned(self, batch_id: str) -> None:
        """Note that the files of a batch are gone from the provider."""
        self._set("batch_cleaned", batch_id, files_left=0)

    def _set(self, name: str, batch_id: str, **facts: object) -> None:
        values = ", ".join(f"{column} = :{column}" for column in facts)
        self._database.change(name, f"UPDATE batches SET {values} WHERE id = :id", **facts, id=batch_id)  # noqa: S608

    def release(self, batch_id: str) -> None:
        """Close the open lines of a batch that never began: nothing was sent, and their money is free again."""
        sql = (
            "UPDATE attempts SET state = 'not_sent', released = reserved, reserved = 0, ended = :now,"
            " code = 'not_sent' WHERE handle = :id AND ended IS NULL"
        )
        self._database.change("batch_release", sql, now=stamp(self._database.now()), id=batch_id)

    def open(self) -> tuple[BatchRow, ...]:
        """List the batches of which not every line has its end, the oldest first."""
        return self._rows("AND b.ended IS NULL")

    def with_files(self) -> tuple[BatchRow, ...]:
        """List the batches that have ended and whose files are still to be deleted at the provider."""
        return self._rows("AND b.ended IS NOT NULL AND b.files_left")

    def every(self) -> tuple[BatchRow, ...]:
        """List all batches, the oldest first."""
        return self._rows("")

    def find(self, batch_id: str) -> BatchRow:
        """Return one batch."""
        (row,) = self._rows("AND b.id = :id", id=batch_id)
        return row

    def _rows(self, which: str, **values: str) -> tuple[BatchRow, ...]:
        return tuple(map(_read, self._database.rows(_ROWS.format(which=which), **values)))

    def open_lines(self, batch_id: str) -> Iterator[AttemptRow]:
        """Give the lines of a batch that have no end yet, in their order; they may be closed meanwhile."""
        last = -1
        sql = f"{ATTEMPTS} AND a.handle = :batch AND a.ended IS NULL AND a.seq > :last ORDER BY a.seq LIMIT {AT_ONCE}"
        while True:
            rows = list(map(attempt_from, self._database.rows(sql, batch=batch_id, last=last)))
            if not rows:
                return
            yield from rows
            last = rows[-1].seq

    def line(self, batch_id: str, number: int) -> AttemptRow | None:
        """Find a line by its number in the input file, from 1; None where there is no such line."""
        if number < 1:
            return None
        sql = f"{ATTEMPTS} AND a.handle = :batch AND a.phase != 'not_connected' ORDER BY a.seq LIMIT 1 OFFSET :skip"
        return next(map(attempt_from, self._database.rows(sql, batch=batch_id, skip=number - 1)), None)
