"""Jobs that take the pictures of other jobs: in which order they can be drawn, and what their inputs are."""

from collections.abc import Iterable, Iterator, Mapping
from graphlib import TopologicalSorter
from pathlib import Path

from batchgen import manifest
from batchgen.ledger import Ledger
from batchgen.model import FileImage, Job, SlotState


class Chain:
    """Knows the jobs whose pictures others take (`taken`, by id), and finds their pictures in the ledger."""

    def __init__(self, taken: frozenset[str], ledger: Ledger, root: Path) -> None:
        self._taken = taken
        self._ledger = ledger
        self._root = root
        self._jobs: dict[str, Job] = {}

    def see(self, job: Job) -> None:
        """Take note of a job with its real key."""
        if job.id in self._taken:
            self._jobs[job.id] = job

    def resolve(self, job: Job) -> Job | str:
        """The job with its inputs in place and its real key, or what it still waits for."""
        pictures: dict[str, tuple[FileImage, ...]] = {}
        for wanted in job.waits_for:
            found = self._pictures(wanted)
            if isinstance(found, str):
                return found
            pictures[wanted] = found
        try:
            real = manifest.resolve(job, pictures)
        except LookupError:
            return f"takes a picture that {', '.join(job.waits_for)} does not draw"
        self.see(real)
        return real

    def _pictures(self, name: str) -> tuple[FileImage, ...] | str:
        job = self._jobs.get(name)
        if job is None:
            return f"waits for {name}"
        (known,) = self._ledger.known([job])
        stored = [slot for slot in known.with_state(SlotState.STORED) if slot.index < job.n and slot.path]
        if len(stored) < job.n:
            return f"waits for {name}: {len(stored)} of {job.n} pictures stored"
        gone = [slot.path for slot in stored if not (self._root / str(slot.path)).exists()]
        if gone:
            return f"waits for {name}: {gone[0]} is gone; --regenerate-missing draws it again"
        return tuple(
            FileImage(str(self._root / str(slot.path)), slot.sha256 or "", slot.bytes, slot.width, slot.height)
            for slot in stored
        )


def in_order(jobs: Iterable[Job]) -> Iterator[Job]:
    """Chained jobs so that each comes after those whose pictures it takes."""
    by_id: Mapping[str, Job] = {job.id: job for job in jobs}
    for name in TopologicalSorter({job.id: job.waits_for for job in by_id.values()}).static_order():
        if name in by_id:
            yield by_id[name]
