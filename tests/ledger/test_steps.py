"""How much work of SQLite's a ledger is, which no clock measures: steps of its virtual machine for each job more."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from batchgen.ledger import Ledger, RunStart
from tests.ledger.conftest import Make, Open
from tests.ledger.test_accounts import draw

FEW, MANY = 20, 120
A_STEP = 10
"""Steps of the machine between two counts."""
READS: dict[str, tuple[float, Callable[[Ledger], Any]]] = {
    "summary": (450, lambda ledger: ledger.accounts.of_run("run-2")),
    "waste": (60, lambda ledger: ledger.accounts.waste()),
    "audit": (120, lambda ledger: ledger.accounts.audit()),
    "paths": (40, lambda ledger: list(ledger.images.paths_of("run-2"))),
    "left open": (0.5, lambda ledger: [*ledger.attempts.missed(), *ledger.downloads.waiting()]),
    "held": (0.5, lambda ledger: ledger.risk.uncertain()),
    "pending": (0.5, lambda ledger: ledger.attempts.pending_jobs()),
}
"""What a run asks of the ledger although it has nothing to do, and the most steps for each job."""


def finished(ledger: Ledger, make: Make, jobs: int) -> Ledger:
    """Book jobs whose images are all stored, and want them once more."""
    for number in range(jobs):
        job = make.job(f"job-{number}")
        with ledger.group():
            ledger.jobs.remember([make.wanted(job)])
            draw(ledger, make, job, 0)
    ledger.runs.begin(RunStart("run-2", "catalogue.yaml", "mock"))
    ledger.jobs.want_again("run-1")
    return ledger


def steps(ledger: Ledger, read: Callable[[Ledger], Any]) -> int:
    """Count the steps of one question."""
    found = 0

    def count() -> None:
        nonlocal found
        found += A_STEP

    ledger._database.db.set_progress_handler(count, A_STEP)
    read(ledger)
    ledger._database.db.set_progress_handler(None, A_STEP)
    return found


def test_a_finished_job_costs_few_steps(make: Make, opened: Open, tmp_path: Path) -> None:
    """Each table is gone through once, and nothing is looked for among all attempts that an index names."""
    few = finished(opened(tmp_path / "few.db"), make, FEW)
    many = finished(opened(tmp_path / "many.db"), make, MANY)
    each = {name: (steps(many, read) - steps(few, read)) / (MANY - FEW) for name, (_, read) in READS.items()}
    assert not {name: found for name, found in each.items() if found > READS[name][0]}
