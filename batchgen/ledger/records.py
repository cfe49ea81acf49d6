"""What goes into the ledger and what comes out of it: frozen values."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from batchgen.model import AttemptState, ImageRequest, Job, Purpose, SlotState
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
    """A run as the ledger knows it; `ended` and `exit_code` are None while it runs, or when it was killed."""

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


@dataclass(frozen=True, slots=True)
class Wanted:
    """A job that this run wants, with what will draw it and the size and quality it will be priced at."""

    job: Job
    model: str
    size: str
    quality: str
    provider: str


@dataclass(frozen=True, slots=True)
class Slot:
    """One image of a job as the ledger knows it; `path` is relative to the output folder.

    `url` is set while a paid picture waits to be downloaded (until `expires`, when that is known): it is never drawn
    again by itself. `fault` says what is wrong with a stored picture's file (missing, damaged, overwritten). `prompt`
    is set where it was, or will be, drawn with other words than its job's. `review` and `note` are what a person said
    of the picture; `doubt` that a call for another one, made since, may have been charged.
    """

    index: int
    state: SlotState
    reason: str = ""
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
    """The job that had this id before, with another key; its stored pictures lie where the new ones will go."""

    key: str
    request: ImageRequest
    stored: tuple[Slot, ...] = ()


@dataclass(frozen=True, slots=True)
class Tried:
    """How often an image that is not here was paid for in a call that brought too few, and how often moderated.

    `prompt` are the words of these calls where they were not the job's own: other words are tried anew.
    """

    short: int = 0
    moderated: int = 0
    prompt: str | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger knows of one wanted job.

    `n` is how many images were wanted last time (0: never seen). `tries` counts calls that left, `uncertain` those of
    them that may have been charged and are still undecided, `tried` what they made of slots that are still open.
    `code` and `message` are of the last call that brought nothing.
    """

    n: int = 0
    slots: tuple[Slot, ...] = ()
    tries: int = 0
    uncertain: int = 0
    tried: tuple[tuple[int, Tried], ...] = ()
    code: str = ""
    message: str = ""
    previous: Previous | None = None

    def with_state(self, state: SlotState) -> tuple[Slot, ...]:
        """Pick the slots in one state, in order."""
        return tuple(slot for slot in self.slots if slot.state is state)

    def open(self, n: int) -> tuple[int, ...]:
        """Which of `n` slots nothing is known of: neither stored nor decided, nor waiting for a download."""
        settled = {s.index for s in self.slots if s.state is not SlotState.NOT_STARTED or s.pending}
        return tuple(index for index in range(n) if index not in settled)


@dataclass(frozen=True, slots=True)
class Caps:
    """The limits that hold at a reservation; None is no limit of that kind.

    `max_cost` and `max_images` bound this run. `day` and `month` bound the money of the whole ledger, and
    `images_per_day` the images asked of this run's provider, per calendar day or month in `timezone`.
    """

    max_cost: MicroUSD | None = None
    max_images: int | None = None
    day: MicroUSD | None = None
    month: MicroUSD | None = None
    images_per_day: int | None = None
    timezone: str = "UTC"


class CapKind(StrEnum):
    """Which limit refused a call."""

    MAX_COST = "max_cost"
    MAX_IMAGES = "max_images"
    DAY = "budget_day"
    MONTH = "budget_month"
    IMAGES_PER_DAY = "images_per_day"


@dataclass(frozen=True, slots=True)
class Refused:
    """A call that does not fit. `headroom` is what is free now, in micro-dollars or images.

    `ever` is False when it could not fit even if every call under way turned out to cost nothing.
    """

    kind: CapKind
    why: str
    headroom: int
    ever: bool


@dataclass(frozen=True, slots=True)
class Exposure:
    """What one run has spent and risks at this moment, in micro-dollars; `images` asked and not released."""

    spent: MicroUSD
    at_risk: MicroUSD
    reserved: MicroUSD
    images: int


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One call as the ledger knows it. `paths` are the places of its slots, with `ext` for the real extension."""

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

    def path(self, slot: int, ext: str) -> str:
        """Where the picture of a slot goes, below `images/`, for a real extension without dot."""
        stem, _, _ = self.paths[self.slots.index(slot)].rpartition(".")
        return f"{stem}.{ext}"


@dataclass(frozen=True, slots=True)
class PendingDownload:
    """A paid picture that waits at an address; `path` as in `AttemptRow.paths`. `tries` counts failed downloads.

    `base_url` is where its provider was when it was drawn, if it had an address of its own. `request` is what was asked
    for; `replaces` is the key of the job whose picture may stand where this one goes.
    """

    attempt_id: str
    run_id: str
    job_key: str
    job_id: str
    slot: int
    url: str
    expires: datetime | None
    place: str
    cost: MicroUSD
    provider: str
    base_url: str | None = None
    tries: int = 0
    reason: str = ""
    request: ImageRequest | None = None
    replaces: str | None = None

    def path(self, ext: str) -> str:
        """Where the picture goes, below `images/`, for a real extension without dot."""
        stem, _, _ = self.place.rpartition(".")
        return f"{stem}.{ext}"


@dataclass(frozen=True, slots=True)
class Money:
    """The four numbers.

    Settled from usage; settled from the table; the most that open and unclear calls may have cost; and what was
    reserved for calls that provably were not charged.
    """

    confirmed: MicroUSD = ZERO
    estimated: MicroUSD = ZERO
    at_risk: MicroUSD = ZERO
    not_charged: MicroUSD = ZERO


@dataclass(frozen=True, slots=True)
class JobCounts:
    """Jobs by outcome; `total` is the sum of the others."""

    total: int = 0
    done: int = 0
    partial: int = 0
    moderated: int = 0
    failed: int = 0
    held: int = 0
    not_started: int = 0


@dataclass(frozen=True, slots=True)
class ImageCounts:
    """Wanted images by state; `wanted` is the sum of the others, except `pending`, which is part of `not_started`."""

    wanted: int = 0
    stored: int = 0
    moderated: int = 0
    failed: int = 0
    uncertain: int = 0
    lost_paid: int = 0
    not_started: int = 0
    pending: int = 0


@dataclass(frozen=True, slots=True)
class Totals:
    """Where a catalogue, a manifest or a run stands. `sent` calls left this machine, `retried` ones among them."""

    jobs: JobCounts = field(default_factory=JobCounts)
    images: ImageCounts = field(default_factory=ImageCounts)
    money: Money = field(default_factory=Money)
    sent: int = 0
    retried: int = 0


@dataclass(frozen=True, slots=True)
class Waste:
    """Calls that cost or may cost something and brought no picture that is still there.

    `kind` is charged_no_result, replaced (paid for a slot that was drawn again), lost_paid or at_risk; `code` says why.
    """

    kind: str
    code: str
    attempts: int
    micro_usd: MicroUSD


@dataclass(frozen=True, slots=True)
class History:
    """What calls really cost and took: percentiles over the latest settled calls; costs per image asked."""

    count: int
    cost_p50: MicroUSD
    cost_p95: MicroUSD
    seconds_p50: float
    seconds_p95: float


@dataclass(frozen=True, slots=True)
class Finding:
    """One call that a bill decided: its cost is `confirmed`, and `cleared` was not charged."""

    attempt_id: str
    job_id: str
    confirmed: MicroUSD
    cleared: MicroUSD


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """A bill against the ledger, in micro-dollars: billed = settled + confirmed + unexplained, exactly.

    `settled` is what the ledger had settled before; `unexplained` is what the bill has beyond everything the ledger
    knows (negative: the bill is smaller than what was settled). `open_calls` may still be charged: settle them first.
    """

    billed: MicroUSD
    settled: MicroUSD
    at_risk: MicroUSD
    findings: tuple[Finding, ...]
    unexplained: int
    open_calls: int

    @property
    def confirmed(self) -> MicroUSD:
        """At risk before, charged for certain now."""
        return MicroUSD(sum(finding.confirmed for finding in self.findings))

    @property
    def cleared(self) -> MicroUSD:
        """At risk before, not charged for certain now."""
        return MicroUSD(sum(finding.cleared for finding in self.findings))


class Decision(StrEnum):
    """What a person decides about a held job."""

    RETRY = "retry"  # draw it (perhaps again); what is at risk stays at risk
    DROP = "drop"  # give its uncertain images up


class Review(StrEnum):
    """What a person decides about a stored picture."""

    APPROVED = "approved"  # frozen: never overwritten, moved or drawn again
    REJECTED = "rejected"  # to be drawn again, with the note as further words


@dataclass(frozen=True, slots=True)
class Judged:
    """A decision about the picture with these bytes in a slot of a job."""

    job_key: str
    slot: int
    sha256: str
    decision: Review
    note: str = ""


@dataclass(frozen=True, slots=True)
class Approved:
    """A job with approved pictures in their places; `words` the first was drawn with where they were not the job's."""

    key: str
    request: ImageRequest
    pictures: int
    words: str | None = None


class Reworded(StrEnum):
    """What became of other words for the moderated images of a job."""

    CHANGED = "changed"  # they will be drawn with them
    SAME = "same"  # nothing to draw: the words are those that were refused, or nothing is moderated
    UNKNOWN = "unknown"  # no job has this key


@dataclass(frozen=True, slots=True)
class Held:
    """A job whose images were perhaps drawn and paid: somebody has to decide."""

    job_id: str
    job_key: str
    slots: tuple[int, ...]
    at_risk: MicroUSD
    since: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Aside:
    """A picture that is wanted and lies at `path`, where it stepped aside for another one; its place is `place`.

    `owner` is the key of the job whose picture stands there now, None when the ledger knows of none. Both paths are
    relative to the output folder.
    """

    job_key: str
    slot: int
    path: str
    place: str
    sha256: str
    owner: str | None


@dataclass(frozen=True, slots=True)
class StoredImage:
    """A picture that the ledger believes to be in place; `path` is relative to the output folder."""

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


@dataclass(frozen=True, slots=True)
class Adopted:
    """A picture that was paid for under a ledger that is lost, as its sidecar or an old report tells."""

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
    drawn: datetime | None = None


class JobRow(NamedTuple):
    """One job for the report, with all that was ever paid for it; `tags` is a JSON list of pairs."""

    job_id: str
    job_key: str
    operation: str
    model: str
    size: str
    quality: str
    provider: str
    prompt: str
    tags: str
    place: str
    last_run: str | None
    wanted: int
    outcome: str
    stored: int
    moderated: int
    failed: int
    uncertain: int
    lost_paid: int
    not_started: int
    attempts: int
    retried: int
    text_in: int
    image_in: int
    output: int
    confirmed_micro_usd: int
    estimated_micro_usd: int
    at_risk_micro_usd: int
    not_charged_micro_usd: int
    expected_micro_usd: int
    seconds: float
    code: str
    message: str
    categories: str
    moderated_slots: str
    moderated_prompt: str | None = None


class ImageRow(NamedTuple):
    """One wanted or stored image for the report; `flags` is a JSON list, `tags` a JSON list of pairs.

    `prompt` is what it was drawn with; `review` (approved, rejected, or empty) and `note` what a person said of it.
    """

    job_id: str
    job_key: str
    slot: int
    state: str
    reason: str
    path: str | None
    sha256: str | None
    bytes: int | None
    width: int | None
    height: int | None
    format: str | None
    flags: str
    fault: str
    model: str
    size: str
    quality: str
    provider: str
    cost_micro_usd: int
    estimated: int
    prompt: str
    tags: str
    last_run: str | None
    attempt_id: str | None
    changed: str | None
    review: str = ""
    note: str = ""


class CallRow(NamedTuple):
    """One call that left and came to an end; times are seconds since 1970, money is what was charged for it.

    `seconds` is how long the call itself took; `brought` counts the pictures it gave.
    """

    run_id: str
    started: float
    ended: float
    seconds: float
    brought: int
    cost_micro_usd: int


class UsageRow(NamedTuple):
    """What one combination drew, counted and cost. `asked` counts images of calls that were not free of charge."""

    model: str
    size: str
    quality: str
    provider: str
    tags: str
    jobs: int
    attempts: int
    retried: int
    asked: int
    images: int
    text_in: int
    image_in: int
    output: int
    text_out: int
    confirmed_micro_usd: int
    estimated_micro_usd: int
    at_risk_micro_usd: int
    not_charged_micro_usd: int
    expected_micro_usd: int


class ListedRow(NamedTuple):
    """One picture as a shop lists it: `position` counts from 1 within its `sku`; `url` may hold `{path}`."""

    sku: str
    position: int
    path: str
    alt: str
    url: str


class VariantRow(NamedTuple):
    """One of several ways (`way`) in which a thing was drawn: the picture in one slot, with what it cost."""

    thing: str
    slot: int
    way: str
    job_id: str
    job_key: str
    path: str
    sha256: str
    format: str
    model: str
    size: str
    quality: str
    prompt: str
    cost_micro_usd: int


class PictureRow(NamedTuple):
    """One picture with how it came about; `flags`, `usage`, `echo` and `price` are JSON, as recorded.

    `cost_micro_usd` is the picture's share of what its call cost, `call_micro_usd`.
    """

    path: str
    job_id: str
    job_key: str
    slot: int
    request: ImageRequest
    sha256: str
    bytes: int
    width: int
    height: int
    format: str
    flags: str
    cost_micro_usd: int
    estimated: int
    model: str
    provider: str
    size: str
    quality: str
    attempt_id: str
    run_id: str
    drawn: str
    request_id: str | None
    asked: int
    call_micro_usd: int
    usage: str
    echo: str
    price: str
    version: str
