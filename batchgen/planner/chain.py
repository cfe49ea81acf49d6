"""Jobs that take the images of other jobs: in which order they can be drawn, and what their inputs are."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from graphlib import TopologicalSorter

from batchgen import manifest
from batchgen.catalog import parse_size
from batchgen.ledger import Ledger
from batchgen.model import FileImage, InputImage, Job, JobImage, SlotState
from batchgen.storage import ImageStore


class Chain:
    """Knows the jobs whose images others take (`taken`, by id), and finds their images in the ledger."""

    def __init__(self, taken: frozenset[str], ledger: Ledger, store: ImageStore) -> None:
        self._taken = taken
        self._ledger = ledger
        self._store = store
        self._jobs: dict[str, Job] = {}
        self._coming: set[str] = set()

    def watch(self, jobs: Iterable[Job]) -> Iterator[Job]:
        """Pass jobs through, and take note of those whose images others take."""
        for job in jobs:
            self.see(job)
            yield job

    def see(self, job: Job) -> None:
        """Take note of a job, with its real key as soon as that is known."""
        if job.id in self._taken:
            self._jobs[job.id] = job

    def resolve(self, job: Job) -> Job | str:
        """Return the job with its inputs in place and its real key, or what it still waits for."""
        found = {wanted: self._images(wanted) for wanted in job.waits_for}
        missing = [why for why in found.values() if isinstance(why, str)]
        if missing:
            return f"waits for {', '.join(missing)}"
        try:
            real = manifest.resolve(job, {name: got for name, got in found.items() if not isinstance(got, str)})
        except LookupError:
            return f"takes an image that {', '.join(job.waits_for)} does not draw"
        self.see(real)
        return real

    def comes(self, job: Job) -> None:
        """Take note that the images of a job are to come."""
        if job.id in self._taken:
            self._coming.add(job.id)

    def lacking(self, job: Job) -> tuple[str, ...]:
        """Return the jobs whose images this one takes, that are not all there and are not to come."""
        return tuple(name for name in job.waits_for if name not in self._coming and isinstance(self._images(name), str))

    def foreseen(self, job: Job) -> Job:
        """Give a job as it will probably be: for each image that it waits for, one of the size that is asked of it."""
        request = job.request
        images = tuple(found for image in request.images for found in self._stand_ins(image))
        mask = next(self._stand_ins(request.mask), None) if request.mask else None
        return replace(job, request=replace(request, images=images, mask=mask))

    def _stand_ins(self, image: InputImage) -> Iterator[InputImage]:
        if not isinstance(image, JobImage) or image.job_id not in self._jobs:
            yield image
            return
        taken = self._jobs[image.job_id]
        pixels = parse_size(taken.request.param("size"))
        for slot in range(taken.n) if image.slot is None else (image.slot,):
            yield FileImage("", "", 0, *pixels) if pixels else JobImage(image.job_id, slot)

    def _images(self, name: str) -> tuple[FileImage, ...] | str:
        """Return the stored images of a job, or its name and what is amiss."""
        job = self._jobs.get(name)
        real = self.resolve(job) if job and job.waits_for else job
        if not isinstance(real, Job):
            return name
        (known,) = self._ledger.jobs.known([real])
        stored = [slot for slot in known.with_state(SlotState.STORED) if slot.index < real.n and slot.path]
        if len(stored) < real.n:
            return f"{name} ({len(stored)} of {real.n} images stored)" if stored else name
        images = []
        for slot in stored:
            file = self._store.local_path(slot.path or "")
            if file is None:
                return f"{name} ({slot.path} is gone; --regenerate-missing draws it again)"
            images.append(FileImage(str(file), slot.sha256 or "", slot.bytes, slot.width, slot.height))
        return tuple(images)


def in_order(jobs: Iterable[Job]) -> Iterator[Job]:
    """Chained jobs so that each comes after those whose images it takes."""
    by_id: Mapping[str, Job] = {job.id: job for job in jobs}
    for name in TopologicalSorter({job.id: job.waits_for for job in by_id.values()}).static_order():
        if name in by_id:
            yield by_id[name]
