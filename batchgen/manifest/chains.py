"""Jobs that take the images of other jobs: names that no job has, images that none draws, too many, and circles."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter

from batchgen.errors import InputError, Place, Problem
from batchgen.manifest.expand import expand
from batchgen.manifest.load import Manifest
from batchgen.manifest.names import shown
from batchgen.manifest.rendered_row import MAX_N
from batchgen.manifest.stages import meant
from batchgen.model import Job, JobImage

GIF, SVG = ("output_format", "gif"), ("output_format", "svg")
"""What a job says that draws one; neither can be sent along as it is."""
MOST_IMAGES = 16
"""What one edit takes; source: image guide."""


def chain_problems(
    manifest: Manifest,
    chained: Mapping[str, Job],
    is_job: Callable[[str], bool],
    unsent: Mapping[str, str],
    *,
    whole: bool,
) -> Iterator[Problem]:
    """Find what keeps chained jobs, by id, from ever being drawn. Expands once more where counts decide.

    `unsent` names the output format of the jobs, by id, that draw what no edit takes.

    Where jobs are missing (not `whole`), a name that none of the others has may be one of theirs.
    """
    counted = {image.job_id for job in chained.values() for image in _counted(job)}
    drawn = {job.id: job.n for job in expand(manifest) if isinstance(job, Job) and job.id in counted} if counted else {}
    for job in chained.values():
        for image in _taken(job):
            if not is_job(image.job_id):
                if whole:
                    yield Problem(f"`{_meant(image, job)}` names no job of this manifest", _place(job, image))
            elif why := _unsent(unsent.get(image.job_id, ""), manifest):
                yield Problem(f"`{_meant(image, job)}` {why}", _place(job, image))
            elif image.slot and image.slot >= drawn.get(image.job_id, MAX_N):
                n, named = drawn[image.job_id], _meant(image, job)
                message = f"`{named}` is beyond the {n} of job {shown(named.job_id)}; slots count from 0"
                yield Problem(message, _place(job, image))
        if (images := sum(_images(image, drawn) for image in job.request.images)) > MOST_IMAGES:
            yield Problem(f"takes {images} images; an edit takes at most {MOST_IMAGES}", job.place_of("images"))
    yield from _circles(chained)


def _unsent(kind: str, manifest: Manifest) -> str:
    """Why images of an output format cannot be sent along; empty when they can."""
    if kind == "svg":
        return "is an SVG, which no edit takes"
    converted = manifest.settings.prepare.format is not None
    return "is a GIF, which no edit takes: give prepare: {format: png}" if kind == "gif" and not converted else ""


def advanced(chained: Mapping[str, Job]) -> dict[str, float]:
    """Return the priorities that jobs have, by id, of the chained jobs that take their images, near or far."""
    least = {name: job.priority for name, job in chained.items()}
    order = TopologicalSorter({name: job.waits_for for name, job in chained.items()}).static_order()
    for name in reversed(tuple(order)):
        for taken in chained[name].waits_for if name in chained else ():
            least[taken] = max(least[name], least.get(taken, least[name]))
    return least


def _circles(chained: Mapping[str, Job]) -> Iterator[Problem]:
    """Find jobs that wait for each other; previews do where their jobs do."""
    waiting = {name: job.waits_for for name, job in chained.items() if not job.preview}
    for _ in range(InputError.most):
        try:
            TopologicalSorter(waiting).prepare()
        except CycleError as error:
            circle = error.args[1]
            yield Problem(f"these jobs wait for each other: {' -> '.join(circle)}", chained[circle[0]].place)
            for name in set(circle):
                del waiting[name]
        else:
            return


def _meant(image: JobImage, job: Job) -> JobImage:
    """Return an image as the manifest names it; a preview takes it of a preview."""
    return replace(image, job_id=meant(image.job_id, job))


def _place(job: Job, image: JobImage) -> Place | None:
    return job.place_of("images" if image in job.request.images else "mask")


def _taken(job: Job) -> Iterator[JobImage]:
    inputs = (*job.request.images, job.request.mask)
    return (image for image in inputs if isinstance(image, JobImage))


def _counted(job: Job) -> Iterator[JobImage]:
    """Give what cannot be judged without knowing how many images another job draws."""
    whole = sum(isinstance(image, JobImage) and image.slot is None for image in job.request.images)
    may_be_many = whole * MAX_N + len(job.request.images) - whole > MOST_IMAGES
    return (image for image in _taken(job) if image.slot or (may_be_many and image.slot is None))


def _images(image: object, drawn: Mapping[str, int]) -> int:
    return drawn.get(image.job_id, 1) if isinstance(image, JobImage) and image.slot is None else 1
