"""The queue of a run: what its plan writes down comes back whole, in its order, and nothing is left behind."""

from dataclasses import asdict, replace

from hypothesis import given
from hypothesis import strategies as st

from batchgen.errors import Place
from batchgen.ledger import Ledger, Wanted
from batchgen.ledger.queue import AT_ONCE
from batchgen.model import FileImage, ImageRequest, Job, Listing, Operation, Stems, UrlImage, Variant
from tests.ledger.conftest import Make

TEXTS = st.text(max_size=40)
STEMS = st.builds(Stems, st.lists(TEXTS, min_size=1, max_size=3).map(tuple), st.just((("webp", ("a", "b")),)))
REQUESTS = st.builds(
    ImageRequest,
    st.sampled_from(Operation),
    TEXTS,
    st.none() | TEXTS,
    st.lists(st.tuples(TEXTS, TEXTS), max_size=3).map(tuple),
    st.lists(st.builds(UrlImage, TEXTS) | st.builds(FileImage, TEXTS, TEXTS, *[st.integers(0, 9)] * 3)).map(tuple),
)
JOBS = st.builds(
    Job,
    id=TEXTS,
    key=st.just("k" * 64),
    request=REQUESTS,
    n=st.integers(1, 10),
    stems=STEMS,
    tags=st.lists(st.tuples(TEXTS, TEXTS), max_size=3).map(tuple),
    place=st.none() | st.builds(Place, TEXTS.map("/m{}.csv".format), st.integers(1, 10**7), st.integers(1, 99)),
    explicit_id=st.booleans(),
    inherited=st.frozensets(TEXTS, max_size=3),
    after=st.none() | TEXTS,
    asked=st.none() | REQUESTS,
    listing=st.none() | st.builds(Listing, TEXTS, TEXTS, TEXTS),
    variant=st.none() | st.builds(Variant, TEXTS, TEXTS),
    preview=st.booleans(),
    priority=st.floats(-1e12, 1e12),
)


def remembered(ledger: Ledger, *jobs: Job) -> None:
    """Write jobs down as a plan does."""
    ledger.jobs.remember([Wanted(job, "gpt-image-2", "auto", "low", "mock") for job in jobs])
    ledger.queue.put(jobs)


def test_the_largest_priority_comes_first_and_ties_in_their_order(ledger: Ledger, make: Make) -> None:
    """However many there are, and whenever they were put there."""
    priorities = [0, 1, -1, 5.5, 1, 0, -2, 0] * 100
    jobs = [replace(make.job(f"j{n}"), priority=priority) for n, priority in enumerate(priorities)]
    remembered(ledger, *jobs[:300])
    remembered(ledger, *jobs[300:])
    assert [job.id for job in ledger.queue.jobs()] == [job.id for job in sorted(jobs, key=lambda job: -job.priority)]


def test_a_job_comes_back_as_it_was(ledger: Ledger) -> None:
    """Nothing of an arbitrary job is lost between the plan and the call, also where its row was of another one."""

    @given(JOBS)
    def law(job: Job) -> None:
        ledger.queue.clear()
        remembered(ledger, job)
        (again,) = ledger.queue.jobs()
        assert again == job
        assert asdict(again) == asdict(job)

    law()


def test_jobs_come_in_the_order_in_which_they_were_put(ledger: Ledger, make: Make) -> None:
    """Whatever the order of their rows, and however many are read in one go."""
    jobs = [make.job(f"j{number}") for number in range(2 * AT_ONCE + 1)]
    ledger.jobs.remember([make.wanted(job) for job in jobs])
    ledger.queue.put(jobs[::-2])
    ledger.queue.put(jobs[1::2])
    assert [job.id for job in ledger.queue.jobs()] == [job.id for job in (*jobs[::-2], *jobs[1::2])]


def test_a_queue_is_read_while_others_write(ledger: Ledger, make: Make) -> None:
    """A job that is forgotten before its turn does not come, and what is remembered later is not in the queue."""
    jobs = [make.job(f"j{number}") for number in range(AT_ONCE + 2)]
    remembered(ledger, *jobs)
    stream = ledger.queue.jobs()
    assert next(stream) == jobs[0]
    ledger.jobs.forget([jobs[-1].key])
    ledger.jobs.remember([make.wanted(make.job("late"))])
    assert list(stream) == jobs[1:-1]


def test_an_input_image_is_where_this_run_has_found_it(ledger: Ledger, make: Make) -> None:
    """The bytes of a file are in the key, its path is not: a job that was remembered long ago follows its file."""
    job = make.job()
    before, now = (
        replace(job, request=replace(job.request, images=(FileImage(path, "ab" * 32, 1, 2, 3),)))
        for path in ("old.png", "new.png")
    )
    ledger.jobs.remember([make.wanted(before)])
    remembered(ledger, now)
    assert list(ledger.queue.jobs()) == [now]


def test_what_a_dead_run_left_goes(ledger: Ledger, make: Make) -> None:
    """A queue is of one run: a plan begins with an empty one, at any time."""
    remembered(ledger, make.job("old"))
    ledger.queue.clear()
    ledger.queue.clear()
    assert list(ledger.queue.jobs()) == []
    remembered(ledger, make.job("new"))
    assert [job.id for job in ledger.queue.jobs()] == ["new"]
