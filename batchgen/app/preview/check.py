"""`check`: everything that is wrong or doubtful in a manifest, before a cent is spent."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fnmatch import fnmatchcase
from typing import NamedTuple

from batchgen import catalog, manifest
from batchgen.app.config.lanes import LaneConfig
from batchgen.app.config.project import Project, wanted
from batchgen.app.notify import delivery
from batchgen.errors import InputError, Place, Problem, Severity
from batchgen.manifest import WHOLE, ManifestSummary, Part
from batchgen.model import BadRows, EngineChoice, Job, Model, ModerationCheck, OnCheck, Price, Provider, RouteChoice
from batchgen.money import exact
from batchgen.planner.fingerprint import Fingerprint
from batchgen.pricing import PriceList
from batchgen.providers import refusals
from batchgen.providers.batches import no_line
from batchgen.providers.dialects import dialect
from batchgen.providers.rules import comes_whole
from batchgen.runtime.memo import kept

MOST = InputError.most
MOST_IMAGES = 10_000
"""Images of one run, unless its manifest or command states how many; a slip in a matrix is soon more."""

DECIDE = frozenset({"provider", "model", "operation", "images", "mask", "output_format"})
"""What decides whether everything else of a job is taken; of a job that lacks one of them, nothing can be said."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Every problem found, errors before warnings, at most 50; what the manifest holds.

    `more` counts the errors beyond those.
    """

    problems: tuple[Problem, ...]
    manifest_summary: ManifestSummary
    more: int = 0

    @property
    def errors(self) -> tuple[Problem, ...]:
        """What must be fixed first."""
        return tuple(p for p in self.problems if p.severity is Severity.ERROR)


class Examiner:
    """Looks at each job as it streams by: what the model, the provider and the price list say to it.

    `unmet` are patterns of ids that no job matched so far.
    """

    def __init__(self, project: Project, unmet: set[str], asked: Fingerprint | None, part: Part = WHOLE) -> None:
        self.unmet = unmet
        self._asked = asked
        self._part = part
        self._offers = project.offers()
        prices = (offer.price_list for offer in self._offers)
        self._each = [AtProvider(project, *pair) for pair in zip(project.lanes, prices, strict=True)]
        self._said: set[str] = set()

    def look(self, job: Job, lacking: frozenset[str]) -> Sequence[Problem]:
        """Say what is wrong with this job, whatever it lacks; a warning is said once, at its first place."""
        if self._asked and not lacking and self._part.has(job):
            self._asked.add(wanted(job, self._offers))
        if self.unmet:
            self.unmet = {pattern for pattern in self.unmet if not fnmatchcase(job.id, pattern)}
        if lacking & DECIDE:
            return ()
        return [problem for problem in self._all(job, lacking) if self._is_new(problem)]

    def _is_new(self, problem: Problem) -> bool:
        if problem.severity is Severity.ERROR:
            return True
        if problem.message in self._said or len(self._said) >= MOST:
            return False
        self._said.add(problem.message)
        return True

    def _all(self, job: Job, lacking: frozenset[str]) -> Iterable[Problem]:
        if len(self._each) == 1:
            return self._each[0].look(job, lacking)
        return self._of_several(job, lacking) if not lacking & {"prices", "prompt"} else ()

    def _of_several(self, job: Job, lacking: frozenset[str]) -> Iterator[Problem]:
        """Say why no provider can draw a job, or what is doubtful at those that can."""
        if job.request.model is None:
            why = "names no model, and each provider has another one of its own: write `model`, here or in defaults"
            yield Problem(f"job {job.id} {why}", job.place_of("model"))
            return
        if job.route is RouteChoice.BATCH:
            yield Problem(f"job {job.id}: route: batch is for one provider: leave it out", job.place_of("route"))
        able = self._offers.able(job)
        for offer in () if able else self._offers:
            for one in offer.objections(job):
                yield replace(one, message=f"{offer.name}: {one.message}", place=one.place or job.place)
        for there in self._each:
            if any(offer.name == there.lane.name for offer in able):
                said = there.look(job, lacking)
                yield from (problem for problem in said if problem.severity is not Severity.ERROR)


class Form(NamedTuple):
    """What a provider says to all jobs of one form: who draws them, which way, and what is refused or ignored.

    A problem without a place belongs to each job's own. `unpriced` says why nobody knows what they cost.
    """

    name: str
    model: Model | None
    provider: Provider
    batch: bool
    problems: tuple[Problem, ...]
    unpriced: str


class AtProvider:
    """What one provider says to jobs, and what is doubtful about its models and prices."""

    def __init__(self, project: Project, lane: LaneConfig, price_list: PriceList) -> None:
        self.lane = lane
        self._provider, self._settings, self._clock = lane.provider, lane.settings, project.clock
        self._price_list = price_list
        self._said: set[tuple[str, bool]] = set()
        self._forms: dict[object, Form] = {}

    def look(self, job: Job, lacking: frozenset[str]) -> list[Problem]:
        """Say what is wrong with a job here, whatever it lacks."""
        name, model, provider, batch, said, unpriced = self._form(job)
        found = manifest.lint(job, provider, model)
        found += [replace(problem, place=problem.place or job.place) for problem in said]
        if "prices" in lacking:
            return found
        once = self._settings.bad_rows is not BadRows.SKIP  # else each row is left out for itself
        if not (once and (name, batch) in self._said):
            self._said.add((name, batch))
            of_model = self._of_model(name, model, batch=batch)
            found += [replace(problem, place=job.place_of("model")) for problem in of_model]
        if unpriced:
            found.append(Problem(unpriced, job.place_of("output_format")))
        if not lacking:
            found += self._dear(job, name)
        return found

    def _form(self, job: Job) -> Form:
        """Say what is said to every job of this form; of a prompt, it only matters whether there is one."""
        kind = (job.request.form, bool(job.request.prompt), job.inherited, job.n, job.route, id(job.written))
        return kept(self._forms, kind, lambda: self._said_to(replace(job, place=None)))

    def _said_to(self, job: Job) -> Form:
        name = self._price_list.model_of(job.request)
        model, provider = self._price_list.model(name), self._provider
        batch = self._settings.route_of(job) is not RouteChoice.SYNC
        refused = refusals(job, provider, model, self._settings.prepare)
        of_route = self._of_route(job, dialect(provider, name).name)
        problems = (*refused, *of_route, *self._of_stream(job, name))
        return Form(name, model, provider.at(name), batch, problems, self._price_list.unpriced(job.request))

    def _of_stream(self, job: Job, name: str) -> Iterator[Problem]:
        """Doubt `stream: true` where the answer comes whole all the same."""
        if self._settings.stream and (why := comes_whole(job.request, self._provider, name)):
            yield Problem(f"stream: true changes nothing here: {why}", job.place, Severity.WARNING)

    def _of_route(self, job: Job, speaks: str) -> Iterator[Problem]:
        """Refuse what cannot be asked for in a batch, where that is the way."""
        route, whole = self._settings.route_of(job), self._settings.route
        if route is not RouteChoice.SYNC and (why := no_line(job.request, speaks)):
            yield Problem(f"{why}; or draw it by calls (route: sync)", job.place)
        if whole is RouteChoice.AUTO and route is RouteChoice.BATCH:
            why = "a job of its own route: batch cannot be there in time: leave it out, or take route: sync here"
            yield Problem(why, job.place_of("route"))

    def _dear(self, job: Job, name: str) -> Sequence[Problem]:
        """Refuse a job of which one image may cost more than is allowed."""
        most = self._settings.limits.max_cost_per_image
        if most is None:
            return ()
        try:
            high = self._price_list.quote(job.request, 1).high
        except InputError:
            return ()  # without a price, which is said of the model
        if high > most:
            message = (
                f"an image of {name} may cost {exact(high)} here, more than limits.max_cost_per_image, {exact(most)}"
            )
            return (Problem(message, job.place),)
        return ()

    def _of_model(self, name: str, model: Model | None, *, batch: bool) -> Iterator[Problem]:
        """Say what is wrong or doubtful with a model wherever it is named: its price and its life span."""
        today = self._clock.now().date()
        doubts = catalog.warnings_for(model, today) if model else ()
        if gone := dict(self._provider.retired_models).get(name):
            doubts = (*doubts, f"{self._provider.name} closed {name} on {gone}")
        try:
            price = self._price_list.price(name)
            doubts = (*doubts, *_doubts(name, model, price, today))
            if batch:
                self._price_list.batch_price(name)
        except InputError as error:
            yield from error.problems
        yield from (Problem(text, None, Severity.WARNING) for text in doubts)


def _doubts(name: str, model: Model | None, price: Price, today: date) -> Iterator[str]:
    if model is None:
        yield f"model {name!r} is not in the catalogue: its sizes and qualities cannot be checked"
    if price.assumed:
        yield f"model {name!r} is priced at its official list: the provider states no price of its own (assumed)"
    if stale := catalog.stale_warning(price, today):
        yield stale


def check(project: Project, only: Sequence[str] = (), asked: Fingerprint | None = None) -> CheckResult:
    """Expand the whole manifest once and look at everything; memory stays flat.

    A pattern of `only` that no job's id matches is a mistake: nothing would be drawn, and all would seem well. `asked`
    takes note of every job.
    """
    examiner, manifest_summary = _looked_at(project, only, asked, Part(project.shard))
    if project.shard and manifest_summary.homes:  # which jobs belong together is only known at the end
        anew = asked and asked.begin()
        examiner, manifest_summary = _looked_at(project, only, anew, Part(project.shard, manifest_summary.homes))
    unmet = tuple(
        Problem(f"no job has an id that matches --only {pattern!r}")
        for pattern in sorted(examiner.unmet)
        if manifest_summary.whole
    )
    return concluded(project, manifest_summary, unmet)


def concluded(project: Project, manifest_summary: ManifestSummary, unmet: tuple[Problem, ...] = ()) -> CheckResult:
    """Add what is wrong or doubtful apart from single jobs to what was found of those."""
    told = delivery.problems(project.settings.notify, project.variables, project.manifest.notify_place)
    errors = (*_wrong(project), *told, *unmet, *manifest_summary.problems)
    place = Place(str(project.manifest.path))
    doubts = (Problem(why, place, Severity.WARNING) for why in _doubtful(project, manifest_summary.images))
    more = manifest_summary.more + max(0, len(errors) - MOST)
    return CheckResult((*errors, *doubts, *manifest_summary.warnings)[:MOST], manifest_summary, more)


def _looked_at(
    project: Project, only: Sequence[str], asked: Fingerprint | None, part: Part
) -> tuple[Examiner, ManifestSummary]:
    examiner = Examiner(project, set(only), asked, part)
    return examiner, manifest.check(project.manifest, examiner.look, project.settings.bad_rows, part)


def _wrong(project: Project) -> Iterator[Problem]:
    """Refuse a route without its deadline, and what is for one provider where there are several."""
    settings, place = project.settings, Place(str(project.manifest.path))
    if settings.route is RouteChoice.AUTO and settings.batch.ready_by is None:
        why = 'route: auto needs to know until when: batch: {ready_by: "07:00"}, or a duration such as 6h'
        yield Problem(why, place)
    alone = {
        f"route: {settings.route}": settings.route is not RouteChoice.SYNC,
        f"engine: {settings.engine}": settings.engine is not EngineChoice.LOCAL,
    }
    for what in (what for what, is_so in alone.items() if is_so and len(project.lanes) > 1):
        why = f"{what} is for one provider: leave it out, or name a single provider"
        yield Problem(why, project.lanes[0].place or place)


def _doubtful(project: Project, images: int) -> Iterator[str]:
    """Doubt a great many images, a check of prompts that nobody makes, and that batches draw once more."""
    settings = project.settings
    if not project.manifest.errors and (why := too_many(project, images)):
        yield why
    if settings.moderation_check is not ModerationCheck.NO and not any(
        lane.provider.moderations for lane in project.lanes
    ):
        yield f"moderation_check: {project.providers} has no moderation endpoint that is known; prompts are not checked"
    if settings.on_check is OnCheck.RETRY_ONCE and settings.route is not RouteChoice.SYNC:
        yield "on_check: retry-once draws again what calls bring; what batches bring is flagged"


def too_many(project: Project, images: int) -> str:
    """Why a run would not draw so many images at once; empty when it would."""
    if images <= MOST_IMAGES or project.free or project.settings.limits.max_images is not None:
        return ""
    return (
        f"{images:,} images are more than the {MOST_IMAGES:,} that a run draws unless it is said to be meant: "
        f"--max-images {images}, or limits: {{max_images: {images}}} in the manifest"
    )
