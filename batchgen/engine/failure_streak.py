"""Notices that jobs fail alike one after the other: then the jobs are not what is wrong."""

import re
from dataclasses import dataclass, field

from batchgen.catalog.answers import wording
from batchgen.model import Job, Outcome, OutcomeKind, Reason, ReasonCode, Stop, StopKind, Verdict

MOST_REFUSED = 3
MOST_TRANSIENT = 10
MOST_ALIKE = 5
"""Jobs in a row that a provider refuses in the same words, which blame nothing in them."""
MOST_OF_ACCOUNT = 3
"""The same, where the words speak of the account."""
INPUT = "input"
"""The code of a job whose own image could not be had or sent: that is never the manifest's or the provider's fault."""
_MOST_WORDS = 100
_MOST_JOBS = 10_000
_OWN_WORDS = re.compile(r"\S*\d\S*")


@dataclass(slots=True)
class FailureStreak:
    """Counts jobs in a row that brought nothing, by their reasons."""

    alike: tuple[str, str] | None = None
    count: int = 0
    failed: list[tuple[Job, tuple[int, ...]]] = field(default_factory=list)

    def watch(self, outcome: Outcome, *, charged: bool, slots: tuple[int, ...] = ()) -> Stop | None:
        """Take how a job ended, with the slots that failed; the reason to stop the run, when there is one.

        Refused alike before this run was charged for anything: the manifest or the configuration is wrong. Given up
        after every retry, again and again: the provider cannot be used now.
        """
        reason = outcome.reason
        transient = reason.code is ReasonCode.TRANSIENT
        if outcome.kind is OutcomeKind.NOT_STARTED and not transient:
            return None
        own = reason.cause == INPUT
        if not transient and (outcome.kind is not OutcomeKind.FAILED or charged or own):
            self.alike, self.count, self.failed = None, 0, []
            return None
        alike = (reason.code, "" if transient else reason.cause)
        if alike != self.alike:
            self.alike, self.count, self.failed = alike, 0, []
        self.count += 1
        self.failed.append((outcome.job, slots))
        return self._stop(reason, transient=transient)

    def take(self) -> list[tuple[Job, tuple[int, ...]]]:
        """Jobs that failed alike when that stopped the run: what is wrong is not theirs, so they are not failed."""
        failed, self.failed = self.failed, []
        return failed

    def _stop(self, reason: Reason, *, transient: bool) -> Stop | None:
        if transient and self.count >= MOST_TRANSIENT:
            return Stop(
                StopKind.UNAVAILABLE, f"{self.count} jobs in a row were given up after every retry", reason.what
            )
        if not transient and self.count >= MOST_REFUSED:
            return Stop(
                StopKind.CONFIG, f"{self.count} jobs in a row were refused alike: fix the manifest", reason.words
            )
        return None


@dataclass(slots=True)
class Refusals:
    """Jobs in a row that were refused, for nothing, in the same words: these speak of the account, not of a job.

    What names a parameter, and moderation, is the job's own.
    """

    words: str = ""
    count: int = 0
    refused: dict[str, list[tuple[Job, tuple[int, ...]]]] = field(default_factory=dict)
    stop: Stop | None = None
    all: bool = False

    def watch(self, job: Job, slots: tuple[int, ...], refusal: Verdict | None) -> Stop | None:
        """Take how a job ended, with the verdict that refused its slots, if one did; the reason to stop, if any."""
        words = "" if refusal is None or refusal.blames else alike(refusal)
        if words and (words in self.refused or len(self.refused) < _MOST_WORDS):
            self.refused[words] = [*self.refused.get(words, ())[-_MOST_JOBS:], (job, slots)]
        if self.stop:
            return self.stop if words and (self.all or words == self.words) else None
        self.count = self.count + 1 if words == self.words else 1
        self.words = words
        if not words or refusal is None:
            return None
        of_account = wording().account.said(refusal.message)
        if self.count < (MOST_OF_ACCOUNT if of_account else MOST_ALIKE):
            return None
        said = f"{refusal.code}: {refusal.message}" if refusal.message else refusal.code
        why = f"{self.count} jobs in a row were refused in the same words, so no job is wrong"
        self.stop = Stop(StopKind.ACCOUNT if of_account else StopKind.UNAVAILABLE, why, said)
        return self.stop

    def end(self, stop: Stop) -> None:
        """Take that no job is at fault for any refusal, in whatever words: the manifest or the address is."""
        if self.words and not self.stop:
            self.stop, self.all = stop, True

    def take(self) -> list[tuple[Job, tuple[int, ...]]]:
        """Jobs that were refused in the words that stopped the run, also one by one before: they are not failed."""
        if not self.all:
            return self.refused.pop(self.words, [])
        taken, self.refused = [one for those in self.refused.values() for one in those], {}
        return taken


def alike(refusal: Verdict) -> str:
    """Return the words of a refusal without the ids and numbers of one call."""
    return f"{refusal.code} {_OWN_WORDS.sub('#', refusal.message)}"
