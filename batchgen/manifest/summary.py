"""One pass over a whole manifest: counts, each row's problem, ids and paths that clash, chains that cannot be drawn."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from batchgen.errors import InputError, Place, Problem, Severity, by_place
from batchgen.manifest.chains import GIF, SVG, advanced, chain_problems
from batchgen.manifest.clashes import clashes, file_stems, has_its_id, made, plain_id
from batchgen.manifest.digest_set import Seen, digest_of
from batchgen.manifest.expand import expand
from batchgen.manifest.homes import WHOLE, Part, homes
from batchgen.manifest.load import Manifest
from batchgen.manifest.names import NAMES
from batchgen.manifest.rendered_row import DECIDE_PATH, InvalidRow
from batchgen.manifest.rows.table import SkipKind, Skipped, Unreadable, in_lines
from batchgen.manifest.template_text import TemplateError
from batchgen.model import BadRows, Job
from batchgen.text import counted

MOST = InputError.most
MOST_JOBS = 10_000_000
"""Jobs of one manifest, unless it allows more; ten million take minutes to read."""
MOST_LISTED = 1000
"""Rows left out that are listed one by one; all are counted."""
MOST_BAD = 100_000
"""Bad rows that are left out; a manifest with more has one mistake in its templates."""
MOST_TOLD = 10
"""Bad rows that are told one by one; a run lists all."""
MOST_CLASHES = 10_000
"""Clashing ids and paths that are looked up again; a manifest with more has one mistake in its templates."""


@dataclass(slots=True)
class ManifestSummary:
    """What a manifest holds: rows = planned + skipped + rejected, counted after rows were combined with lists.

    `images` are wanted of the planned jobs. `problems` and `warnings` hold the first 50 found of each, by place; `more`
    counts the rest of the problems. `taken` are the ids of jobs whose images other jobs take. It is not `whole` where
    something wrong hides which ids there are. `left_out` are the first of the rows that were skipped, `tags` columns
    that set nothing and are carried into the report. `bad` are rows left out for what is wrong with them, `refused` the
    keys of those that make jobs. Jobs are `ranked` where any of them has a priority; `advanced` are the priorities of
    jobs, by id, that they have of those that take their images. `homes` tell which jobs stay together.
    """

    rows: int = 0
    planned: int = 0
    skipped: int = 0
    rejected: int = 0
    images: int = 0
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    more: int = 0
    taken: frozenset[str] = frozenset()
    whole: bool = True
    left_out: list[Skipped] = field(default_factory=list)
    tags: tuple[str, ...] = ()
    bad: list[Skipped] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    ranked: bool = False
    advanced: Mapping[str, float] = field(default_factory=dict)
    homes: Mapping[str, str] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        """What became of the rows that were read."""
        return {"rows": self.rows, "planned": self.planned, "skipped": self.skipped, "rejected": self.rejected}


_TAKEN = frozenset({"images", "mask", NAMES})
"""Words without which it is not known which images a job takes of others."""

Inspect = Callable[[Job, frozenset[str]], Iterable[Problem]]
"""Gives what others find wrong with a job, as far as it does not hang on the words that the job lacks."""


def nothing(_job: Job, _lacking: frozenset[str]) -> Iterable[Problem]:
    """Find nothing wrong with a job."""
    return ()


def check(
    manifest: Manifest, inspect: Inspect = nothing, bad_rows: BadRows = BadRows.FAIL, part: Part = WHOLE
) -> ManifestSummary:
    """Read a whole manifest once, with flat memory; `inspect` adds what others find wrong with a job.

    A second pass is made only when two jobs clash, to name both places. With `bad_rows` skipped, what is wrong with
    single rows is no problem of the manifest, unless it is wrong with all of them. Everything is looked at; what is
    counted is of the `part` that the command is about.
    """
    found = ManifestSummary(whole=manifest.whole, tags=manifest.tags)
    tally = _Tally(found, inspect, skips=bad_rows is BadRows.SKIP, part=part)
    for problem in (*manifest.errors, *manifest.warnings):
        tally.note(problem)
    most = max(MOST_JOBS, manifest.settings.limits.max_images or 0)
    if (known := sum(source.least() for source in manifest.sources)) > most:
        raise InputError(*(manifest.errors or [_too_many(f"{known:,}", known, manifest)]))
    for item in expand(manifest):
        tally.read(item)
        if found.rows + tally.others > most:
            raise InputError(*(manifest.errors or [_too_many(f"more than {most:,}", 10 * most, manifest)]))
    for problem, job in clashes(manifest, tally.clashing, found.refused if tally.skips else None):
        tally.refuse(job, [problem]) if tally.skips else tally.note(problem)
    chains = chain_problems(
        manifest, tally.chained, lambda name: digest_of(name) in tally.ids, tally.unsent, whole=found.whole
    )
    for problem in (*chains, *_nothing_wanted(manifest, tally)):
        tally.note(problem)
    for problem in list(_left_out(tally)):
        tally.note(problem)
    return tally.summary()


def _too_many(count: str, enough: int, manifest: Manifest) -> Problem:
    """Refuse what is most often a matrix too many, before hours are spent on reading it."""
    fix = f"if that is meant, allow it with limits: {{max_images: {enough}}}"
    return Problem(f"the rows and lists combine to {count} jobs; {fix}", Place(str(manifest.path)))


def _nothing_wanted(manifest: Manifest, tally: "_Tally") -> Iterator[Problem]:
    """Doubt a manifest without a job, as when an export came out empty."""
    found = tally.found
    if found.whole and not found.planned and not found.rejected and not tally.others:
        why = f"every row is left out ({found.skipped:,})" if found.rows else "there is no row"
        yield Problem(f"no image is wanted: {why}", Place(str(manifest.path)), Severity.WARNING)


def _left_out(tally: "_Tally") -> Iterator[Problem]:
    """Tell the rows that are left out; they are errors where there are no others and nothing else is wrong."""
    bad = tally.found.bad
    if bad and not tally.good and not tally.problems:
        yield from (Problem(row.why, row.place) for row in bad[:MOST])
        return
    yield from (Problem(f"left out: {row.why}", row.place, Severity.WARNING) for row in bad[:MOST_TOLD])
    if len(bad) > MOST_TOLD:
        more = f"{len(bad) - MOST_TOLD:,} more rows are left out for what is wrong with them"
        yield Problem(more, None, Severity.WARNING)


@dataclass(slots=True)
class _Tally:
    """What one pass finds, and remembers for that: sixteen bytes of each image, and the chained jobs.

    `others` counts rows that are no part of what the command is about, `good` the jobs of all parts.
    """

    found: ManifestSummary
    inspect: Inspect
    skips: bool
    part: Part
    others: int = 0
    good: int = 0
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    ids: Seen = field(default_factory=Seen)
    paths: Seen = field(default_factory=Seen)
    empty: dict[str, list[int]] = field(default_factory=dict)
    clashing: set[int] = field(default_factory=set)
    chained: dict[str, Job] = field(default_factory=dict)
    unsent: dict[str, str] = field(default_factory=dict)

    def note(self, problem: Problem) -> None:
        """Keep a problem; what stands in one place of the manifest is said once, however many rows meet it."""
        if problem in self.problems or problem in self.warnings:
            return
        if problem.severity is Severity.WARNING:
            if len(self.warnings) < MOST:
                self.warnings.append(problem)
        elif len(self.problems) < MOST:
            self.problems.append(problem)
        else:
            self.found.more += 1

    def read(self, item: Job | InvalidRow | Problem | Skipped) -> None:
        """Count a row for what became of it; a warning is no row."""
        if isinstance(item, Problem) and item.severity is Severity.WARNING:
            self.note(item)
            return
        job, lacking = made(item)
        mine = self.part.has(job)
        self.found.rows += mine
        self.others += not mine
        if isinstance(item, Skipped):
            self.skip(item)
        else:
            self.take(item, job, lacking, mine=mine)

    def skip(self, item: Skipped) -> None:
        """Count what makes no job, and keep the first of it."""
        if not self.part.has(None):
            return
        self.found.skipped += 1
        if len(self.found.left_out) < MOST_LISTED:
            self.found.left_out.append(item)
        if item.kind is SkipKind.EMPTY and item.place:
            self.empty.setdefault(item.place.file, []).append(item.place.line)

    def take(self, item: Job | InvalidRow | Problem, job: Job | None, lacking: frozenset[str], *, mine: bool) -> None:
        """Count a row, with everything that is wrong with it and does not follow from something else."""
        wrong = self._wrong_with(item, job, lacking)
        leaves = self.skips and not isinstance(item, Unreadable)
        if job is None:
            self.found.whole = False
        elif not (wrong and leaves):
            try:
                self._remember(job, lacking)
            except TemplateError as error:
                wrong.append(Problem(f"`output.path` {error}", job.place))
        if isinstance(item, Job) and not wrong:
            self.good += 1
            self.found.planned += mine
            self.found.images += item.n * mine
            self.found.ranked |= item.priority != 0
        elif leaves:
            self.refuse(item if isinstance(item, Job) else None, wrong, counted=False, mine=mine)
        else:
            self.found.rejected += mine
            for problem in wrong:
                self.note(problem)

    def _wrong_with(self, item: Job | InvalidRow | Problem, job: Job | None, lacking: frozenset[str]) -> list[Problem]:
        """Give everything that is wrong with a row; what is only doubtful is noted."""
        if isinstance(item, Problem):
            return [item]
        wrong = list(item.problems) if isinstance(item, InvalidRow) else []
        for problem in self.inspect(job, lacking) if job else ():
            if problem.severity is Severity.ERROR:
                wrong.append(problem)
            else:
                self.note(problem)
        return wrong

    def refuse(
        self, job: Job | None, problems: Sequence[Problem], *, counted: bool = True, mine: bool | None = None
    ) -> None:
        """Leave a row out for what is wrong with it; a job that was `counted` is taken back."""
        if job is not None:
            self.found.refused.add(job.key)
        mine = self.part.has(job) if mine is None else mine
        if job is not None and counted:
            self.good -= 1
            self.found.planned -= mine
            self.found.images -= job.n * mine
            self.chained.pop(job.id, None)
        self.found.whole = False
        if not mine:
            return
        self.found.rejected += 1
        if not problems:  # what is wrong stands in the manifest, and is told there
            return
        why = "; ".join(problem.message for problem in problems)
        row = Skipped(why, problems[0].place, SkipKind.BAD)
        self.found.bad.append(row)
        if len(self.found.left_out) < MOST_LISTED:
            self.found.left_out.append(row)
        if len(self.found.bad) > MOST_BAD:
            raise InputError(Problem(f"more than {MOST_BAD:,} rows are bad; {why}", row.place))

    def _remember(self, job: Job, lacking: frozenset[str]) -> None:
        """Take note of what has to be told apart from that of other jobs."""
        if has_its_id(job, lacking):
            self._meet(self.ids, job.id)
            if " " in job.id and (alike := plain_id(job.id)) != job.id:
                self._meet(self.ids, alike)
        else:
            self.found.whole = False
        if SVG in job.request.params or GIF in job.request.params:
            self.unsent[job.id] = job.request.output_format
        if job.waits_for and not lacking & _TAKEN:
            self.chained[job.id] = job
        if DECIDE_PATH.isdisjoint(lacking):
            for path in file_stems(job):
                self._meet(self.paths, path)

    def _meet(self, met: Seen, text: str) -> None:
        if not met.add(digest := digest_of(text)) and len(self.clashing) < MOST_CLASHES:
            self.clashing.add(digest)

    def summary(self) -> ManifestSummary:
        found = self.found
        for file, lines in self.empty.items():
            rows = counted(len(lines), "row has no cell with content and is", "rows have no cell with content and are")
            message = f"{rows} skipped: {in_lines(lines)}"
            self.note(Problem(message, Place(file, lines[0]), Severity.WARNING))
        found.problems, found.warnings = (tuple(sorted(of, key=by_place)) for of in (self.problems, self.warnings))
        found.taken = frozenset(taken for job in self.chained.values() for taken in job.waits_for)
        found.advanced = advanced(self.chained) if found.ranked and not found.problems else {}
        found.homes = homes(self.chained.values())
        return found
