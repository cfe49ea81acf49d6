"""Batches as providers tell of them: the batch object, its counts and its errors, and what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from batchgen.catalog.answers import wording
from batchgen.model import ImageRequest, Operation
from batchgen.providers.json_text import count, mapping, sequence, word
from batchgen.text import safe

OURS = "batchgen"
"""The name in a batch's metadata under which our own id stands."""
WINDOW = "24h"
QUEUE_IS_FULL = "token_limit_exceeded"
_MOST_ERRORS = 50


class BatchStatus(StrEnum):
    """Where a batch stands; a word that nobody knows is taken as one of a batch that goes on."""

    UNKNOWN = "unknown"
    UNDER_WAY = "under_way"
    CANCELLING = "cancelling"
    COMPLETED = "completed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    FAILED = "failed"

    @property
    def final(self) -> bool:
        """Whether nothing more happens to it."""
        return self not in {BatchStatus.UNKNOWN, BatchStatus.UNDER_WAY, BatchStatus.CANCELLING}


_WORDS: Mapping[BatchStatus, tuple[str, ...]] = {
    BatchStatus.UNDER_WAY: (
        *("validating", "validated", "in_progress", "finalizing", "created", "submitted", "accepted", "scheduled"),
        *("queued", "in_queue", "pending", "waiting", "starting", "started", "running", "processing", "active"),
        "paused",
    ),
    BatchStatus.CANCELLING: ("cancelling", "canceling", "cancel_requested", "cancellation_requested"),
    BatchStatus.COMPLETED: (
        *("completed", "complete", "succeeded", "success", "successful", "done", "finished", "ended"),
        *("partially_completed", "partially_succeeded", "completed_with_errors"),
    ),
    BatchStatus.EXPIRED: ("expired", "timed_out", "timeout", "timeout_exceeded"),
    BatchStatus.CANCELLED: ("cancelled", "canceled"),
    BatchStatus.FAILED: ("failed", "failure", "error", "errored", "rejected"),
}
"""What OpenAI and the gateways before others call each status, in small letters."""
_STATUS = {said: status for status, words in _WORDS.items() for said in words}


@dataclass(frozen=True, slots=True)
class BatchError:
    """Why a batch failed: the provider's code and words, and the line of the input file that it names."""

    code: str
    message: str
    line: int | None = None

    @property
    def of_model(self) -> bool:
        """Whether the model is what is wrong."""
        return bool(wording().model.named(self.code) or wording().model.said(self.message))


@dataclass(frozen=True, slots=True)
class ProviderBatch:
    """A batch as its provider tells of it: `word` is its own word for `status`, `ours` our id in its metadata."""

    id: str
    status: BatchStatus
    word: str
    ours: str = ""
    output_file: str | None = None
    error_file: str | None = None
    completed: int = 0
    failed: int = 0
    errors: tuple[BatchError, ...] = ()
    input_file: str | None = None

    def is_ours(self, ours: str, file_id: str | None) -> bool:
        """Whether it is the one of our id; some providers keep no metadata: there it is the one of our input file."""
        return self.ours == ours or (not self.ours and file_id is not None and self.input_file == file_id)


def batch_from(value: Any) -> ProviderBatch | None:
    """Read a batch object; None for anything else."""
    if (
        not isinstance(value, Mapping)
        or not isinstance(value.get("id"), str)
        or not isinstance(value.get("status"), str)
    ):
        return None
    said, counts = value["status"], mapping(value.get("request_counts"))
    return ProviderBatch(
        value["id"],
        _STATUS.get(_plain(said), BatchStatus.UNKNOWN),
        safe(said, 40),
        str(mapping(value.get("metadata")).get(OURS, "")),
        word(value.get("output_file_id")) or None,
        word(value.get("error_file_id")) or None,
        count(counts.get("completed")) or 0,
        count(counts.get("failed")) or 0,
        _errors(value.get("errors")),
        word(value.get("input_file_id")) or None,
    )


def _plain(said: str) -> str:
    """Give a status without what differs between spellings: `Job_State-Succeeded` says `succeeded`."""
    plain = said.strip().casefold().replace("-", "_").replace(" ", "_")
    return plain.removeprefix("job_state_").removeprefix("batch_state_")


def page_of(value: Any) -> tuple[tuple[ProviderBatch, ...], str | None] | None:
    """Read a page of the list of batches, and the id after which the next one begins; None for anything else."""
    entries = value.get("data") if isinstance(value, Mapping) else None
    if not isinstance(entries, list):
        return None
    found = [batch_from(entry) for entry in entries]
    read = tuple(batch for batch in found if batch is not None)
    last = word(value.get("last_id")) or (read[-1].id if read else None)
    if len(read) < len(found) or (value.get("has_more") is True and last is None):
        return None
    return read, last if value.get("has_more") is True else None


def operation_at(endpoint: str) -> Operation:
    """Say what the lines of a batch at an endpoint ask for."""
    return Operation.EDIT if endpoint.endswith("/edits") else Operation.GENERATE


def no_line(request: ImageRequest, speaks: str) -> str:
    """Say why a request can be no line of a batch at a provider that `speaks` a dialect; empty when it can."""
    if speaks != "images":
        return f"batches are of the Images API, and this provider is asked otherwise ({speaks})"
    if request.operation is Operation.VARIATION:
        return "a batch draws no variations"
    if request.markup:
        return "a batch takes no markup: it is only known of forms"
    if request.files:
        return f"a batch takes no {request.files[0][0]}: give the image as `images`, by which it is uploaded once"
    return ""


def _errors(value: Any) -> tuple[BatchError, ...]:
    found = (entry for entry in sequence(mapping(value).get("data")) if isinstance(entry, Mapping))
    return tuple(
        BatchError(
            safe(str(one.get("code") or ""), 60),
            safe(str(one.get("message") or ""), 500),
            count(one.get("line")) or None,
        )
        for one in found
    )[:_MOST_ERRORS]
