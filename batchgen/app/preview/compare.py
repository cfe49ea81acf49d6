"""`estimate --compare`: the same work priced at every provider, quality and route, cheapest first."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from batchgen import catalog
from batchgen.app.config.project import Project
from batchgen.errors import InputError, Severity
from batchgen.model import Job, Model, Provider
from batchgen.money import MicroUSD
from batchgen.planner import Planned
from batchgen.pricing import PriceList
from batchgen.pricing.tokens import text_tokens
from batchgen.providers import refusals

SYNC, BATCH = "sync", "batch"


@dataclass(slots=True)
class Group:
    """Jobs that cost the same anywhere: one of them, how many images each asks for, and how many there are."""

    job: Job
    images: int
    times: int = 0


@dataclass(frozen=True, slots=True)
class CompareRow:
    """The same work elsewhere; `expected` is None when it cannot be priced, `refused` says why or what would not run.

    `route` is `sync`, or `batch` for the vendor's Batch API.
    """

    provider: str
    model: str
    quality: str
    route: str
    expected: MicroUSD | None
    refused: tuple[str, ...] = ()


def gather(groups: dict[object, Group], item: Planned, tariff: PriceList) -> None:
    """Put a planned job to those that cost the same, so that a million jobs need no million prices."""
    request = item.job.request
    kind = (
        tariff.model_of(request),
        request.operation,
        request.params,
        request.images,
        request.mask,
        text_tokens(request.prompt),
        len(item.slots),
        item.job.inherited,
    )
    if kind not in groups:
        named = replace(request, model=tariff.model_of(request))
        groups[kind] = Group(replace(item.job, request=named), len(item.slots))
    groups[kind].times += 1


def compare(project: Project, groups: Iterable[Group]) -> tuple[CompareRow, ...]:
    """Every provider but the mock, each quality and the Batch API; cheapest first, unpriced ones last."""
    work = tuple(groups)
    if not work:
        return ()
    rows = [row for provider in catalog.providers() if not provider.embedded for row in _at(project, provider, work)]
    return tuple(sorted(rows, key=lambda row: (row.expected is None, row.expected or 0, row.provider, row.quality)))


def _at(project: Project, provider: Provider, work: tuple[Group, ...]) -> Iterator[CompareRow]:
    tariff = PriceList(provider, project.settings)
    for name in dict.fromkeys(group.job.request.model or "" for group in work):
        mine = [group for group in work if group.job.request.model == name]
        model = catalog.find_model(name)
        for quality in _qualities(model, mine):
            asked = [replace(group, job=_with_quality(group.job, quality)) for group in mine]
            refused = _refused(asked, provider, model)
            for route in (SYNC, BATCH):
                row = _priced(tariff, asked, name, quality, route)
                if row is not None:
                    yield replace(row, refused=(*row.refused, *refused))


def _qualities(model: Model | None, work: list[Group]) -> tuple[str, ...]:
    asked = [group.job.request.param("quality") or "auto" for group in work]
    return tuple(dict.fromkeys((*asked, *(model.qualities if model else ()))))


def _with_quality(job: Job, quality: str) -> Job:
    others = tuple(pair for pair in job.request.params if pair[0] != "quality")
    params = others if quality == "auto" else tuple(sorted((*others, ("quality", quality))))
    return replace(job, request=replace(job.request, params=params))


def _refused(work: list[Group], provider: Provider, model: Model | None) -> tuple[str, ...]:
    if provider.models and model is not None and model.name not in provider.models:
        return (f"{provider.name} is not known to serve {model.name}",)
    said = (p.message for g in work for p in refusals(g.job, provider, model) if p.severity is Severity.ERROR)
    return tuple(dict.fromkeys(said))[:5]


def _priced(tariff: PriceList, work: list[Group], name: str, quality: str, route: str) -> CompareRow | None:
    """One line of the table; None for a Batch API that is not there."""
    provider = tariff.provider
    if route == BATCH and catalog.batch_price(name, provider) is None:
        return None
    total = 0
    for group in work:
        try:
            total += tariff.expected(group.job, group.images, group.times, batch=route == BATCH)
        except InputError:
            why = f"{provider.name} states no price for {name}, and it has no official one"
            return CompareRow(provider.name, name, quality, route, None, (why,))
    return CompareRow(provider.name, name, quality, route, MicroUSD(total))
