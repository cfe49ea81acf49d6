"""How a job, and a run, ended: values, not exceptions."""

from dataclasses import dataclass
from enum import StrEnum

from batchgen.model.cause import Cause
from batchgen.model.job import Job
from batchgen.model.reason import NO_REASON, Reason
from batchgen.money import ZERO, MicroUSD
from batchgen.numerous import numerous


class OutcomeKind(StrEnum):
    """How one job ended within one run."""

    DONE = "done"  # every wanted image is stored
    PARTIAL = "partial"  # some slots are stored, the others are moderated or failed for good
    MODERATED = "moderated"  # no slot is stored, moderation stopped it
    FAILED = "failed"  # it can never succeed as it is: no slot is stored, or fewer than a user takes (on_partial: fail)
    HELD = "held"  # perhaps paid; waits for a decision or a later run
    SUBMITTED = "submitted"  # accepted by the provider; its images come later
    NOT_STARTED = "not_started"  # a limit, a stop or a missing input kept it from starting or finishing


@numerous
@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one job in this run; the ledger holds the details."""

    job: Job
    kind: OutcomeKind
    stored: int = 0
    reason: Reason = NO_REASON
    spent: MicroUSD = ZERO


class StopKind(StrEnum):
    """Why a run pulls no more jobs."""

    SIGNAL = "signal"
    STORAGE = "storage"
    ACCOUNT = "account"
    CONFIG = "config"
    ENDPOINT = "endpoint"  # the provider has none for one operation, or not that model; the others go on
    LIMIT = "limit"
    DRAIN = "drain"  # somebody told it to end
    UNAVAILABLE = "unavailable"
    BUG = "bug"


@dataclass(frozen=True, slots=True)
class Stop:
    """One reason to pull no more jobs; what is under way finishes and is recorded.

    `why` are words of our own, `detail` those of others: a provider, a library, a manifest. `cause` is what is wrong
    between here and the provider, where that is it. `of_store`: a store elsewhere refuses.
    """

    kind: StopKind
    why: str
    detail: str = ""
    cause: Cause = Cause.NONE
    of_store: bool = False

    @property
    def words(self) -> str:
        """The whole reason, for people."""
        return f"{self.why} ({self.detail})" if self.why and self.detail else self.why or self.detail
