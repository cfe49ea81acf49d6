"""Laws for what is written in one transaction with others: each member stands alone, the whole is durable at once."""

import errno
from pathlib import Path

import pytest

from batchgen.errors import StorageError
from batchgen.ledger import Caps, Ledger
from batchgen.model import AttemptState
from batchgen.money import MicroUSD
from tests.ledger.conftest import Make, Open


def test_members_see_what_others_reserve(ledger: Ledger, make: Make) -> None:
    """A cap that two of three calls fill refuses the third, as it does for calls one after another."""
    job, caps = make.job(n=3), Caps(max_cost=MicroUSD(200))
    ledger.jobs.remember([make.wanted(job)])
    with ledger.group():
        answers = [ledger.reservations.reserve(make.attempt(job, slots=(slot,)), caps) for slot in range(3)]
    assert [answer is None for answer in answers] == [True, True, False]
    assert ledger.reservations.exposure("run-1").reserved == 200


def test_nothing_is_there_for_others_before_the_group_ends(opened: Open, make: Make, tmp_path: Path) -> None:
    """Another process sees all members or none."""
    path = tmp_path / "ledger.db"
    ledger, other = opened(path), opened(path, run_id=None)
    job = make.job(n=2)
    ledger.jobs.remember([make.wanted(job)])
    with ledger.group():
        for slot in range(2):
            assert ledger.reservations.reserve(make.attempt(job, slots=(slot,)), Caps()) is None
        assert other.attempts.orphans() == ()
    assert len(other.attempts.orphans()) == 2


def test_a_member_that_fails_takes_back_its_own_part_only(opened: Open, make: Make, tmp_path: Path) -> None:
    """Its fault, before its part is complete, is told to its caller alone."""

    def fault(name: str) -> None:
        if name == "ledger.settle.before_commit":
            raise OSError(errno.ENOSPC, "No space left on device")

    ledger = opened(tmp_path / "ledger.db", at=fault)
    job = make.job(n=2)
    ledger.jobs.remember([make.wanted(job)])
    first, second = (make.attempt(job, slots=(slot,)) for slot in range(2))
    with ledger.group():
        assert ledger.reservations.reserve(first, Caps()) is None
        with pytest.raises(StorageError, match="free some space"):
            ledger.attempts.settle(make.answer(first), AttemptState.SETTLED, make.cost(60))
        assert ledger.reservations.reserve(second, Caps()) is None
    assert ledger.reservations.exposure("run-1").reserved == 200
    assert ledger.accounts.totals().money.confirmed == 0
    assert ledger.accounts.audit() == ()


def test_a_transaction_that_fails_fails_for_all(ledger: Ledger, make: Make) -> None:
    """When SQLite gives the whole transaction up, its end says so, and nothing of any member is written."""
    job = make.job(n=2000)
    ledger.jobs.remember([make.wanted(job)])
    db = ledger._database.db
    db.execute(f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').fetchone()[0] + 2}")
    refused = list[int]()

    def grow() -> None:
        with ledger.group():
            for slot in range(1000):
                try:
                    ledger.reservations.reserve(make.attempt(job, slots=(slot,)), Caps())
                except StorageError:
                    refused.append(slot)

    with pytest.raises(StorageError, match="disk is full"):
        grow()
    assert refused
    db.execute("PRAGMA max_page_count = 1073741823")
    assert ledger.attempts.orphans() == ()
    assert ledger.reservations.reserve(make.attempt(job), Caps()) is None


def test_every_member_passes_its_fault_points(opened: Open, make: Make, tmp_path: Path) -> None:
    """Before its part begins, before it is complete, and after the commit that all share."""
    passed: list[str] = []
    ledger = opened(tmp_path / "ledger.db", at=passed.append)
    job = make.job(n=2)
    ledger.jobs.remember([make.wanted(job)])
    passed.clear()
    with ledger.group():
        for slot in range(2):
            ledger.reservations.reserve(make.attempt(job, slots=(slot,)), Caps())
    each = ["ledger.reserve.before_begin", "ledger.reserve.before_commit"]
    assert passed == [*each, *each, *("ledger.reserve.after_commit",) * 2]
