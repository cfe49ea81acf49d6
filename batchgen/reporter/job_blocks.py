"""Which block of the manifest a job came from, as far as its place in the manifest tells, and what became of each."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from batchgen.ledger import JobRow

YAML = (".yaml", ".yml")
OTHER = "not in the latest run"
UNKNOWN = "unknown place"
MOST_BLOCKS = 200
REST = "further blocks"
STATES = ("stored", "moderated", "failed", "uncertain", "lost_paid", "submitted", "not_started")


@dataclass(slots=True)
class Block:
    """Jobs that one template made: how many, the first one's id, and its images by state."""

    name: str
    example: str
    jobs: int = 0
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STATES, 0))


@dataclass(slots=True)
class Blocks:
    """Sorts jobs, seen in the manifest's order, into blocks.

    A place in the manifest itself names its block. Rows of a file come in order, so a block begins anew when another
    file or an earlier row comes. Jobs that the run did not want keep no order and make one block of their own.
    """

    run_id: str | None
    most: int
    blocks: dict[str, Block] = field(default_factory=dict)
    of: dict[str, str] = field(default_factory=dict)
    _file: str | None = None
    _line: int = 0
    _round: dict[str, int] = field(default_factory=dict)

    def add(self, rows: Sequence[JobRow]) -> None:
        """Sort rows; which block a job belongs to is kept for the first `most` of them."""
        for row in rows:
            name = self._name(row) if row.last_run == self.run_id else OTHER
            if name not in self.blocks and len(self.blocks) >= MOST_BLOCKS:
                name = REST
            block = self.blocks.setdefault(name, Block(name, row.job_id))
            block.jobs += 1
            for state in STATES:
                block.counts[state] += getattr(row, state)
            if len(self.of) < self.most:
                self.of[row.job_key] = name

    def _name(self, row: JobRow) -> str:
        file, line = _parsed(row.place)
        name = file.replace("\\", "/").rpartition("/")[2] or UNKNOWN
        if file.lower().endswith(YAML):
            self._file = file
            return f"{name}:{line}"
        if file != self._file or line < self._line:
            self._round[file] = self._round.get(file, 0) + 1
        self._file, self._line = file, line
        turn = self._round[file]
        return name if turn == 1 else f"{name} ({turn})"


def _parsed(place: Any) -> tuple[str, int]:
    """Return the file and line of a place as the ledger keeps it: `file:line:column`; line 0 when it names none."""
    file, _, rest = str(place or "").rpartition(":")
    file, _, line = file.rpartition(":")
    return (file, int(line)) if file and line.isdecimal() and rest.isdecimal() else (str(place or ""), 0)
