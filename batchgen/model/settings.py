"""How a run may behave: limits, budget, retries. Every value has its documented default here."""

from dataclasses import dataclass, field
from datetime import time
from enum import StrEnum
from pathlib import Path

from batchgen.errors import Place
from batchgen.model.checks import NO_CHECKS, Checks
from batchgen.model.job import Job, RouteChoice
from batchgen.model.provider import Price
from batchgen.model.recipe import Recipe
from batchgen.money import MicroUSD


class OnPartial(StrEnum):
    """What to do when fewer images came than were asked."""

    ACCEPT = "accept"
    TOP_UP = "top_up"
    FAIL = "fail"


class OnUncertain(StrEnum):
    """What to do after a failure that may have been charged."""

    RETRY = "retry"
    HOLD = "hold"


class OnMismatch(StrEnum):
    """What to do with an image that is not as asked (size, format, alpha)."""

    KEEP = "keep"
    FAIL = "fail"
    RETRY_ONCE = "retry-once"


class EngineChoice(StrEnum):
    """Which machines ask the provider."""

    LOCAL = "local"
    RAY = "ray"


class BadRows(StrEnum):
    """What to do when some rows of a manifest cannot be jobs."""

    FAIL = "fail"
    SKIP = "skip"


class OnCheck(StrEnum):
    """What to do with an image that fails a check."""

    FLAG = "flag"
    RETRY_ONCE = "retry-once"


class ModerationCheck(StrEnum):
    """What becomes of prompts that a provider's free moderation endpoint flags, before anything is paid."""

    NO = "false"  # none is asked about
    YES = "true"  # they are moderated, without a call
    WARN = "warn"  # they are told, and sent


class CanaryUntil(StrEnum):
    """What the first jobs of a template have to come through before the others are drawn."""

    APPROVED = "approved"  # somebody approved their images
    CHECKED = "checked"  # their images pass the checks


@dataclass(frozen=True, slots=True)
class Canary:
    """The `first` jobs of each template are drawn; the others wait for what comes of them."""

    first: int = 3
    until: CanaryUntil = CanaryUntil.APPROVED


@dataclass(frozen=True, slots=True)
class Limits:
    """Rates per sliding minute, parallel calls, and hard stops; None is no limit of that kind.

    The rates are of all `shards` together: `share` is what one of them may use.
    """

    images_per_minute: int | None = None
    input_images_per_minute: int | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    images_per_day: int | None = None
    concurrency: int = 16
    max_cost: MicroUSD | None = None
    max_images: int | None = None
    max_duration: float | None = None
    max_cost_per_image: MicroUSD | None = None
    shards: int = 1

    def share(self, rate: int | None) -> float | None:
        """Return the part of a rate that this machine may use; it may be a fraction."""
        return rate / self.shards if rate and self.shards > 1 else rate


EACH = ("images_per_minute", "input_images_per_minute", "requests_per_minute", "tokens_per_minute", "images_per_day")
"""Limits that each provider has for itself, beside its parallel calls."""


@dataclass(frozen=True, slots=True)
class Load:
    """The units of one kind that a call weighs, and how many of them may start in a minute.

    An even pace puts `space` seconds between its start and the next; a call may be `early` seconds ahead of it.
    """

    kind: str
    weight: int
    limit: float
    space: float = 0.0
    early: float = 0.0


@dataclass(frozen=True, slots=True)
class Budget:
    """Money across all runs of one ledger, per calendar day and month in one time zone (an IANA name)."""

    day: MicroUSD | None = None
    month: MicroUSD | None = None
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Retry:
    """Retry policy of one call in one run.

    `attempts` tries; rate-limit 429s, unsent calls and top-ups do not count. `max_uncertain` more tries after a failure
    that may have been charged. `deadline_seconds` bounds one call from hand-over.
    """

    attempts: int = 4
    base_seconds: float = 1.0
    cap_seconds: float = 60.0
    max_uncertain: int = 1
    deadline_seconds: float = 600.0
    breaker_probe_seconds: tuple[float, ...] = (60.0, 120.0, 240.0)


@dataclass(frozen=True, slots=True)
class Prepare:
    """How reference images are shrunk and re-encoded on their way out; the job's key hashes the original file."""

    max_edge: int | None = None
    format: str | None = None


@dataclass(frozen=True, slots=True)
class BatchSettings:
    """How batches are cut, until when everything has to be there, and whether the provider keeps their files.

    `ready_by` is a time of the day such as `07:00`, or seconds from the first submission. `max_output` is in bytes.
    """

    ready_by: time | float | None = None
    max_lines: int = 50_000
    max_output: int = 4_000_000_000
    keep_files: bool = False


@dataclass(frozen=True, slots=True)
class RaySettings:
    """Which Ray cluster makes the calls: the one at `address`, or without it all cores of this machine.

    `per_node` calls at most are under way on one node. Nodes stay for `linger` seconds after they last heard of a run.
    """

    address: str | None = None
    per_node: int = 64
    linger: float = 120.0


class Event(StrEnum):
    """How a run ended, as far as somebody who is told cares."""

    DONE = "done"  # every wanted image is stored
    STOPPED = "stopped"  # by a limit, the account, the provider or a signal; the same command goes on
    FAILED = "failed"  # some jobs failed for good or are held, or the run broke or could not begin


@dataclass(frozen=True, slots=True)
class Notify:
    """Who is told how a run ended. `urls` and `heartbeat` name environment variables: addresses are secrets.

    None stands for the usual variable, which may be unset; one that is named must be set, if only to nothing.
    """

    urls: str | None = None
    heartbeat: str | None = None
    on: tuple[Event, ...] = tuple(Event)


@dataclass(frozen=True, slots=True)
class ProviderEntry:
    """One of several providers: its name or the path of its file, and what is its own.

    `key` names the variable of its key. `limits` are kinds with what is allowed here. Providers with equal prices share
    by `weight`; one with 0 is only asked when no other can. `label` is what it is called.
    """

    name: str
    key: str | None = None
    limits: tuple[tuple[str, int], ...] = ()
    weight: int = 1
    label: str = ""
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything of a manifest that is not a job. `one_route`: the route is that of all jobs, whatever they say."""

    name: str
    provider: str = "openai"
    providers: tuple[ProviderEntry, ...] = ()
    limits: Limits = field(default_factory=Limits)
    budget: Budget | None = None
    ledger: Path | None = None
    retry: Retry = field(default_factory=Retry)
    on_partial: OnPartial = OnPartial.TOP_UP
    on_uncertain: OnUncertain = OnUncertain.RETRY
    on_mismatch: OnMismatch = OnMismatch.KEEP
    images_per_request: int | None = None
    prices: tuple[tuple[str, Price], ...] = ()
    prepare: Prepare = field(default_factory=Prepare)
    notify: Notify = field(default_factory=Notify)
    sidecars: bool = False
    store: str = ""
    bad_rows: BadRows = BadRows.FAIL
    derivatives: tuple[Recipe, ...] = ()
    route: RouteChoice = RouteChoice.SYNC
    one_route: bool = False
    batch: BatchSettings = field(default_factory=BatchSettings)
    engine: EngineChoice = EngineChoice.LOCAL
    ray: RaySettings = field(default_factory=RaySettings)
    checks: Checks = NO_CHECKS
    on_check: OnCheck = OnCheck.FLAG
    canary: Canary | None = None
    moderation_check: ModerationCheck = ModerationCheck.NO
    stream: bool = False

    def route_of(self, job: Job) -> RouteChoice:
        """Say which way a job is asked for: its own, unless the command says it for all."""
        return self.route if self.one_route else job.route or self.route
