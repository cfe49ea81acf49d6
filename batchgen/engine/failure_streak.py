"""Notices that jobs fail alike one after the other: then the jobs are not what is wrong."""

from dataclasses import dataclass

from batchgen.engine.decide import TRANSIENT
from batchgen.model import Outcome, OutcomeKind, Stop, StopKind

MOST_REFUSED = 3
MOST_TRANSIENT = 10


@dataclass(slots=True)
class FailureStreak:
    """Counts jobs in a row that brought nothing, by the code that begins their reason."""

    code: str = ""
    count: int = 0

    def watch(self, outcome: Outcome, *, charged: bool) -> Stop | None:
        """Take how a job ended; the reason to stop the run, when there is one.

        Refused alike before this run was charged for anything: the manifest or the configuration is wrong. Given up
        after every retry, again and again: the provider cannot be used now.
        """
        if outcome.kind is OutcomeKind.NOT_STARTED:
            return None
        transient = outcome.why.startswith(TRANSIENT)
        if outcome.kind is not OutcomeKind.FAILED or (charged and not transient):
            self.code, self.count = "", 0
            return None
        code = TRANSIENT if transient else outcome.why.partition(":")[0]
        self.code, self.count = code, self.count + 1 if code == self.code else 1
        if transient and self.count >= MOST_TRANSIENT:
            why = outcome.why.removeprefix(TRANSIENT)
            return Stop(StopKind.UNAVAILABLE, f"{self.count} jobs in a row were given up after every retry ({why})")
        if not transient and self.count >= MOST_REFUSED:
            return Stop(
                StopKind.CONFIG, f"{self.count} jobs in a row were refused alike ({outcome.why}): fix the manifest"
            )
        return None
