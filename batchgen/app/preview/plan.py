"""`plan` and `estimate`: what a run would do and cost. Nothing is sent and nothing is written."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path

from batchgen.app.config import project as projects
from batchgen.app.config.options import Options
from batchgen.app.notebook import Facts, Shown, html_table
from batchgen.app.preview import check
from batchgen.app.preview import compare as comparison
from batchgen.app.preview.compare import CompareRow, Group, gather
from batchgen.errors import InputError, Problem
from batchgen.ledger import CapKind, Ledger
from batchgen.manifest import ManifestSummary
from batchgen.model import Job, Route, RouteChoice
from batchgen.money import MicroUSD, short
from batchgen.planner import Chain, Estimate, Frontier, Pairing, Planned, Tally
from batchgen.pricing import Offers
from batchgen.text import counted, duration

MOST_SHOWN = 20
"""Jobs of a plan that a notebook shows."""


@dataclass(repr=False)
class PlanResult(Shown):
    """Planned jobs, made anew for each walk; `estimate` is complete once one has been walked to its end."""

    project: projects.Project
    options: Options
    manifest_summary: ManifestSummary
    warnings: tuple[Problem, ...] = ()
    estimate: Estimate = field(default_factory=Estimate)

    def __iter__(self) -> Iterator[Planned]:
        """Each job with what would happen and why."""
        project, options = self.project, self.options
        sums = Tally(project.settings.limits)
        with project.open_ledger(readonly=True) as ledger:
            choices = projects.choices_of(project, options, ledger)
            store, offers = project.open_store(), project.offers(ledger)
            chain = Chain(self.manifest_summary.taken, ledger, store)
            canaries = projects.canaries_of(project, self.manifest_summary, ledger)
            pairing = Pairing(ledger, offers.planned, choices, chain, store.taken, canaries.hold)
            jobs = chain.watch(pairing.freeze(projects.jobs_of(project, self.manifest_summary)))
            frontier = _frontier(project, ledger, offers, ranked=self.manifest_summary.ranked)
            yield from frontier.watch(sums.watch(pairing.plan(projects.selected(jobs, options))))
            samples = tuple(projects.folder_warnings(project, ledger))
        self.estimate = replace(sums.total((*self.warnings, *samples)), reach=frontier.reach())

    def _facts(self) -> Facts:
        yield "manifest", self.project.manifest.path
        yield "output", self.project.output
        if self.estimate != Estimate():
            yield from facts_of(self.estimate)

    def _repr_html_(self) -> str:
        rows = [
            (item.job.id, item.action, len(item.slots), short(item.quote.expected) if item.quote else "", item.why)
            for item in islice(self, MOST_SHOWN + 1)
        ]
        more = [("…", "iterate for the others")] if len(rows) > MOST_SHOWN else []
        return html_table(("job", "action", "images", "cost", "why"), (*rows[:MOST_SHOWN], *more))


def _frontier(project: projects.Project, ledger: Ledger, offers: Offers, *, ranked: bool) -> Frontier:
    """Watch for where limits end a run: those of all providers, and where there are several, those of each."""
    batch = project.settings.route is not RouteChoice.SYNC
    headroom, caps = ledger.reservations.headroom, projects.caps_of(project.settings)
    if len(project.lanes) == 1:
        return Frontier(headroom(caps, project.providers), ranked=ranked, at_once=batch)
    daily = {
        lane.name: replace(limit, provider=lane.name)
        for lane in project.lanes
        for limit in headroom(projects.caps_of(lane.settings), lane.name)
        if limit.kind is CapKind.IMAGES_PER_DAY
    }
    shared = headroom(replace(caps, images_per_day=None), "")
    able: Callable[[Job], list[str]] = lambda job: [one.name for one in offers.able(job)]  # noqa: E731
    return Frontier(shared, daily=daily, able=able, ranked=ranked, at_once=batch)


def facts_of(estimate: Estimate) -> Facts:
    """Say what an estimate comes to, in words."""
    yield "jobs", f"{estimate.jobs:,}"
    yield "images", f"{estimate.images:,} in {counted(estimate.calls, 'call')}"
    low, high = short(estimate.low), short(estimate.high)
    yield "cost", f"{short(estimate.expected)} expected, {low} at least, {high} at most"
    yield "time", f"about {duration(estimate.wall_seconds)}"


def plan_manifest(path: Path, options: Options) -> PlanResult:
    """Check a manifest, then say what a run would do; InputError when it would refuse."""
    project = projects.open_project(path, options)
    checked = check.check(project, options.only)
    if checked.errors:
        raise InputError(*checked.problems, more=checked.more)
    with project.open_ledger(readonly=True) as ledger:
        if not ledger.runs.latest_first() and projects.holds_images(project, project.open_store()):
            raise projects.unknown_images(project)
    return PlanResult(project, options, checked.manifest_summary, checked.problems)


@dataclass(frozen=True, slots=True)
class OtherRoute:
    """What the same images may be expected to cost another way."""

    route: Route
    expected: MicroUSD


@dataclass(frozen=True, slots=True, repr=False)
class EstimateResult(Shown, Estimate):
    """An estimate of what is left to do in `output`; with `compare`, the same work by every provider and route.

    `other_route` is what is expected of it the other way: in batches, or by calls; None where there is no such way.
    """

    output: Path = Path()
    compare: tuple[CompareRow, ...] = ()
    other_route: OtherRoute | None = None

    def _facts(self) -> Facts:
        return facts_of(self)


def estimate_manifest(
    path: Path, options: Options, *, compare: bool = False, qualities: bool = False
) -> EstimateResult:
    """Add up what is left to do; with `compare`, price it everywhere else too, with `qualities` at each of them."""
    result = plan_manifest(path, options)
    groups: dict[object, Group] = {}
    price_list = result.project.offers().each[0].price_list
    for item in result:
        if item.slots:
            gather(groups, item, price_list)
    total = result.estimate
    facts = {name: getattr(total, name) for name in Estimate.__dataclass_fields__}
    project, rows = result.project, tuple[CompareRow, ...]()
    if compare or qualities:
        there = partial(projects.settings_for, stated=project.manifest.settings, options=options)
        rows = comparison.compare(project, there, groups.values(), qualities=qualities)
    other = _other_route(project, groups.values())
    return EstimateResult(**facts, output=project.output, compare=rows, other_route=other)


def _other_route(project: projects.Project, groups: Iterable[Group]) -> OtherRoute | None:
    """Price the same work the other way, without an earlier run's history on either side."""
    if len(project.lanes) > 1:
        return None
    price_list = project.offers().each[0].price_list
    route_of, batch = project.settings.route_of, project.settings.route is RouteChoice.SYNC
    try:
        expected = sum(
            price_list.expected(one.job, one.images, one.times, batch=route_of(one.job) is RouteChoice.SYNC)
            for one in groups
        )
    except InputError:
        return None
    return OtherRoute(Route.BATCH if batch else Route.SYNC, MicroUSD(expected)) if expected else None
