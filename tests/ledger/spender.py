"""A process that spends as much as a shared day budget lets it: path, catalogue, seed, budget."""

import random
import sys
from pathlib import Path

from batchgen.ledger import Caps, Ledger, RunStart, Wanted
from batchgen.model import (
    Attempt,
    AttemptState,
    Charge,
    ImageRequest,
    Job,
    Operation,
    Phase,
    Quote,
    Receipt,
    Remedy,
    Settlement,
    Stems,
    Verdict,
)
from batchgen.money import MicroUSD
from batchgen.runtime.clock import SystemClock


def spend(path: Path, catalogue: str, seed: int, budget: int) -> None:
    """Reserve and settle 30 calls."""
    chance, caps = random.Random(seed), Caps(day=MicroUSD(budget))
    job = Job("a", f"{seed:064}", ImageRequest(Operation.GENERATE, "a cup"), 1, Stems(("a-*",)))
    with Ledger.open(path, catalogue, clock=SystemClock()) as ledger:
        ledger.runs.begin(RunStart(f"run-{seed}", "m", "mock"))
        ledger.jobs.remember([Wanted(job, "gpt-image-2", "auto", "low", "mock")])
        for number in range(30):
            high = MicroUSD(chance.randint(1, 100))
            quote = Quote(high, high, high)
            asked = (job.key, job.id, job.request, job.stems)
            attempt = Attempt(f"{seed}-{number}", f"run-{seed}", *asked, "gpt-image-2", "mock", (0,), quote)
            if ledger.reservations.reserve(attempt, caps) is None:
                empty = Receipt(attempt.id, Phase.COMPLETE, Verdict(Charge.YES, Remedy.EMPTY, "empty"))
                ledger.attempts.settle(empty, AttemptState.CHARGED_NO_RESULT, Settlement(high, estimated=False))


if __name__ == "__main__":
    spend(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
