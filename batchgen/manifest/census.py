"""One pass over a whole manifest: counts, each row's problem, ids and paths that clash, chains that cannot be drawn."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from batchgen.errors import InputError, Place, Problem, Severity, by_place
from batchgen.manifest.chains import chain_problems
from batchgen.manifest.draft import Skipped, Wrong
from batchgen.manifest.expand import expand
from batchgen.manifest.load import Manifest
from batchgen.manifest.paths import folded
from batchgen.manifest.seen import Seen, digest_of
from batchgen.manifest.template import TemplateError
from batchgen.manifest.words import shown
from batchgen.model import Job

MOST = InputError.most
MOST_JOBS = 10_000_000
"""Jobs of one manifest, unless it allows more; ten million take minutes to read."""
MOST_CLASHES = 10_000
"""Clashing ids and paths that are looked up again; a manifest with more has one mistake in its templates."""


@dataclass(frozen=True, slots=True)
class Census:
    """What a manifest holds: rows = planned + skipped + rejected, counted after rows were combined with lists.

    `images` are wanted of the planned jobs. `problems` and `warnings` hold the first 50 found of each, by place; `more`
    counts the rest of the problems. `taken` are the ids of jobs whose pictures other jobs take. It is not `whole` where
    something wrong kept a row or an entry of `jobs` from becoming jobs.
    """

    rows: int
    planned: int
    skipped: int
    rejected: int
    images: int
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    more: int = 0
    taken: frozenset[str] = frozenset()
    whole: bool = True

    @property
    def counts(self) -> dict[str, int]:
        """What became of the rows that were read."""
        return {"rows": self.rows, "planned": self.planned, "skipped": self.skipped, "rejected": self.rejected}


Inspect = Callable[[Job, frozenset[str]], Iterable[Problem]]
"""Gives what others find wrong with a job, as far as it does not hang on the words that the job lacks."""


def nothing(_job: Job, _lacking: frozenset[str]) -> Iterable[Problem]:
    """Find nothing wrong with a job."""
    return ()


def check(manifest: Manifest, inspect: Inspect = nothing) -> Census:
    """Read a whole manifest once, with flat memory; `inspect` adds what others find wrong with a job.

    A second pass is made only when two jobs clash, to name both places.
    """
    tally = _Tally(whole=manifest.whole)
    for problem in (*manifest.errors, *manifest.warnings):
        tally.note(problem)
    most = max(MOST_JOBS, manifest.settings.limits.max_images or 0)
    if (known := sum(source.least() for source in manifest.sources)) > most:
        raise InputError(*(manifest.errors or [_too_many(f"{known:,}", known, manifest)]))
    for item in expand(manifest):
        tally.rows += 1
        if tally.rows > most:
            raise InputError(*(manifest.errors or [_too_many(f"more than {most:,}", 10 * most, manifest)]))
        if isinstance(item, Skipped):
            tally.skipped += 1
        elif isinstance(item, Wrong | Problem):
            tally.reject(item, inspect)
        else:
            tally.take(item, inspect)
    chains = chain_problems(manifest, tally.chained, lambda name: digest_of(name) in tally.ids, whole=tally.whole)
    for problem in (*_clashes(manifest, tally), *chains, *_nothing_wanted(manifest, tally)):
        tally.note(problem)
    return tally.census()


def _too_many(count: str, enough: int, manifest: Manifest) -> Problem:
    """Refuse what is most often a matrix too many, before hours are spent on reading it."""
    fix = f"if that is meant, allow it with limits: {{max_images: {enough}}}"
    return Problem(f"the rows and lists combine to {count} jobs; {fix}", Place(str(manifest.path)))


def _nothing_wanted(manifest: Manifest, tally: "_Tally") -> Iterator[Problem]:
    """Doubt a manifest without a job, as when an export came out empty."""
    if tally.whole and not tally.planned and not tally.rejected:
        why = f"every row is left out ({tally.skipped:,})" if tally.rows else "there is no row below the header"
        yield Problem(f"no picture is wanted: {why}", Place(str(manifest.path)), Severity.WARNING)


@dataclass(slots=True)
class _Tally:
    """What one pass remembers: counts, sixteen bytes of each picture, and the chained jobs."""

    whole: bool
    rows: int = 0
    planned: int = 0
    skipped: int = 0
    rejected: int = 0
    images: int = 0
    more: int = 0
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    ids: Seen = field(default_factory=Seen)
    paths: Seen = field(default_factory=Seen)
    clashing: set[int] = field(default_factory=set)
    chained: dict[str, Job] = field(default_factory=dict)

    def note(self, problem: Problem) -> None:
        """Keep a problem; what stands in one place of the manifest is said once, however many rows meet it."""
        if problem in self.problems:
            return
        if problem.severity is Severity.WARNING:
            if len(self.warnings) < MOST:
                self.warnings.append(problem)
        elif len(self.problems) < MOST:
            self.problems.append(problem)
        else:
            self.more += 1

    def reject(self, item: Wrong | Problem, inspect: Inspect) -> None:
        """Count what cannot be a job; of the rest of it, everything is told that does not follow from what is wrong."""
        self.rejected += 1
        self.whole = False
        if isinstance(item, Problem):
            self.note(item)
            return
        seen = inspect(item.job, item.lacking) if item.job else ()
        for problem in (*item.problems, *seen):
            if problem.severity is Severity.ERROR:
                self.note(problem)
        if job := _known_by_id(item):
            self._meet(self.ids, job.id)

    def take(self, job: Job, inspect: Inspect) -> None:
        wrong = False
        try:
            for problem in inspect(job, frozenset()):
                wrong |= problem.severity is Severity.ERROR
                self.note(problem)
            self._remember(job)
        except TemplateError as error:
            wrong = True
            self.note(Problem(f"`output.path` {error}", job.place))
        if wrong:
            self.rejected += 1
        else:
            self.planned += 1
            self.images += job.n

    def _remember(self, job: Job) -> None:
        self._meet(self.ids, job.id)
        for path in _paths(job):
            self._meet(self.paths, path)
        if job.waits_for:
            self.chained[job.id] = job

    def _meet(self, met: Seen, text: str) -> None:
        if not met.add(digest := digest_of(text)) and len(self.clashing) < MOST_CLASHES:
            self.clashing.add(digest)

    def census(self) -> Census:
        return Census(
            self.rows,
            self.planned,
            self.skipped,
            self.rejected,
            self.images,
            tuple(sorted(self.problems, key=by_place)),
            tuple(sorted(self.warnings, key=by_place)),
            self.more,
            frozenset(taken for job in self.chained.values() for taken in job.waits_for),
            self.whole,
        )


def _paths(job: Job) -> Iterator[str]:
    """Give the paths of a job's pictures as a file system that ignores case sees them."""
    ext = job.request.param("output_format") or "png"
    for slot in range(job.n):
        yield folded(_writable(job.path(slot, ext)))


def _writable(path: str) -> str:
    """Give the path back; raises `TemplateError` when this locale has no bytes for it, as outside UTF-8."""
    try:
        os.fsencode(path)
    except UnicodeEncodeError as error:
        unfit = error.object[error.start : error.end]
        raise TemplateError(
            f"gives {shown(path, 120)}, and this locale ({error.encoding}) cannot write {shown(unfit, 20)} in a "
            "file name: set LC_ALL=C.UTF-8 or PYTHONUTF8=1"
        ) from None
    return path


def _clashes(manifest: Manifest, tally: _Tally) -> Iterator[Problem]:
    """Name both places of every id and path that two jobs share."""
    if not tally.clashing:
        return
    ids: dict[str, Job] = {}
    files: dict[str, Job] = {}
    for item in expand(manifest):
        job = _known_by_id(item)
        if job and digest_of(job.id) in tally.clashing:
            other = ids.setdefault(job.id, job)
            if other.key != job.key:  # without what is wrong with them, two may be the same
                yield Problem(f"two different jobs have the id {shown(job.id)}; one is at {other.place}", job.place)
                continue  # one id mostly means one path, which need not be said again
        if isinstance(item, Job):
            yield from _shared_file(item, tally, files)


def _known_by_id(item: Job | Wrong | Problem | Skipped) -> Job | None:
    """The job, or what can be made of one that is wrong, if its id is what was meant."""
    if isinstance(item, Wrong):
        return item.job if item.job and item.job.explicit_id and "id" not in item.lacking else None
    return item if isinstance(item, Job) else None


def _shared_file(job: Job, tally: _Tally, files: dict[str, Job]) -> Iterator[Problem]:
    try:
        shared = [path for path in _paths(job) if digest_of(path) in tally.clashing]
    except TemplateError:
        return
    for path in shared:
        other = files.setdefault(path, job)
        if other is not job:
            message = f"would write the same file as job {shown(other.id)} at {other.place}: {shown(path, 120)}"
            yield Problem(message, job.place)
            return
