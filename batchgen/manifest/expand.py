"""A manifest as a lazy stream: jobs, rows that cannot be jobs, and rows that make none."""

from collections.abc import Iterator

from batchgen.errors import Problem
from batchgen.manifest.draft import Draft, Skipped, build
from batchgen.manifest.load import Manifest
from batchgen.manifest.seen import Seen
from batchgen.model import Job


def expand(manifest: Manifest) -> Iterator[Job | Problem | Skipped]:
    """Give the jobs of a manifest in the order of its file; the same job twice is one job.

    Lazy and flat: a row is read when it is asked for, and eight bytes of it are remembered.
    """
    seen = Seen()
    for source in manifest.sources:
        for draft in source.drafts():
            if not isinstance(draft, Draft):
                yield draft
                continue
            for job in _jobs(draft, manifest):
                if isinstance(job, Job) and not seen.add(int(job.key[:16], 16)):
                    yield Skipped(f"the same as an earlier job {job.id}", job.place)
                else:
                    yield job


def _jobs(draft: Draft, manifest: Manifest) -> Iterator[Job | Problem]:
    """The job of a row; with stages its preview first, then the job itself, unless something is wrong with the row."""
    if not manifest.stages:
        yield build(draft, manifest.inputs, manifest.output, manifest.shop)
        return
    preview: str | None = None
    for stage in manifest.stages:
        job = build(stage.draft(draft), manifest.inputs, manifest.output, manifest.shop)
        if isinstance(job, Problem):
            yield job
            return
        staged = stage.job(job, preview)
        preview = staged.id
        yield staged
