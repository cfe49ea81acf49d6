"""What goes into the ledger and what comes out of it: frozen values."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from batchgen.model import NO_REASON, AttemptState, ImageRequest, Job, Purpose, Reason, Route, SlotState
from batchgen.money import ZERO, MicroUSD
from batchgen.numerous import numerous


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
    review: "Review | None" = None
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

    `uncertain` counts calls that may have been charged, since somebody decided about them last.

    `prompt` are the words of these calls where they were not the job's own: other words are tried anew.
    """

    short: int = 0
    moderated: int = 0
    prompt: str | None = None
    uncertain: int = 0


@numerous
@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger knows of one wanted job.

    `n` is how many images were wanted last time (0: never seen). `tries` counts calls that left, `uncertain` those of
    them that may have been charged and are still undecided, `tried` what they made of slots that are still open.
    `code` and `message` are of the last call that brought nothing. `submitted` are the slots of pending
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


@dataclass(frozen=True, slots=True)
class Caps:
    """The limits that hold at a reservation; None is no limit of that kind.

    `max_cost` and `max_images` bound this run. `day` and `month` bound the money of the whole ledger, and
    `images_per_day` the images asked of this run's provider, also under its `earlier` names, per calendar day or month
    in `timezone`. `latest`: nothing is reserved once another run has begun in this output.
    """

    max_cost: MicroUSD | None = None
    max_images: int | None = None
    day: MicroUSD | None = None
    month: MicroUSD | None = None
    images_per_day: int | None = None
    timezone: str = "UTC"
    latest: bool = False
    earlier: frozenset[str] = frozenset()


class CapKind(StrEnum):
    """Which limit refused a call."""

    MAX_COST = "max_cost"
    MAX_IMAGES = "max_images"
    DAY = "budget_day"
    MONTH = "budget_month"
    IMAGES_PER_DAY = "images_per_day"
    APPROVED = "approved"  # no limit: the image that stands in the place of a call's was approved meanwhile


COUNT_IMAGES = frozenset({CapKind.MAX_IMAGES, CapKind.IMAGES_PER_DAY})
"""Limits in images; the others are in micro-dollars."""


@dataclass(frozen=True, slots=True)
class Headroom:
    """A limit, and how much of it is free for a new run: micro-dollars or images. `provider` is whose alone it is."""

    kind: CapKind
    limit: int
    free: int
    provider: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """A call that does not fit. `ask`, `limit` and `headroom`, what is free now, are micro-dollars or images.

    `ever` is False when it could not fit even if every call under way turned out to cost nothing. `place` is the image
    that was approved meanwhile.
    """

    kind: CapKind
    headroom: int
    ever: bool
    ask: int = 0
    limit: int = 0
    place: str = ""


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One call as the ledger knows it. `paths` are the places of its slots, with `ext` for the real extension.

    `seq` orders calls as they were reserved. While it is pending, `handle` names it where it was accepted, `next_look`
    says when to ask for its result, and `expires` when there is none any more. `replaces` is the key of the job whose
    images step aside for it.
    """

    id: str
    run_id: str
    job_key: str
    job_id: str
    request: ImageRequest
    model: str
    provider: str
    slots: tuple[int, ...]
    paths: tuple[str, ...]
    purpose: Purpose
    state: AttemptState
    low: MicroUSD
    expected: MicroUSD
    high: MicroUSD
    price: str
    reserved: MicroUSD
    cost: MicroUSD
    at_risk: MicroUSD
    released: MicroUSD
    estimated: bool
    started: datetime
    ended: datetime | None
    phase: str
    status: int | None
    code: str
    message: str
    categories: tuple[str, ...]
    request_id: str | None
    headers: tuple[tuple[str, str], ...]
    quarantine: str | None
    seconds: float
    brought: int
    text_in: int | None
    image_in: int | None
    output: int | None
    text_out: int | None
    total: int | None
    usage: str
    echo: str
    flags: tuple[str, ...]
    note: str
    seq: int
    route: Route
    handle: str | None
    next_look: datetime | None
    expires: datetime | None
    replaces: str | None

    def path(self, slot: int, ext: str) -> str:
        """Where the image of a slot goes, below `images/`, for a real extension without dot."""
        stem, _, _ = self.paths[self.slots.index(slot)].rpartition(".")
        return f"{stem}.{ext}"


@dataclass(frozen=True, slots=True)
class PendingDownload:
    """A paid image that waits at an address; `path` as in `AttemptRow.paths`. `tries` counts failed downloads.

    `base_url` is where its provider was when it was drawn, if it had an address of its own. `request` is what was asked
    for; `replaces` is the key of the job whose image may stand where this one goes. `call_cost` is of its whole call.
    `refused`: our rules kept it from its address before; it counts as lost until they let it come.
    """

    attempt_id: str
    run_id: str
    job_key: str
    job_id: str
    slot: int
    url: str
    expires: datetime | None
    place: str
    call_cost: MicroUSD
    provider: str
    base_url: str | None = None
    tries: int = 0
    reason: Reason = NO_REASON
    request: ImageRequest | None = None
    replaces: str | None = None
    refused: bool = False

    def path(self, ext: str) -> str:
        """Where the image goes, below `images/`, for a real extension without dot."""
        stem, _, _ = self.place.rpartition(".")
        return f"{stem}.{ext}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One call that a bill decided: its cost is `confirmed`, and `cleared` was not charged."""

    attempt_id: str
    job_id: str
    confirmed: MicroUSD
    cleared: MicroUSD


class Decision(StrEnum):
    """What a person decides about a held job."""

    RETRY = "retry"  # draw it (perhaps again); what is at risk stays at risk
    DROP = "drop"  # give its uncertain images up


class Review(StrEnum):
    """What a person decides about a stored image."""

    APPROVED = "approved"  # frozen: never overwritten, moved or drawn again
    REJECTED = "rejected"  # to be drawn again, with the note as further words


@dataclass(frozen=True, slots=True)
class Judged:
    """A decision about the image with these bytes in a slot of a job; None takes an earlier one back."""

    job_key: str
    slot: int
    sha256: str
    decision: Review | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Approved:
    """A job with approved images in their places; `words` the first was drawn with where they were not the job's."""

    key: str
    request: ImageRequest
    images: int
    words: str | None = None


class Reworded(StrEnum):
    """What became of other words for the moderated images of a job."""

    CHANGED = "changed"  # they will be drawn with them
    SAME = "same"  # nothing to draw: the words are those that were refused, or nothing is moderated
    UNKNOWN = "unknown"  # no job has this key


@dataclass(frozen=True, slots=True)
class Held:
    """A job whose images were perhaps drawn and paid: somebody may decide.

    `away` are slots whose images were paid and did not come from their addresses when they were tried. `again` are
    those of `slots` that are not held: the next run asks for them once more.
    """

    job_id: str
    job_key: str
    slots: tuple[int, ...]
    at_risk: MicroUSD
    since: datetime
    reason: Reason
    away: tuple[int, ...] = ()
    again: tuple[int, ...] = ()

    @property
    def waits(self) -> bool:
        """Whether nothing becomes of the job until somebody decides."""
        return len(self.again) < len(self.slots) + len(self.away)


@dataclass(frozen=True, slots=True)
class SupersededImage:
    """An image that is wanted and lies at `path`, where it stepped aside for another one; its place is `place`.

    `owner` is the key of the job whose image stands there now, None when the ledger knows of none. Both paths are
    relative to the output folder.
    """

    job_key: str
    slot: int
    path: str
    place: str
    sha256: str
    owner: str | None


@dataclass(frozen=True, slots=True)
class RecordedImage:
    """An image that the ledger believes to be in place; `path` is relative to the output folder."""

    job_key: str
    job_id: str
    slot: int
    path: str
    sha256: str
    bytes: int
    width: int
    height: int
    format: str
    fault: str = ""
    e_tag: str = ""


@dataclass(frozen=True, slots=True)
class Adopted:
    """An image that was paid for under a ledger that is lost, as its sidecar, a log or an old report tells.

    `attempt` is the id of the call that drew it, and `began` when that was made, where they are known; `drawn` is when
    the image came.
    """

    wanted: Wanted
    slot: int
    path: str
    sha256: str
    bytes: int
    width: int
    height: int
    format: str
    cost: MicroUSD = ZERO
    estimated: bool = True
    attempt: str = ""
    began: datetime | None = None
    drawn: datetime | None = None
    e_tag: str = ""
