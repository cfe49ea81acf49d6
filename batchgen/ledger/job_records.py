"""What the ledger knows of the jobs that a run wants: frozen values."""

from dataclasses import dataclass
from datetime import datetime

from batchgen.ledger.reviews import Review
from batchgen.model import NO_REASON, ImageRequest, Job, Reason, SlotState
from batchgen.money import ZERO, MicroUSD
from batchgen.numerous import numerous


@numerous
@dataclass(frozen=True, slots=True)
class Wanted:
    """A job that this run wants, with what will draw it and the size and quality it will be priced at."""

    job: Job
    model: str
    size: str
    quality: str
    provider: str


@numerous
@dataclass(frozen=True, slots=True)
class Slot:
    """One image of a job as the ledger knows it; `path` is relative to the output folder.

    `url` is set while a paid image waits to be downloaded (until `expires`, when that is known): it is never drawn
    again by itself. `fault` says what is wrong with a stored image's file (missing, damaged, overwritten). `prompt`
    is set where it was, or will be, drawn with other words than its job's. `review` and `note` are what a person said
    of the image; `doubt` that a call for another one, made since, may have been charged.
    """

    index: int
    state: SlotState
    reason: Reason = NO_REASON
    path: str | None = None
    sha256: str | None = None
    bytes: int = 0
    width: int = 0
    height: int = 0
    format: str = ""
    cost: MicroUSD = ZERO
    url: str | None = None
    expires: datetime | None = None
    fault: str = ""
    attempt_id: str | None = None
    prompt: str | None = None
    review: Review | None = None
    note: str = ""
    doubt: bool = False

    @property
    def pending(self) -> bool:
        """Paid, and waiting for its download."""
        return self.url is not None and self.state is SlotState.NOT_STARTED


@dataclass(frozen=True, slots=True)
class Previous:
    """The job that had this id before, with another key; its stored images lie where the new ones will go."""

    key: str
    request: ImageRequest
    stored: tuple[Slot, ...] = ()


@dataclass(frozen=True, slots=True)
class Tried:
    """How often an image that is not here was paid for in a call that brought too few, and how often moderated.

    `uncertain` counts calls that may have been charged, since somebody decided about them last, and `empty` those that
    were charged and brought nothing usable.
    `prompt` is that of these calls where it was not the job's own: another prompt is tried anew.
    """

    short: int = 0
    moderated: int = 0
    prompt: str | None = None
    uncertain: int = 0
    empty: int = 0


@numerous
@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger knows of one wanted job.

    `n` is how many images were wanted last time (0: nothing was ever asked for). `tries` counts calls that left,
    `uncertain` those of them that may have been charged and are still undecided, `tried` what they made of slots that
    are still open. `code` and `message` are of the last call that brought nothing. `submitted` are the slots of pending
    attempts.
    """

    n: int = 0
    slots: tuple[Slot, ...] = ()
    tries: int = 0
    uncertain: int = 0
    tried: tuple[tuple[int, Tried], ...] = ()
    code: str = ""
    message: str = ""
    previous: Previous | None = None
    submitted: frozenset[int] = frozenset()

    def with_state(self, state: SlotState) -> tuple[Slot, ...]:
        """Pick the slots in one state, in order."""
        return tuple(slot for slot in self.slots if slot.state is state)

    def open(self, n: int) -> tuple[int, ...]:
        """Which of `n` slots nothing is known of: neither stored nor decided, nor waiting for what is paid."""
        settled = {s.index for s in self.slots if s.state is not SlotState.NOT_STARTED or s.pending} | self.submitted
        return tuple(index for index in range(n) if index not in settled)


UNKNOWN = Known()
"""Nothing is known: the job is new, and nobody had its id before."""
