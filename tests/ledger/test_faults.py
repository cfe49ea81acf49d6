"""Laws for a disk that refuses."""

import errno
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from batchgen.errors import StorageError
from batchgen.ledger import Caps, Judged, Ledger, Review, RunStart
from batchgen.model import (
    NO_REASON,
    AttemptState,
    SlotState,
)
from batchgen.money import MicroUSD
from tests.ledger.conftest import Make, Open


class FailsOnce:
    """A fault point that fails at the k-th call, as a full disk does."""

    def __init__(self, at_call: int) -> None:
        self.left = at_call
        self.failed = ""

    def __call__(self, name: str) -> None:
        self.left -= 1
        if self.left == 0:
            self.failed = name
            raise OSError(errno.ENOSPC, "No space left on device")


def complaint(call: Callable[[], None]) -> str:
    """Say what a call refuses with, or nothing."""
    try:
        call()
    except StorageError as error:
        return str(error)
    return ""


def work(ledger: Ledger, make: Make) -> None:
    """Do one of everything that writes."""
    job = make.job(n=2)
    ledger.runs.begin(RunStart("run-1", "m", "mock"))
    ledger.jobs.remember([make.wanted(job)])
    attempt = make.attempt(job, slots=(0, 1))
    assert ledger.reservations.reserve(attempt, Caps(max_cost=MicroUSD(100))) is None
    ledger.attempts.settle(make.remote(attempt, 0), AttemptState.SETTLED, make.cost(60))
    ledger.downloads.store(ledger.downloads.waiting()[0], make.image(job))
    ledger.images.mark(job.key, {1: (SlotState.MODERATED, NO_REASON)})
    ledger.reviews.reword({job.key: "other words"})
    ledger.reviews.record([Judged(job.key, 0, make.image(job).sha256, Review.REJECTED)])
    ledger.runs.end("run-1", 0, "")


def test_a_full_disk_at_any_step_leaves_true_books(opened: Open, make: Make, tmp_path: Path) -> None:
    """Whatever step fails: the error names the file and what to do, and what stands there is consistent."""
    for number in count(1):
        fault, path = FailsOnce(number), tmp_path / f"{number}.db"
        if said := complaint(lambda: work(opened(path, run_id=None, at=fault), make)):  # noqa: B023 - called at once
            assert str(path) in said
            assert "free some space" in said
        ledger = opened(path, run_id=None)
        assert ledger.accounts.audit() == ()
        if not fault.failed:
            assert ledger.accounts.totals().money.confirmed == 60
            break
        if fault.failed in {"ledger.settle.before_begin", "ledger.settle.before_commit"}:
            assert ledger.accounts.totals().money.at_risk == 100
        ledger.close()
    assert number >= 20


def test_a_ledger_that_cannot_grow_refuses_the_call(ledger: Ledger, make: Make) -> None:
    """Nothing is sent without a durable intent; with room again, the same call goes."""
    job = make.job()
    ledger.jobs.remember([make.wanted(job)])
    db = ledger._database.db
    db.execute("PRAGMA max_page_count = 1")
    with pytest.raises(StorageError, match="disk is full"):
        ledger.jobs.remember([make.wanted(make.job(str(number), prompt="x" * 4000)) for number in range(9)])
    db.execute("PRAGMA max_page_count = 1000000")
    assert ledger.reservations.reserve(make.attempt(job), Caps()) is None
    assert ledger.accounts.totals().jobs.total == 1
