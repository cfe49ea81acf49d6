"""`estimate --compare`: the same work priced at every provider and route; first what can be run, cheapest first."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from batchgen import catalog
from batchgen.app.config.project import Project
from batchgen.app.preview.check import Examiner
from batchgen.errors import InputError, Severity
from batchgen.model import Job, Provider, Route, RouteChoice, Settings
from batchgen.money import MicroUSD
from batchgen.planner import Planned
from batchgen.pricing import PriceList
from batchgen.pricing.tokens import text_tokens

MOST_REASONS = 5
AUTO = "auto"

SettingsAt = Callable[[Provider], Settings]
"""The manifest's settings under the command's, with the limits of a provider."""


@dataclass(slots=True)
class Group:
    """Jobs that cost the same anywhere: one of them, how many images each asks for, and how many there are."""

    job: Job
    images: int
    times: int = 0


@dataclass(frozen=True, slots=True)
class CompareRow:
    """The same work elsewhere; `expected` is None when it cannot be priced, `refused` says why or what would not run.

    `route` is `sync`, or `batch` for the vendor's Batch API. `quality` is the manifest's own, or another one that
    `own` says it is not. `yours` marks what a run of the manifest would take.
    """

    provider: str
    model: str
    quality: str
    route: str
    expected: MicroUSD | None
    refused: tuple[str, ...] = ()
    yours: bool = False
    own: bool = True

    @property
    def runs(self) -> bool:
        """Whether a command could draw it so."""
        return self.expected is not None and not self.refused


def gather(groups: dict[object, Group], item: Planned, price_list: PriceList) -> None:
    """Put a planned job to those that cost the same, so that a million jobs need no million prices.

    The one with the longest prompt stands for them: what it keeps to, all do.
    """
    request = item.job.request
    alike = price_list.model_of(request), request.form, text_tokens(request.prompt)
    kind = (*alike, len(item.slots), item.job.inherited, item.job.route)
    known = groups.setdefault(kind, Group(item.job, len(item.slots)))
    known.times += 1
    if known.times == 1 or len(request.prompt) > len(known.job.request.prompt):
        known.job = replace(item.job, request=replace(request, model=price_list.model_of(request)))


def compare(
    project: Project, settings_at: SettingsAt, groups: Iterable[Group], *, qualities: bool = False
) -> tuple[CompareRow, ...]:
    """One row for each provider and route at the manifest's own settings; with `qualities`, the others after them."""
    work = tuple(groups)
    if not work:
        return ()
    rows = [
        row for there in _projects(project, settings_at) for row in _rows(project, there, work, qualities=qualities)
    ]
    return tuple(sorted(rows, key=_order))


def _order(row: CompareRow) -> tuple[object, ...]:
    price = row.expected or 0
    return not row.own, not row.runs, row.expected is None, price, not row.yours, row.provider, row.quality, row.route


def _projects(project: Project, settings_at: SettingsAt) -> Iterator[Project]:
    """Put the manifest to its own provider and every other one but the mock, by each of their routes."""
    mine = [lane.provider for lane in project.lanes]
    others = [provider for provider in catalog.providers() if provider.name not in {one.name for one in mine}]
    for provider in (*mine, *others):
        for route in (RouteChoice.SYNC, RouteChoice.BATCH):
            if not provider.embedded and (provider.batch or route is RouteChoice.SYNC):
                yield project.at(provider, replace(settings_at(provider), route=route, one_route=True))


def _rows(project: Project, there: Project, work: tuple[Group, ...], *, qualities: bool) -> Iterator[CompareRow]:
    batch = there.settings.route is RouteChoice.BATCH
    meant = batch is (project.settings.route is not RouteChoice.SYNC)
    yield replace(_row(there, work), yours=meant and there.provider in [lane.provider for lane in project.lanes])
    for quality in _others(work) if qualities else ():
        asked = tuple(replace(group, job=_with_quality(group.job, quality)) for group in work)
        yield replace(_row(there, asked), own=False)


def _row(there: Project, work: tuple[Group, ...]) -> CompareRow:
    """Price the work at one provider by one route, and say what would not run."""
    batch = there.settings.route is RouteChoice.BATCH
    price_list = there.offers().each[0].price_list
    try:
        price = MicroUSD(sum(price_list.expected(group.job, group.images, group.times, batch=batch) for group in work))
    except InputError:
        price = None
    return CompareRow(
        there.provider.name,
        _listed(group.job.request.model or "" for group in work),
        _listed(_quality(group.job) for group in work),
        (Route.BATCH if batch else Route.SYNC).value,
        price,
        tuple(dict.fromkeys(_refused(there, work)))[:MOST_REASONS],
    )


def _refused(there: Project, work: tuple[Group, ...]) -> Iterator[str]:
    """Say why a run would refuse the work or most likely fail: errors of `check`, and models that are not served."""
    provider = there.provider
    for name in dict.fromkeys(group.job.request.model or "" for group in work):
        model = catalog.find_model(name)
        if provider.models and model is not None and model.name not in provider.models:
            yield f"{provider.name} is not known to serve {model.name}"
    if not provider.base_url:
        yield f"{provider.name} needs its address: --base-url"
    examiner = Examiner(there, set(), None)
    for group in work:
        for problem in examiner.look(group.job, frozenset()):
            if problem.severity is Severity.ERROR:
                yield problem.message


def _listed(words: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(words))


def _quality(job: Job) -> str:
    return job.request.param("quality") or AUTO


def _others(work: tuple[Group, ...]) -> tuple[str, ...]:
    """Qualities of the models that draw, but for the one that every job asks for already."""
    asked = tuple(dict.fromkeys(_quality(group.job) for group in work))
    models = (catalog.find_model(group.job.request.model or "") for group in work)
    known = dict.fromkeys(quality for model in models if model for quality in model.qualities)
    return tuple(quality for quality in dict.fromkeys((*asked, *known)) if (quality,) != asked)


def _with_quality(job: Job, quality: str) -> Job:
    others = tuple(pair for pair in job.request.params if pair[0] != "quality")
    params = others if quality == AUTO else tuple(sorted((*others, ("quality", quality))))
    return replace(job, request=replace(job.request, params=params))
