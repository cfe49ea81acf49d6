"""A job whose images others take matters as much as they do."""

from hypothesis import given
from hypothesis import strategies as st

from batchgen.manifest.chains import advanced
from batchgen.model import ImageRequest, Job, JobImage, Operation, Stems

PLACES = st.integers(0, 7)


def chained(name: int, taken: set[int], priority: int) -> Job:
    """Return a job that takes images of earlier ones."""
    images = tuple(JobImage(str(other)) for other in sorted(taken) if other < name)
    return Job(
        str(name), "k" * 64, ImageRequest(Operation.EDIT, "", images=images), 1, Stems(("x",)), priority=priority
    )


@given(st.dictionaries(PLACES, st.tuples(st.sets(PLACES), st.integers(-3, 3)), max_size=8))
def test_no_job_is_later_than_one_that_takes_its_images(wanted: dict[int, tuple[set[int], int]]) -> None:
    """Near or far; none is advanced beyond all those that need it, or behind its own priority."""
    jobs = {str(name): chained(name, taken, rank) for name, (taken, rank) in wanted.items()}
    jobs = {name: job for name, job in jobs.items() if job.waits_for}
    found = advanced(jobs)
    for name, job in jobs.items():
        assert found[name] >= job.priority
        assert all(found[taken] >= found[name] for taken in job.waits_for)
        needed = [other.priority for other in jobs.values() if name in _all_taken(other, jobs)]
        assert found[name] in {job.priority, *needed}


def _all_taken(job: Job, jobs: dict[str, Job]) -> set[str]:
    near = set(job.waits_for)
    return near.union(*(_all_taken(jobs[name], jobs) for name in near & jobs.keys()))
