"""Rows of a report, as they stream from the ledger."""

from typing import NamedTuple

from batchgen.model import ImageRequest, Reason, ReasonCode


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
    submitted: int = 0


class ImageRow(NamedTuple):
    """One wanted or stored image for the report; `tags` is a JSON list of pairs.

    `mismatches` is what of it is not as asked, `cost_flags` what was odd about its call's cost: JSON lists.
    `failed_checks` is a JSON list too, `alike` tells that it looks like an earlier image of its group.
    `prompt` is what it was drawn with; `review` (approved, rejected, or empty) and `note` what a person said of it.
    """

    job_id: str
    job_key: str
    slot: int
    state: str
    reason_code: str
    reason_cause: str
    reason_detail: str
    path: str | None
    sha256: str | None
    bytes: int | None
    width: int | None
    height: int | None
    format: str | None
    mismatches: str
    cost_flags: str
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
    superseded: int = 0
    failed_checks: str = "[]"
    alike: int = 0

    @property
    def reason(self) -> Reason:
        """Why it is in its state."""
        return Reason(ReasonCode(self.reason_code), self.reason_cause, self.reason_detail)


class EarlierRow(NamedTuple):
    """An image that stood where another one stands now: drawn again, or drawn for the job before it was changed."""

    job_key: str
    slot: int
    path: str
    sha256: str
    format: str | None


class CallRow(NamedTuple):
    """One call that left and came to an end; times are seconds since 1970, money is what was charged for it.

    `seconds` is how long the call itself took; `brought` counts the images it gave.
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
    accepted: int = 0

    @property
    def cost_per_accepted_micro_usd(self) -> int | None:
        """What was charged for each image that somebody approved; None without any."""
        charged = self.confirmed_micro_usd + self.estimated_micro_usd
        return round(charged / self.accepted) if self.accepted else None


class AcceptedRow(NamedTuple):
    """What people said of images of one kind, and what all calls for such images cost; `tags` is a JSON list."""

    model: str
    quality: str
    template: str
    tags: str
    example: str
    images: int
    approved: int
    rejected: int
    cost_micro_usd: int


class WayRow(NamedTuple):
    """What people said of the images that were drawn in one of several ways."""

    way: str
    approved: int
    rejected: int


class ListedRow(NamedTuple):
    """One image as a shop lists it: `position` counts from 1 within its `sku`; `url` may hold `{path}`."""

    sku: str
    position: int
    path: str
    alt: str
    url: str
    handle: str = ""
    platform: str = ""
    derivative: str = ""


class MeasuredRow(NamedTuple):
    """A stored image with what was measured on it; `tags` and `flags` are JSON lists, shares are from 0 to 1."""

    job_id: str
    path: str
    sha256: str
    tags: str
    border_off: float
    margin: float | None
    sharpness: float
    looks: str
    flags: str
    alike: int


class VariantRow(NamedTuple):
    """One of several ways (`way`) in which a thing was drawn: the image in one slot, with what it cost."""

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


class SidecarRow(NamedTuple):
    """One image with how it came about; `mismatches`, `usage`, `echo` and `price` are JSON, as recorded.

    `cost_micro_usd` is the image's share of what its call cost, `call_micro_usd`.
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
    mismatches: str
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
