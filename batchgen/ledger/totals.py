"""What a ledger adds up to: money, jobs and images, waste, and what prices were in the past."""

from dataclasses import dataclass, field
from typing import NamedTuple

from batchgen.money import ZERO, MicroUSD


@dataclass(frozen=True, slots=True)
class Finding:
    """One call that a bill decided: its cost is `confirmed`, and `cleared` was not charged."""

    attempt_id: str
    job_id: str
    confirmed: MicroUSD
    cleared: MicroUSD


@dataclass(frozen=True, slots=True)
class Exposure:
    """What one run has spent and risks at this moment, in micro-dollars; `images` asked and not released."""

    spent: MicroUSD
    at_risk: MicroUSD
    reserved: MicroUSD
    images: int


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
    submitted: int = 0


@dataclass(frozen=True, slots=True)
class ImageCounts:
    """Wanted images by state; `wanted` is the sum of the others, except those that are part of another.

    `pending` is part of `not_started`; `again` of `uncertain` and `for_now` of `failed`: a later run asks for these.
    `closed` is part of `moderated`: somebody accepted that they are missing.

    `submitted`: the provider has accepted the call, and its images come later.
    """

    wanted: int = 0
    stored: int = 0
    moderated: int = 0
    failed: int = 0
    uncertain: int = 0
    lost_paid: int = 0
    not_started: int = 0
    submitted: int = 0
    pending: int = 0
    again: int = 0
    for_now: int = 0
    closed: int = 0


@dataclass(frozen=True, slots=True)
class Totals:
    """Where a catalogue, a manifest or a run stands. `sent` calls left this machine, `retried` ones among them.

    `reserved` is what is held back for calls that were accepted and whose images come later; it is at risk, too.
    """

    jobs: JobCounts = field(default_factory=JobCounts)
    images: ImageCounts = field(default_factory=ImageCounts)
    money: Money = field(default_factory=Money)
    sent: int = 0
    retried: int = 0
    reserved: MicroUSD = ZERO


@dataclass(frozen=True, slots=True)
class Waste:
    """Calls that cost or may cost something and brought no image that is still there.

    `kind` is charged_no_result, replaced (paid for a slot that was drawn again), lost_paid or at_risk; `code` says why.
    """

    kind: str
    code: str
    attempts: int
    micro_usd: MicroUSD


class Counted(NamedTuple):
    """A call whose provider counted: its cost, images asked, and tokens of text in, of images and of text out."""

    cost: MicroUSD
    images: int
    text_in: int
    output: int
    text_out: int


@dataclass(frozen=True, slots=True)
class History:
    """What calls really cost and took: percentiles over the latest settled calls; costs per image asked.

    `counted` is the call of middle cost among those whose provider counted tokens; None where none did.
    """

    count: int
    cost_p50: MicroUSD
    cost_p95: MicroUSD
    seconds_p50: float
    seconds_p95: float
    counted: Counted | None = None


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
