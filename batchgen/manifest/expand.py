"""A manifest as a lazy stream: jobs, rows that cannot be jobs, and rows that make none."""

from collections.abc import Iterator
from dataclasses import replace

from batchgen.errors import Problem
from batchgen.manifest.digest_set import Seen
from batchgen.manifest.load import Manifest
from batchgen.manifest.rendered_row import InvalidRow, RenderedRow, build
from batchgen.manifest.rows.table import SkipKind, Skipped
from batchgen.model import Job


def expand(manifest: Manifest) -> Iterator[Job | InvalidRow | Problem | Skipped]:
    """Give the jobs of a manifest in the order of its file; the same job twice is one job. A warning is no row.

    Lazy and flat: a row is read when it is asked for, and eight bytes of it are remembered.
    """
    seen = Seen()
    for source in manifest.sources:
        for draft in source.drafts():
            if not isinstance(draft, RenderedRow):
                yield draft
                continue
            for job in _jobs(draft, manifest):
                if isinstance(job, Job) and not seen.add(int(job.key[:16], 16)):
                    yield Skipped(f"the same as an earlier job {job.id}", job.place, SkipKind.SAME)
                else:
                    yield job


def _jobs(draft: RenderedRow, manifest: Manifest) -> Iterator[Job | InvalidRow]:
    """Give the job of a row; with stages its preview first, then the job itself. What both have wrong is said once."""
    if not manifest.stages:
        yield build(draft, manifest.inputs, manifest.output, manifest.shop)
        return
    preview: str | None = None
    told: tuple[Problem, ...] = ()
    for stage in manifest.stages:
        made = build(stage.draft(draft), manifest.inputs, manifest.output, manifest.shop)
        job = made.job if isinstance(made, InvalidRow) else made
        staged = stage.job(job, preview) if job else None
        preview = staged.id if staged else None
        if isinstance(made, InvalidRow):
            yield replace(made, job=staged, problems=tuple(each for each in made.problems if each not in told))
            told += made.problems
        elif staged:
            yield staged
