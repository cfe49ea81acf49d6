"""What came first is told by a sequence and how long it took by a clock that nobody sets: clocks are set back."""

from datetime import timedelta

from batchgen.ledger import Caps, Judged, Ledger, Review, RunStart
from batchgen.model import AttemptState, Charge, Job
from tests.ledger.conftest import Hands, Make, Open

DAY = timedelta(days=1)


class SetBack(Hands):
    """A clock whose time of day can be set back while its seconds go on."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


def drawn(ledger: Ledger, make: Make, job: Job) -> None:
    """Draw the image of a job."""
    attempt = make.attempt(job)
    ledger.reservations.reserve(attempt, Caps())
    ledger.attempts.settle(make.answer(attempt), AttemptState.SETTLED, make.cost(50))


def test_the_latest_run_is_the_one_that_began_last(opened: Open, clock: Hands) -> None:
    """Whatever the clock said."""
    for name in ("run-1", "run-2", "run-3"):
        opened(run_id=name)
        clock.time -= DAY
    assert [run.run_id for run in opened(run_id=None).runs.latest_first()] == ["run-3", "run-2", "run-1"]


def test_a_run_takes_as_long_as_it_takes(opened: Open) -> None:
    """Its seconds are counted, not told from two looks at the time of day."""
    clock = SetBack()
    ledger = opened(clock=clock)
    clock.seconds += 90
    clock.time -= DAY
    ledger.runs.end("run-1", 0, "")
    assert ledger.runs.latest_first()[0].seconds == 90


def test_a_redraw_that_may_be_paid_is_a_doubt_whatever_the_clock_said(ledger: Ledger, make: Make, clock: Hands) -> None:
    """It was made after the decision, although it seems older."""
    job = make.job()
    ledger.jobs.remember([make.wanted(job)])
    drawn(ledger, make, job)
    ledger.reviews.record([Judged(job.key, 0, make.image(job).sha256, Review.REJECTED)])
    clock.time -= DAY
    again = make.attempt(job)
    ledger.reservations.reserve(again, Caps())
    ledger.attempts.settle(make.failure(again, Charge.MAYBE), AttemptState.AT_RISK)
    assert ledger.jobs.known([job])[0].slots[0].doubt
    assert ledger.reviews.doubted() == {(job.key, 0)}
    assert [row.id for row in ledger.attempts.missed()] == [again.id]


def test_a_decision_clears_the_doubts_before_it_whatever_the_clock_said(
    ledger: Ledger, make: Make, clock: Hands
) -> None:
    """An attempt that seems younger than the decision was made before it."""
    job = make.job()
    ledger.jobs.remember([make.wanted(job)])
    doubted = make.attempt(job)
    ledger.reservations.reserve(doubted, Caps())
    ledger.attempts.settle(make.failure(doubted, Charge.MAYBE), AttemptState.AT_RISK)
    drawn(ledger, make, job)
    clock.time -= DAY
    ledger.reviews.record([Judged(job.key, 0, make.image(job).sha256, Review.REJECTED)])
    assert not ledger.jobs.known([job])[0].slots[0].doubt


def test_the_last_failure_is_the_one_that_was_reserved_last(ledger: Ledger, make: Make, clock: Hands) -> None:
    """In what is known of a job, in its row of the report, and in the order of attempts."""
    job = make.job()
    ledger.jobs.remember([make.wanted(job)])
    for code in ("http_500", "http_503"):
        attempt = make.attempt(job)
        ledger.reservations.reserve(attempt, Caps())
        ledger.attempts.settle(make.failure(attempt, Charge.NO, code), AttemptState.NOT_CHARGED)
        clock.time -= DAY
    assert ledger.jobs.known([job])[0].code == "http_503"
    assert next(ledger.report_rows.jobs()).code == "http_503"
    assert [row.code for row in ledger.report_rows.attempts()] == ["http_500", "http_503"]
    seqs = [row.seq for row in ledger.report_rows.attempts()]
    assert seqs == sorted(set(seqs))


def test_the_job_that_had_an_id_last_is_the_one_that_was_wanted_last(opened: Open, make: Make, clock: Hands) -> None:
    """Its images step aside for those of its successor."""
    for number, prompt in enumerate(("first", "second")):
        ledger = opened(run_id=f"run-{number}")
        job = make.job("a", prompt=prompt)
        ledger.jobs.remember([make.wanted(job)])
        clock.time -= DAY
    new = make.job("a", prompt="third")
    previous = opened(run_id=None).jobs.known([new])[0].previous
    assert previous
    assert previous.request.prompt == "second"


def test_what_a_shop_lists_is_of_the_run_that_began_last(opened: Open, make: Make, clock: Hands) -> None:
    """What only an older run of the manifest wanted is not handed over."""
    first = opened()
    job = make.job("old")
    first.jobs.remember([make.wanted(job)])
    drawn(first, make, job)
    clock.time -= DAY
    second = opened(run_id=None)
    second.runs.begin(RunStart("run-2", "catalogue.yaml", "mock"))
    second.jobs.remember([make.wanted(make.job("new"))])
    assert list(second.report_rows.listed()) == []
