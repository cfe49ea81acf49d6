"""Jobs that take the images of other jobs: in which order they can be drawn, and what their inputs are."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from graphlib import TopologicalSorter
from typing import NamedTuple

from batchgen import manifest
from batchgen.catalog import parse_size
from batchgen.ledger import Ledger, Review
from batchgen.model import FileImage, InputImage, Job, JobImage, ReasonCode, SlotState
from batchgen.storage import ImageStore


@dataclass(frozen=True, slots=True)
class Missing:
    """What keeps a chained job from being drawn. `unapproved` are the jobs of which somebody has to approve images."""

    why: str
    unapproved: tuple[str, ...] = ()


class Taken(NamedTuple):
    """A stored image that another job takes, and what a person said of it."""

    file: FileImage
    review: Review | None


class Chain:
    """Knows the jobs whose images others take (`taken`, by id), and finds their images in the ledger."""

    def __init__(self, taken: frozenset[str], ledger: Ledger, store: ImageStore) -> None:
        self._taken = taken
        self._ledger = ledger
        self._store = store
        self._jobs: dict[str, Job] = {}
        self._coming: set[str] = set()
        self._held: dict[str, ReasonCode] = {}

    @property
    def is_empty(self) -> bool:
        """Whether no job takes images of another, so that there is nothing to know."""
        return not self._taken

    def watch(self, jobs: Iterable[Job]) -> Iterator[Job]:
        """Pass jobs through, and take note of those whose images others take."""
        if not self.is_empty:
            jobs = self._watched(jobs)
        return iter(jobs)

    def _watched(self, jobs: Iterable[Job]) -> Iterator[Job]:
        for job in jobs:
            self.see(job)
            yield job

    def see(self, job: Job) -> None:
        """Take note of a job, with its real key as soon as that is known."""
        if job.id in self._taken:
            self._jobs[job.id] = job

    def resolve(self, job: Job) -> Job | Missing:
        """Return the job with its inputs in place and its real key, or what it still waits for."""
        found = {wanted: self._images(wanted) for wanted in job.waits_for}
        if missing := [why for why in found.values() if isinstance(why, str)]:
            return Missing(f"waits for {', '.join(missing)}")
        there = {name: images for name, images in found.items() if not isinstance(images, str)}
        if job.approved_inputs and (unapproved := _unapproved(job, there)):
            return unapproved
        try:
            real = manifest.resolve(job, {name: [one.file for one in images] for name, images in there.items()})
        except LookupError:
            return Missing(f"takes an image that {', '.join(job.waits_for)} does not draw")
        self.see(real)
        return real

    def comes(self, job: Job) -> None:
        """Take note that the images of a job are to come."""
        if job.id in self._taken:
            self._coming.add(job.id)

    def hold(self, job: Job, code: ReasonCode) -> None:
        """Take note of why a job waits, if it does: those that take its images wait too."""
        if code and job.id in self._taken:
            self._held[job.id] = code

    def held(self, job: Job) -> ReasonCode:
        """Return why the jobs wait whose images this one takes and that are not there; nothing where none does."""
        codes = (
            self._held[name] for name in job.waits_for if name in self._held and isinstance(self._images(name), str)
        )
        return next(codes, ReasonCode.NONE)

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

    def _images(self, name: str) -> tuple["Taken", ...] | str:
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
            image = FileImage(str(file), slot.sha256 or "", slot.bytes, slot.width, slot.height)
            images.append(Taken(image, slot.review))
        return tuple(images)


def _unapproved(job: Job, there: Mapping[str, Sequence[Taken]]) -> Missing | None:
    """Say which of the images that a job takes nobody has approved; None when somebody approved all of them."""
    inputs = (*job.request.images, job.request.mask)
    said = [
        (image.job_id, taken.review)
        for image in inputs
        if isinstance(image, JobImage)
        for slot, taken in enumerate(there[image.job_id])
        if image.slot in {None, slot} and taken.review is not Review.APPROVED
    ]
    names = tuple(dict.fromkeys(name for name, _ in said))
    rejected = tuple(dict.fromkeys(name for name, review in said if review is Review.REJECTED))
    if rejected:
        return Missing(f"waits: {', '.join(rejected)} was rejected; run --rejected draws it again", rejected)
    return Missing(until_approved(names), names) if names else None


def until_approved(names: Sequence[str]) -> str:
    """Say until when a job waits."""
    return f"waits until somebody approves {', '.join(names)}"


def in_order(jobs: Iterable[Job]) -> Iterator[Job]:
    """Chained jobs so that each comes after those whose images it takes."""
    by_id: Mapping[str, Job] = {job.id: job for job in jobs}
    for name in TopologicalSorter({job.id: job.waits_for for job in by_id.values()}).static_order():
        if name in by_id:
            yield by_id[name]
