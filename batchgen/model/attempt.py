"""One HTTP request made for a job: money hangs here."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from batchgen.model.cause import Cause
from batchgen.model.job import ImageRequest, Stems
from batchgen.model.provider import Quote
from batchgen.money import MicroUSD
from batchgen.numerous import numerous


class AttemptState(StrEnum):
    """Where an attempt stands; a row is written as `dispatched`, durably, before a byte can leave.

    `pending`: it was accepted, and what it brings comes later; its money stays reserved.
    """

    DISPATCHED = "dispatched"
    PENDING = "pending"
    NOT_SENT = "not_sent"
    NOT_CHARGED = "not_charged"
    SETTLED = "settled"
    CHARGED_NO_RESULT = "charged_no_result"
    AT_RISK = "at_risk"


class Purpose(StrEnum):
    """Why a call is made."""

    FIRST = "first"
    RETRY = "retry"
    TOP_UP = "top_up"
    CHECK = "check"  # an image is stored, and fails the checks


class Route(StrEnum):
    """How an attempt goes to its provider."""

    SYNC = "sync"  # one request, answered while its connection stands
    BATCH = "batch"  # a line of a batch, at half the price, answered within a day


class Phase(StrEnum):
    """How far a call provably got: what decides whether it can have been charged."""

    NOT_CONNECTED = "not_connected"
    HANDED_OVER = "handed_over"
    STATUS_SEEN = "status_seen"
    COMPLETE = "complete"


class Charge(StrEnum):
    """Whether the provider charged."""

    NO = "no"
    MAYBE = "maybe"
    YES = "yes"


class Remedy(StrEnum):
    """What follows from a failure, whatever caused it."""

    NONE = "none"  # nothing failed
    RESEND = "resend"  # never left: send again, free of charge and of count
    WAIT = "wait"  # rate limit: wait as told; does not count as a try
    RETRY = "retry"  # not charged: back off and try again
    UNCERTAIN = "uncertain"  # perhaps charged: one more try, or hold
    MODERATED = "moderated"  # an answer: one more try, then it sticks
    EMPTY = "empty"  # charged and nothing usable came: one more try
    FAIL_JOB = "fail_job"  # this request can never succeed
    PROBE_ACCOUNT = "probe_account"  # key or permission: one probe after a pause, then stop the run
    STOP_ACCOUNT = "stop_account"  # quota or billing: stop the run
    STOP_CONFIG = "stop_config"  # the base URL is wrong: stop the run


@numerous
@dataclass(frozen=True, slots=True)
class Attempt:
    """One call to be made for `slots` of a job: all that an executor needs, on any machine, and nothing else.

    `id` is also what makes the call idempotent where a provider offers that. `request` is what this call asks for,
    `stems` are where the job's images go. `inherited` names parameters that the job did not set itself. `deadline` is
    in seconds. `replaces` is the key of the job that had this id before; its images step aside where these will go.
    `stream` asks for the answer as events with one partial, which is never kept.
    """

    id: str
    run_id: str
    job_key: str
    job_id: str
    request: ImageRequest
    stems: Stems
    model: str
    provider: str
    slots: tuple[int, ...]
    quote: Quote
    purpose: Purpose = Purpose.FIRST
    route: Route = Route.SYNC
    deadline: float = 600.0
    replaces: str | None = None
    inherited: frozenset[str] = frozenset()
    stream: bool = False

    @property
    def attempt_id(self) -> str:
        """Its id, under the name that all that becomes of it has for it."""
        return self.id

    @property
    def n(self) -> int:
        """Images asked of this call."""
        return len(self.slots)

    def path(self, slot: int, ext: str) -> str:
        """Where the image in a slot goes, below `images/`, for a real extension without dot."""
        return self.stems.path(slot, ext)


AT_STORE = "store"
"""The handle of an attempt whose images are here, and wait for a place in the store that something else takes."""


@dataclass(frozen=True, slots=True)
class Pending:
    """Something that was accepted and comes later: an attempt, or one image of it that waits at an address (`remote`).

    `handle` is how its executor finds an attempt again. There is nothing to see before `next_look`; where that is None,
    whoever waits decides. After `expires` nothing can be had any more. `attempt` is what was asked; an executor that
    answers `execute` may leave it out. `why` says what stood in the way of the last look; `refusal` is how that look
    was judged where the account is refused, so that no other look can be better.
    """

    attempt_id: str
    handle: str
    next_look: datetime | None = None
    expires: datetime | None = None
    attempt: Attempt | None = None
    remote: "RemoteImage | None" = None
    why: str = ""
    refusal: "Verdict | None" = None


@dataclass(frozen=True, slots=True)
class Lost:
    """Nothing will come of it any more, as far as its executor knows; perhaps it was sent, perhaps it was paid.

    `refused`: our own rules keep it away, so that other rules may let it come.
    """

    attempt_id: str
    why: str
    refused: bool = False


@numerous
@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider counted them; None where it did not say. `raw` is what it said, as JSON text.

    `cost` is what it says that the call cost, where its file says that it does.
    """

    text_in: int | None = None
    image_in: int | None = None
    output: int | None = None
    text_out: int | None = None
    total: int | None = None
    raw: str = ""
    cost: MicroUSD | None = None

    @property
    def counts(self) -> tuple[int | None, ...]:
        """What was counted, without the words that said it."""
        return (self.text_in, self.image_in, self.output, self.text_out, self.total, self.cost)


@numerous
@dataclass(frozen=True, slots=True)
class Echo:
    """What the answer says was really drawn; None where it is silent."""

    model: str | None = None
    size: str | None = None
    quality: str | None = None
    output_format: str | None = None
    background: str | None = None


class Mismatch(StrEnum):
    """What of an image is not as asked, or not as an image should be."""

    SIZE = "size"
    PIXELS = "pixels"
    FORMAT = "format"
    ALPHA = "alpha"
    TRUNCATED = "truncated"
    BLANK = "blank"


@numerous
@dataclass(frozen=True, slots=True)
class StoredImage:
    """An image that is durably in place: `path` is relative to the output folder, hash and facts from its bytes.

    `replaces` is where an image that stood there has moved to, relative to the output folder. `e_tag` is what a store
    elsewhere calls this version.
    """

    slot: int
    path: str
    sha256: str
    bytes: int
    width: int
    height: int
    format: str
    mismatches: tuple[Mismatch, ...] = ()
    replaces: str | None = None
    e_tag: str = ""


@dataclass(frozen=True, slots=True)
class RemoteImage:
    """An image that was paid for and waits at an address; `expires` is when the address dies, if that is known."""

    slot: int
    url: str
    expires: datetime | None = None


@numerous
@dataclass(frozen=True, slots=True)
class Verdict:
    """What happened, by consequence: was it charged, what follows, and the words for people.

    `code` is a short stable name (rate_limit, timeout, http_524, moderation_blocked, truncated, ...). `retry_after` is
    the wait the provider asked for, in seconds. `categories` are moderation categories where they were named.
    `blames` says that the provider names what in the request is wrong. `cause` is what is wrong between here and the
    provider, where that is known.
    """

    charge: Charge
    remedy: Remedy
    code: str = "ok"
    message: str = ""
    retry_after: float | None = None
    categories: tuple[str, ...] = ()
    blames: bool = False
    cause: Cause = Cause.NONE


class Missing(StrEnum):
    """Why a slot of an answered call has no image."""

    DROPPED = "dropped"
    NULL = "null"
    EMPTY = "empty"
    UNDECODABLE = "undecodable"
    TRUNCATED = "truncated"


WITHHELD = frozenset({Missing.DROPPED, Missing.NULL, Missing.EMPTY})
"""Why a slot has no image where the provider left it out: so moderation treats some images of a call, silently."""


@numerous
@dataclass(frozen=True, slots=True)
class Receipt:
    """What one attempt brought; small, without image bytes.

    `missing` says, for each asked slot that brought no image, why.
    `quarantine` is the folder, relative to the output folder, where unusable paid bytes were kept.
    `seconds` counts from hand-over; `headers` are an allow-list that never holds a secret.
    """

    attempt_id: str
    phase: Phase
    verdict: Verdict
    status: int | None = None
    images: tuple[StoredImage, ...] = ()
    remote: tuple[RemoteImage, ...] = ()
    missing: tuple[tuple[int, Missing], ...] = ()
    usage: Usage | None = None
    echo: Echo = field(default_factory=Echo)
    request_id: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    quarantine: str | None = None
    seconds: float = 0.0

    @property
    def came(self) -> bool:
        """Whether it brought an image, or the address of one."""
        return bool(self.images or self.remote)

    @property
    def count(self) -> int:
        """How many images it brought, or the addresses of some."""
        return len(self.images) + len(self.remote)

    @property
    def withheld(self) -> bool:
        """Whether a whole answer left every image out: moderation that does not say so."""
        return self.verdict.remedy is Remedy.EMPTY and all(why in WITHHELD for _, why in self.missing)
