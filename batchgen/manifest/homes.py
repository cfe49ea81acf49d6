"""Which jobs have to be drawn in one place: by whose id a job's shard is chosen."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from batchgen.manifest.stages import name_of
from batchgen.model import Job, JobImage, Shard


def anchor(job: Job) -> str:
    """Return the id by which a job is placed: a preview is where its job is."""
    return _without(job.id, job) if job.explicit_id else job.after or job.id


def _without(name: str, job: Job) -> str:
    """Return an id as the manifest has it, without what makes it that of a preview."""
    return name.removesuffix(name_of("")) if job.preview else name


def homes(chained: Iterable[Job]) -> Mapping[str, str]:
    """For each job that takes images of others, and each of those, the id by which all of them are placed.

    Whoever takes images follows the first job that takes none. Where several of those are joined by one job, all follow
    the one whose name is first: the order of rows decides nothing.
    """
    joined, takers = defaultdict[str, set[str]](set), set[str]()
    for job in chained:
        name = anchor(job)
        takers.add(name)
        for image in (*job.request.images, job.request.mask):
            if isinstance(image, JobImage):
                taken = _without(image.job_id, job)
                joined[name].add(taken)
                joined[taken].add(name)
    found: dict[str, str] = {}
    for name in joined:
        if name not in found:
            group = _reached(name, joined)
            found |= dict.fromkeys(group, min(group - takers or group))
    return found


def _reached(name: str, joined: Mapping[str, set[str]]) -> set[str]:
    """Name all that are joined with one, itself too."""
    reached, left = {name}, [name]
    while left:
        new = joined[left.pop()] - reached
        reached |= new
        left += new
    return reached


@dataclass(frozen=True, slots=True)
class Part:
    """The jobs that one command is about: those of its shard, or all."""

    shard: Shard | None = None
    homes: Mapping[str, str] = field(default_factory=dict)

    def has(self, job: Job | None) -> bool:
        """Tell whether a job is one of them; a row that makes no job belongs to the first shard."""
        if self.shard is None:
            return True
        if job is None:
            return self.shard.index == 1
        name = anchor(job)
        return self.shard.holds(self.homes.get(name, name))


WHOLE = Part()
