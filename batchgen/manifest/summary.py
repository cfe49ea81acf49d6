"""One pass over a whole manifest: counts, each row's problem, ids and paths that clash, chains that cannot be drawn."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from batchgen.errors import InputError, Place, Problem, Severity, by_place
from batchgen.manifest.chains import chain_problems
from batchgen.manifest.digest_set import Seen, digest_of
from batchgen.manifest.expand import expand
from batchgen.manifest.load import Manifest
from batchgen.manifest.names import NAMES, shown
from batchgen.manifest.paths import folded
from batchgen.manifest.rendered_row import DECIDE_PATH, InvalidRow
from batchgen.manifest.rows.table import SkipKind, Skipped, in_lines
from batchgen.manifest.stages import meant
from batchgen.manifest.templates import TemplateError
from batchgen.model import Job
from batchgen.text import counted

MOST = InputError.most
MOST_JOBS = 10_000_000
"""Jobs of one manifest, unless it allows more; ten million take minutes to read."""
MOST_LISTED = 1000
"""Rows left out that are listed one by one; all are counted."""
MOST_CLASHES = 10_000
"""Clashing ids and paths that are looked up again; a manifest with more has one mistake in its templates."""


@dataclass(frozen=True, slots=True)
class ManifestSummary:
    """What a manifest holds: rows = planned + skipped + rejected, counted after rows were combined with lists.

    `images` are wanted of the planned jobs. `problems` and `warnings` hold the first 50 found of each, by place; `more`
    counts the rest of the problems. `taken` are the ids of jobs whose images other jobs take. It is not `whole` where
    something wrong hides which ids there are. `left_out` are the first of the rows that were skipped, `tags` columns
    that set nothing and are carried into the report.
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
    left_out: tuple[Skipped, ...] = ()
    tags: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """What became of the rows that were read."""
        return {"rows": self.rows, "planned": self.planned, "skipped": self.skipped, "rejected": self.rejected}


_ID = frozenset({"id", NAMES})
_TAKEN = frozenset({"images", "mask", NAMES})
"""Words without which it is not known what a job is called, and which images it takes of others."""

Inspect = Callable[[Job, frozenset[str]], Iterable[Problem]]
"""Gives what others find wrong with a job, as far as it does not hang on the words that the job lacks."""


def nothing(_job: Job, _lacking: frozenset[str]) -> Iterable[Problem]:
    """Find nothing wrong with a job."""
    return ()


def check(manifest: Manifest, inspect: Inspect = nothing) -> ManifestSummary:
    """Read a whole manifest once, with flat memory; `inspect` adds what others find wrong with a job.

    A second pass is made only when two jobs clash, to name both places.
    """
    tally = _Tally(whole=manifest.whole, tags=manifest.tags)
    for problem in (*manifest.errors, *manifest.warnings):
        tally.note(problem)
    most = max(MOST_JOBS, manifest.settings.limits.max_images or 0)
    if (known := sum(source.least() for source in manifest.sources)) > most:
        raise InputError(*(manifest.errors or [_too_many(f"{known:,}", known, manifest)]))
    for item in expand(manifest):
        if isinstance(item, Problem) and item.severity is Severity.WARNING:
            tally.note(item)
            continue
        tally.rows += 1
        if tally.rows > most:
            raise InputError(*(manifest.errors or [_too_many(f"more than {most:,}", 10 * most, manifest)]))
        if isinstance(item, Skipped):
            tally.skip(item)
        elif isinstance(item, InvalidRow | Problem):
            tally.reject(item, inspect)
        elif tally.look(item, frozenset(), inspect):
            tally.rejected += 1
        else:
            tally.planned += 1
            tally.images += item.n
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
        yield Problem(f"no image is wanted: {why}", Place(str(manifest.path)), Severity.WARNING)


@dataclass(slots=True)
class _Tally:
    """What one pass remembers: counts, sixteen bytes of each image, and the chained jobs."""

    whole: bool
    tags: tuple[str, ...] = ()
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
    left_out: list[Skipped] = field(default_factory=list)
    empty: dict[str, list[int]] = field(default_factory=dict)
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

    def skip(self, item: Skipped) -> None:
        """Count what makes no job, and keep the first of it."""
        self.skipped += 1
        if len(self.left_out) < MOST_LISTED:
            self.left_out.append(item)
        if item.kind is SkipKind.EMPTY and item.place:
            self.empty.setdefault(item.place.file, []).append(item.place.line)

    def reject(self, item: InvalidRow | Problem, inspect: Inspect) -> None:
        """Count what cannot be a job; of the rest of it, everything is told that does not follow from what is wrong."""
        self.rejected += 1
        for problem in item.problems if isinstance(item, InvalidRow) else (item,):
            self.note(problem)
        if isinstance(item, InvalidRow) and item.job:
            self.look(item.job, item.lacking, inspect)
        else:
            self.whole = False

    def look(self, job: Job, lacking: frozenset[str], inspect: Inspect) -> bool:
        """Note what is wrong or doubtful with a job and does not hang on what it lacks; whether it is wrong."""
        wrong = False
        try:
            for problem in inspect(job, lacking):
                wrong |= problem.severity is Severity.ERROR
                self.note(problem)
            self._remember(job, lacking)
        except TemplateError as error:
            wrong = True
            self.note(Problem(f"`output.path` {error}", job.place))
        return wrong

    def _remember(self, job: Job, lacking: frozenset[str]) -> None:
        if _has_its_id(job, lacking):
            self._meet(self.ids, job.id)
            if (alike := plain_id(job.id)) != job.id:
                self._meet(self.ids, alike)
        else:
            self.whole = False
        if job.waits_for and not lacking & _TAKEN:
            self.chained[job.id] = job
        if not lacking & DECIDE_PATH:
            for path in _paths(job):
                self._meet(self.paths, path)

    def _meet(self, met: Seen, text: str) -> None:
        if not met.add(digest := digest_of(text)) and len(self.clashing) < MOST_CLASHES:
            self.clashing.add(digest)

    def census(self) -> ManifestSummary:
        for file, lines in self.empty.items():
            rows = counted(len(lines), "row has no cell with content and is", "rows have no cell with content and are")
            message = f"{rows} skipped: {in_lines(lines)}"
            self.note(Problem(message, Place(file, lines[0]), Severity.WARNING))
        return ManifestSummary(
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
            tuple(self.left_out),
            self.tags,
        )


def _paths(job: Job) -> Iterator[str]:
    """Give the paths of a job's images as a file system that ignores case sees them."""
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
    told: list[tuple[Place | None, str]] = [(None, "")]  # the last file; of a preview, it is told of its job too
    for item in expand(manifest):
        job, lacking = _made(item)
        if not job:
            continue
        if _has_its_id(job, lacking) and {digest_of(job.id), digest_of(plain_id(job.id))} & tally.clashing:
            other = ids.setdefault(plain_id(job.id), job)
            if other.id != job.id:
                message = (
                    f"the ids {shown(other.id)} and {shown(job.id)} differ in blanks only, and both would be paid; the "
                    f'other is at {other.place}: write one, or cut blanks off with id: "{{{{ ... | trim }}}}"'
                )
                yield Problem(message, job.place)
                continue
            if other.key != job.key:  # without what is wrong with them, two may be the same
                name = meant(job.id, job, other)
                yield Problem(f"two different jobs have the id {shown(name)}; one is at {other.place}", job.place)
                continue  # one id mostly means one path, which need not be said again
        if not lacking & DECIDE_PATH:
            yield from _shared_file(job, tally, files, told)


def plain_id(name: str) -> str:
    """An id without blanks at its ends, and with single ones inside: two that differ in no more are meant as one."""
    return " ".join(name.split()) if " " in name else name


def _made(item: Job | InvalidRow | Problem | Skipped) -> tuple[Job | None, frozenset[str]]:
    """The job, or what can be made of one that is wrong, and what it lacks."""
    if isinstance(item, InvalidRow):
        return item.job, item.lacking
    return (item if isinstance(item, Job) else None), frozenset()


def _has_its_id(job: Job, lacking: frozenset[str]) -> bool:
    """Whether the id is what was meant; one that is made of the key hangs on everything."""
    return not lacking & _ID if job.explicit_id else lacking <= {"output"}


def _shared_file(
    job: Job, tally: _Tally, files: dict[str, Job], told: list[tuple[Place | None, str]]
) -> Iterator[Problem]:
    try:
        shared = [path for path in _paths(job) if digest_of(path) in tally.clashing]
    except TemplateError:
        return
    for path in shared:
        other = files.setdefault(path, job)
        if other.key != job.key:
            taken_by, file = meant(other.id, job, other), meant(path, job, other)
            message = f"would write the same file as job {shown(taken_by)} at {other.place}: {shown(file, 120)}"
            if told[0] != (job.place, file):
                yield Problem(message, job.place)
            told[0] = (job.place, file)
            return
