"""Laws of what is wanted and what is known of it."""

from batchgen.ledger import Caps, Known, Ledger, RunStart
from batchgen.ledger.text import request_from, request_text
from batchgen.model import (
    AttemptState,
    Charge,
    FileImage,
    ImageRequest,
    Job,
    JobImage,
    Operation,
    Purpose,
    SlotState,
    UrlImage,
)
from tests.ledger.conftest import Make, Open


def draw(ledger: Ledger, make: Make, job: Job, *slots: int, replaces: str | None = None) -> None:
    """Draw images for slots."""
    attempt = make.attempt(job, slots=slots or tuple(range(job.n)))
    assert ledger.reservations.reserve(attempt, Caps()) is None
    ledger.attempts.settle(make.answer(attempt, replaces=replaces), AttemptState.SETTLED, make.cost(50))


def test_nothing_is_known_of_a_new_job(ledger: Ledger, make: Make) -> None:
    """A job that was never wanted is all open."""
    known = ledger.jobs.known([make.job()])[0]
    assert known == Known()
    assert known.open(2) == (0, 1)


def test_knowledge_comes_in_the_order_of_the_question(ledger: Ledger, make: Make) -> None:
    """Whatever the ledger's own order is."""
    jobs = [make.job(str(number)) for number in range(700)]
    ledger.jobs.remember([make.wanted(job) for job in jobs])
    draw(ledger, make, jobs[5])
    known = ledger.jobs.known(jobs[::-1])
    assert [bool(one.slots) for one in known].index(True) == 694


def test_raising_n_opens_the_new_slots_only(ledger: Ledger, make: Make) -> None:
    """What is stored stays stored."""
    ledger.jobs.remember([make.wanted(make.job(n=2))])
    draw(ledger, make, make.job(n=2))
    assert ledger.jobs.known([make.job(n=4)])[0].open(4) == (2, 3)


def test_a_changed_job_knows_what_it_was(ledger: Ledger, make: Make) -> None:
    """Under the same id: the old request, field by field, and the images that lie in its way."""
    old, new = make.job("a", prompt="red"), make.job("a", prompt="blue")
    ledger.jobs.remember([make.wanted(old)])
    draw(ledger, make, old)
    previous = ledger.jobs.known([new])[0].previous
    assert previous is not None
    assert (previous.key, previous.request) == (old.key, old.request)
    assert [slot.path for slot in previous.stored] == ["images/a-0.png"]


def test_the_previous_job_is_the_one_that_was_wanted_last(opened: Open, make: Make) -> None:
    """Red, blue, and red again: blue was before."""
    ledger, red, blue = opened(run_id="z-first"), make.job("a", prompt="red"), make.job("a", prompt="blue")
    green = make.job("a", prompt="green")
    ledger.jobs.remember([make.wanted(red)])
    ledger.runs.begin(RunStart("a-second", "m", "mock"))
    ledger.jobs.remember([make.wanted(blue)])
    for job in (red, green):
        previous = ledger.jobs.known([job])[0].previous
        assert previous is not None
        assert previous.key == blue.key


def test_jobs_without_an_id_of_their_own_have_no_past(ledger: Ledger, make: Make) -> None:
    """An id made from the key says nothing."""
    job = make.job("a")
    ledger.jobs.remember([make.wanted(job)])
    other = Job("a", "f" * 64, job.request, 1, job.stems, explicit_id=False)
    assert ledger.jobs.known([other])[0].previous is None


def test_tries_are_counted_over_runs(opened: Open, make: Make) -> None:
    """With what the latest failure said."""
    ledger, job = opened(), make.job(n=2)
    ledger.jobs.remember([make.wanted(job)])
    for charge, state, code in (
        (Charge.NO, AttemptState.NOT_SENT, "dns"),
        (Charge.MAYBE, AttemptState.AT_RISK, "timeout"),
        (Charge.NO, AttemptState.NOT_CHARGED, "http_400"),
    ):
        attempt = make.attempt(job, purpose=Purpose.TOP_UP)
        ledger.reservations.reserve(attempt, Caps())
        ledger.attempts.settle(make.failure(attempt, charge, code, f"it said {code}"), state)
    draw(ledger, make, job, 1)
    known = ledger.jobs.known([job])[0]
    assert (known.tries, known.uncertain) == (3, 1)
    assert (known.code, known.message) == ("http_400", "it said http_400")


def test_a_provisional_key_leaves_no_trace(ledger: Ledger, make: Make) -> None:
    """A chained job that got its real key is wanted once."""
    job, real = make.job("a", prompt="provisional"), make.job("a", prompt="real")
    ledger.jobs.remember([make.wanted(job)])
    ledger.jobs.forget([job.key])
    ledger.jobs.remember([make.wanted(real)])
    assert [row.job_key for row in ledger.report_rows.jobs()] == [real.key]
    assert ledger.jobs.known([real])[0].previous is None


def test_what_was_drawn_is_never_forgotten(ledger: Ledger, make: Make) -> None:
    """It is only not wanted any more."""
    job = make.job()
    ledger.jobs.remember([make.wanted(job)])
    draw(ledger, make, job)
    ledger.jobs.forget([job.key])
    assert ledger.jobs.known([job])[0].slots[0].state is SlotState.STORED
    assert ledger.accounts.totals("run-1").jobs.total == 0


def test_catalogues_in_one_ledger_do_not_mix(opened: Open, make: Make) -> None:
    """The same job in two output folders is drawn for both."""
    one, two, job = opened(catalogue="one"), opened(catalogue="two"), make.job()
    one.jobs.remember([make.wanted(job)])
    two.jobs.remember([make.wanted(job)])
    draw(one, make, job)
    assert two.jobs.known([job])[0].slots == ()
    assert len(list(two.report_rows.images())) == 1
    assert two.accounts.totals().images.stored == 0


def test_requests_are_read_as_they_were_written() -> None:
    """Every kind of input image, and text of every kind."""
    request = ImageRequest(
        Operation.EDIT,
        "draw\x00\u202e \U0001f600 'quoted'",
        "gpt-image-2",
        (("n_x", "1e3"), ("size", "auto")),
        (FileImage("a.png", "ab", 3, 4, 5), UrlImage("https://x.test/?a=%2B"), JobImage("cat", 1), JobImage("hat")),
        JobImage("mask"),
    )
    assert request_from(request_text(request)) == request
