"""Jobs that would be one: two that share an id, or a file for their images."""

import os
from collections.abc import Container, Iterator
from collections.abc import Set as AbstractSet

from batchgen.errors import Place, Problem
from batchgen.manifest.digest_set import digest_of
from batchgen.manifest.expand import expand
from batchgen.manifest.load import Manifest
from batchgen.manifest.names import NAMES, shown
from batchgen.manifest.paths import folded
from batchgen.manifest.rendered_row import DECIDE_PATH, InvalidRow
from batchgen.manifest.rows.table import Skipped
from batchgen.manifest.stages import meant
from batchgen.manifest.template_text import TemplateError
from batchgen.model import Job

_ID = frozenset({"id", NAMES})
"""Words without which it is not known what a job is called."""


def clashes(
    manifest: Manifest, clashing: AbstractSet[int], left_out: Container[str] | None
) -> Iterator[tuple[Problem, Job]]:
    """Name both places of every id and path that two jobs share; `clashing` are the digests of these.

    `left_out` are the keys of jobs that are left out, as is every row that lacks something; None where no row is.
    """
    if not clashing:
        return
    ids: dict[str, Job] = {}
    files: dict[str, Job] = {}
    told: list[tuple[Place | None, str]] = [(None, "")]  # the last file; of a preview, it is told of its job too
    for item in expand(manifest):
        job, lacking = made(item)
        if not job or (left_out is not None and (lacking or job.key in left_out)):
            continue
        if has_its_id(job, lacking) and {digest_of(job.id), digest_of(plain_id(job.id))} & clashing:
            other = ids.setdefault(plain_id(job.id), job)
            if other.id != job.id:
                message = (
                    f"the ids {shown(other.id)} and {shown(job.id)} differ in blanks only, and both would be paid; the "
                    f'other is at {other.place}: write one, or cut blanks off with id: "{{{{ ... | trim }}}}"'
                )
                yield Problem(message, job.place), job
                continue
            if other.key != job.key:  # without what is wrong with them, two may be the same
                name = meant(job.id, job, other)
                message = f"two different jobs have the id {shown(name)}; one is at {other.place}"
                yield Problem(message, job.place), job
                continue  # one id mostly means one path, which need not be said again
        if not lacking & DECIDE_PATH:
            yield from _shared_file(job, clashing, files, told)


def _shared_file(
    job: Job, clashing: AbstractSet[int], files: dict[str, Job], told: list[tuple[Place | None, str]]
) -> Iterator[tuple[Problem, Job]]:
    try:
        shared = [path for path in file_stems(job) if digest_of(path) in clashing]
    except TemplateError:
        return
    for path in shared:
        other = files.setdefault(path, job)
        if other.key != job.key:
            taken_by, file = meant(other.id, job, other), meant(path, job, other)
            message = f"would write the same file as job {shown(taken_by)} at {other.place}: {shown(file, 120)}"
            if told[0] != (job.place, file):
                yield Problem(message, job.place), job
            told[0] = (job.place, file)
            return


def file_stems(job: Job) -> Iterator[str]:
    """Give the paths of a job's images as a file system that ignores case sees them, without their extensions.

    Providers answer in formats of their own choice, so that two paths which differ in nothing else may become one.
    """
    ext = job.request.param("output_format") or "png"
    for slot in range(job.n):
        stem = job.stems.stem(slot, ext)
        if not stem.isascii():
            _look_writable(f"{stem}.{ext}")
        yield folded(stem)


def _look_writable(path: str) -> None:
    """Raise `TemplateError` when this locale has no bytes for a path, as outside UTF-8."""
    try:
        os.fsencode(path)
    except UnicodeEncodeError as error:
        unfit = error.object[error.start : error.end]
        raise TemplateError(
            f"gives {shown(path, 120)}, and this locale ({error.encoding}) cannot write {shown(unfit, 20)} in a "
            "file name: set LC_ALL=C.UTF-8 or PYTHONUTF8=1"
        ) from None


def plain_id(name: str) -> str:
    """Give an id without blanks at its ends, and with single ones inside: two that differ in no more are one."""
    return " ".join(name.split())


def made(item: Job | InvalidRow | Problem | Skipped) -> tuple[Job | None, frozenset[str]]:
    """Return the job, or what can be made of one that is wrong, and what it lacks."""
    if isinstance(item, InvalidRow):
        return item.job, item.lacking
    return (item if isinstance(item, Job) else None), frozenset()


def has_its_id(job: Job, lacking: frozenset[str]) -> bool:
    """Whether the id is what was meant; one that is made of the key hangs on everything."""
    return _ID.isdisjoint(lacking) if job.explicit_id else lacking <= {"output"}
