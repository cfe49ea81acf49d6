"""A manifest as a lazy stream: jobs, rows that cannot be jobs, and rows that make none."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from batchgen.errors import Problem
from batchgen.manifest.digest_set import Seen
from batchgen.manifest.load import Manifest
from batchgen.manifest.rendered_row import Builder, InvalidRow, RenderedRow
from batchgen.manifest.rows.table import SkipKind, Skipped
from batchgen.manifest.stages import Stage
from batchgen.model import Job


def expand(manifest: Manifest) -> Iterator[Job | InvalidRow | Problem | Skipped]:
    """Give the jobs of a manifest in the order of its file; the same job twice is one job. A warning is no row.

    Lazy and flat: a row is read when it is asked for, and eight bytes of it are remembered.
    """
    seen, builder = Seen(), Builder(manifest.inputs, manifest.output, manifest.shop)
    for source in manifest.sources:
        for draft in source.drafts():
            if not isinstance(draft, RenderedRow):
                yield draft
                continue
            for job in _staged(draft, manifest.stages, builder) if manifest.stages else (builder.build(draft),):
                if isinstance(job, Job) and not seen.add(int(job.key[:16], 16)):
                    yield Skipped(f"the same as an earlier job {job.id}", job.place, SkipKind.SAME)
                else:
                    yield job


def _staged(draft: RenderedRow, stages: Sequence[Stage], builder: Builder) -> Iterator[Job | InvalidRow]:
    """Give the preview of a row first, then the job itself. What both have wrong is said once."""
    preview: str | None = None
    told: tuple[Problem, ...] = ()
    for stage in stages:
        made = builder.build(stage.draft(draft))
        job = made.job if isinstance(made, InvalidRow) else made
        staged = stage.job(job, preview) if job else None
        preview = staged.id if staged else None
        if isinstance(made, InvalidRow):
            yield replace(made, job=staged, problems=tuple(each for each in made.problems if each not in told))
            told += made.problems
        elif staged:
            yield staged
