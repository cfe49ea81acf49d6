"""Notices that jobs fail alike one after the other: then the jobs are not what is wrong."""

from dataclasses import dataclass

from batchgen.model import Outcome, OutcomeKind, ReasonCode, Stop, StopKind

MOST_REFUSED = 3
MOST_TRANSIENT = 10


@dataclass(slots=True)
class FailureStreak:
    """Counts jobs in a row that brought nothing, by their reasons."""

    alike: tuple[str, str] | None = None
    count: int = 0

    def watch(self, outcome: Outcome, *, charged: bool) -> Stop | None:
        """Take how a job ended; the reason to stop the run, when there is one.

        Refused alike before this run was charged for anything: the manifest or the configuration is wrong. Given up
        after every retry, again and again: the provider cannot be used now.
        """
        if outcome.kind is OutcomeKind.NOT_STARTED:
            return None
        reason = outcome.reason
        transient = reason.code is ReasonCode.TRANSIENT
        if outcome.kind is not OutcomeKind.FAILED or (charged and not transient):
            self.alike, self.count = None, 0
            return None
        alike = (reason.code, "" if transient else reason.cause)
        self.alike, self.count = alike, self.count + 1 if alike == self.alike else 1
        if transient and self.count >= MOST_TRANSIENT:
            why = f"{self.count} jobs in a row were given up after every retry ({reason.what})"
            return Stop(StopKind.UNAVAILABLE, why)
        if not transient and self.count >= MOST_REFUSED:
            return Stop(
                StopKind.CONFIG, f"{self.count} jobs in a row were refused alike ({reason.words}): fix the manifest"
            )
        return None
