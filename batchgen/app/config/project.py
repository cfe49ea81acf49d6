"""A manifest brought together with the command's choices: provider, output folder, ledger and prices."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from heapq import nsmallest
from itertools import islice
from pathlib import Path
from typing import Any

from batchgen import catalog, manifest, model
from batchgen.app.config.environment import MOCK, environment
from batchgen.app.config.lanes import LaneConfig, lanes_of, settings_at, together
from batchgen.app.config.locate import catalogue_of, kept_path, output_of
from batchgen.app.config.options import Options
from batchgen.app.config.shards import check_folder, divided
from batchgen.app.config.stores import store_address, store_of
from batchgen.errors import InputError, Place, Problem, Severity, by_place
from batchgen.imaging.digest import digest
from batchgen.ledger import Caps, Ledger, Wanted, nowhere
from batchgen.manifest import Manifest, ManifestSummary, Part
from batchgen.planner import Canaries, Choices
from batchgen.pricing import Offer, Offers, Past, PriceList, no_past
from batchgen.providers.rules import described
from batchgen.runtime.clock import Clock, SystemClock
from batchgen.storage import ImageStore
from batchgen.storage.durable import make_root
from batchgen.storage.images.store import OWNER, book
from batchgen.storage.workspace import LEDGER
from batchgen.text import counted


@dataclass(frozen=True)
class Project:
    """Everything that one command needs to know of one manifest.

    `lanes` are its providers; `settings` are the manifest's, with the limits of all providers together.
    """

    manifest: Manifest
    settings: model.Settings
    lanes: tuple[LaneConfig, ...]
    output: Path
    ledger_path: Path
    variables: Mapping[str, str]
    clock: Clock
    store: str = ""
    shard: model.Shard | None = None

    @property
    def catalogue(self) -> str:
        """The output folder as the ledger calls it."""
        return catalogue_of(self.output, self.ledger_path)

    @property
    def free(self) -> bool:
        """Whether images cost nothing here, so that no limit is needed."""
        return all(lane.free for lane in self.lanes)

    @property
    def provider(self) -> model.Provider:
        """The only provider, where there is one; otherwise the first."""
        return self.lanes[0].provider

    @property
    def providers(self) -> str:
        """What the providers are called."""
        return ", ".join(lane.name for lane in self.lanes)

    def at(self, provider: model.Provider, settings: model.Settings) -> "Project":
        """Return the same manifest at one other provider."""
        return replace(self, settings=settings, lanes=(LaneConfig(provider, settings),))

    def open_ledger(self, *, readonly: bool = False, at: Callable[[str], None] = nowhere) -> Ledger:
        """Return the ledger of the output folder; see `Ledger.open`. InputError when it is another shard's."""
        if not readonly:
            make_root(self.ledger_path.parent)
        ledger = Ledger.open(self.ledger_path, self.catalogue, clock=self.clock, at=at, readonly=readonly)
        try:
            check_folder(self.output, ledger, self.shard)
        except BaseException:
            ledger.close()
            raise
        return ledger

    def open_store(self, at: Callable[[str], None] = nowhere) -> ImageStore:
        """Return the store that keeps the images."""
        return store_of(self.output, self.store, self.variables, at)

    def offers(self, ledger: Ledger | None = None) -> Offers:
        """Say what calls cost at each provider; a ledger's history calibrates what is expected."""
        return Offers(tuple(Offer(_prices(lane, ledger), lane.weight) for lane in self.lanes))


def _prices(lane: LaneConfig, ledger: Ledger | None) -> PriceList:
    past: Past = no_past
    if ledger is not None:
        past = lambda model, size, quality: ledger.accounts.history(model, size, quality, lane.name)  # noqa: E731
    return PriceList(lane.provider, lane.settings, past)


def opened_by(provider: str) -> frozenset[str]:
    """Parameters that a provider file opens; what is wrong with the file is told where it is used."""
    try:
        return frozenset(param.name for param in catalog.provider(provider).opens_anywhere)
    except InputError:
        return frozenset()


def schema(provider: str | None = None) -> dict[str, Any]:
    """Return the JSON Schema of a manifest, with the parameters that a provider opens."""
    from batchgen.manifest.schema import json_schema

    opened = catalog.provider(provider).opens_anywhere if provider else ()
    return json_schema({param.name: described(param) for param in opened})


def wanted(job: model.Job, offers: Offers) -> Wanted:
    """Return a job with what it is priced as: what the ledger keeps of it."""
    return Wanted(job, *offers.kind(job))


def open_project(path: Path, options: Options, clock: Clock | None = None) -> Project:
    """Read a manifest, with its errors in it, and apply the command's choices.

    InputError, with every problem, when nothing can be said of its jobs, or not what its provider takes.
    """
    variables = environment()
    loaded = manifest.read(path, options.provider, opened_by)
    try:
        lanes = lanes_of(loaded, variables, options.base_url)
    except InputError as error:
        manifest_summary = manifest.check(loaded)
        raise InputError(
            *sorted((*error.problems, *manifest_summary.problems), key=by_place), more=manifest_summary.more
        ) from None
    under = (replace(lane, settings=_under(lane.settings, options)) for lane in lanes)
    lanes = tuple(lane.narrowed(lane.settings.limits.concurrency) for lane in under)
    settings = replace(lanes[0].settings, limits=together(lanes))
    own = f"{settings.name}-{options.shard.name}" if options.shard else settings.name
    output = options.output or output_of(path, own)
    return Project(
        loaded,
        settings,
        lanes,
        output,
        settings.ledger or output / LEDGER,
        variables,
        clock or SystemClock(),
        store_address(chosen) if (chosen := options.store or settings.store) else "",
        options.shard,
    )


def settings_for(provider: model.Provider, stated: model.Settings, options: Options) -> model.Settings:
    """Return a manifest's settings as they are at one provider, under the command line's."""
    return _under(settings_at(provider, stated), options)


def _under(stated: model.Settings, options: Options) -> model.Settings:
    settings = _chosen(stated, options)
    return divided(settings, options.shard) if options.shard else settings


def _chosen(settings: model.Settings, options: Options) -> model.Settings:
    """Return the manifest's settings under the command line's."""
    limits = settings.limits
    chosen = {
        name: value
        for name in ("max_cost", "max_images", "max_duration", "concurrency")
        if (value := getattr(options, name)) is not None
    }
    return replace(
        settings,
        limits=replace(limits, **chosen),
        on_uncertain=options.on_uncertain or settings.on_uncertain,
        route=options.route or settings.route,
        one_route=options.route is not None,
        engine=options.engine or settings.engine,
        bad_rows=model.BadRows.SKIP if options.skip_bad_rows else settings.bad_rows,
    )


def folder_warnings(project: Project, ledger: Ledger) -> Iterator[Problem]:
    """Say what people may not know of the output folder that is meant."""
    yield from _sample_warning(project, ledger)
    mine, place = project.manifest.path.resolve(), Place(str(project.manifest.path))
    kept = {json.loads(run.command).get("manifest") for run in ledger.runs.latest_first()}
    paths = sorted(kept_path(path, project.output) for path in kept if isinstance(path, str))
    if other := next((path for path in paths if path.resolve() != mine and path.is_file()), None):
        why = f"{other} draws into {project.output} too: give one of the two another `name`, or another --output"
        yield Problem(why, place, Severity.WARNING)


def _sample_warning(project: Project, ledger: Ledger) -> Iterator[Problem]:
    """Sample images count as stored, whoever is asked next: say so before they are taken for real ones."""
    count = 0 if project.free else ledger.images.drawn_by(MOCK)
    if count:
        yield Problem(
            f"{counted(count, 'image')} in {project.output} came from the mock provider and will not be drawn again; "
            "for real ones choose another --output",
            None,
            Severity.WARNING,
        )


def caps_of(settings: model.Settings) -> Caps:
    """Say which limits of the user hold at each reservation."""
    limits, budget = settings.limits, settings.budget
    return Caps(
        max_cost=limits.max_cost,
        max_images=limits.max_images,
        day=budget.day if budget else None,
        month=budget.month if budget else None,
        images_per_day=limits.images_per_day,
        timezone=budget.timezone if budget else "UTC",
        latest=settings.engine is model.EngineChoice.RAY,
    )


def choices_of(project: Project, options: Options, ledger: Ledger) -> Choices:
    """Say what the user chose to draw; what may have been paid is only drawn again where the command says so."""
    return Choices(
        options.retry_failed,
        options.regenerate_missing,
        project.settings.on_uncertain,
        rejected=options.rejected,
        at_risk=options.on_uncertain is model.OnUncertain.RETRY,
        max_uncertain=project.settings.retry.max_uncertain,
        flagged=project.settings.moderation_check is not model.ModerationCheck.YES,
        odd=odd_of(project, ledger),
    )


def odd_of(project: Project, ledger: Ledger) -> frozenset[tuple[str, int]]:
    """Say which images are not as asked and are asked for once more: those of calls were, in their own run. Blocks."""
    once_more = project.settings.on_mismatch is model.OnMismatch.RETRY_ONCE
    return ledger.images.odd_of_batches() if once_more else frozenset()


def canaries_of(project: Project, manifest_summary: ManifestSummary, ledger: Ledger) -> Canaries:
    """Say which jobs wait for the first ones of their template. Blocks."""
    settings = project.settings
    return Canaries.of(settings.canary, ledger, digest(settings.checks), lambda: jobs_of(project, manifest_summary))


def jobs_of(project: Project, manifest_summary: ManifestSummary) -> Iterator[model.Job]:
    """Return the jobs of a manifest, or of a shard of it, that was checked before, but for those it left out.

    A job whose images others take is drawn no later than they: it has the largest of their priorities.
    """
    jobs = (item for item in manifest.expand(project.manifest) if isinstance(item, model.Job))
    if project.shard:
        part = Part(project.shard, manifest_summary.homes)
        jobs = (job for job in jobs if part.has(job))
    if manifest_summary.refused:
        jobs = (job for job in jobs if job.key not in manifest_summary.refused)
    return (_advanced(job, manifest_summary.advanced) for job in jobs) if manifest_summary.advanced else jobs


def _advanced(job: model.Job, advanced: Mapping[str, float]) -> model.Job:
    least = advanced.get(job.id, job.priority)
    return replace(job, priority=least) if least > job.priority else job


def selected(jobs: Iterable[model.Job], options: Options) -> Iterator[model.Job]:
    """Return the jobs that the command is about, in the manifest's order.

    A sample is drawn by key: the same jobs every time, however the rows are ordered.
    """
    chosen: Iterable[model.Job] = jobs
    if options.only:
        chosen = (job for job in chosen if any(fnmatchcase(job.id, pattern) for pattern in options.only))
    if options.first is not None:
        chosen = islice(chosen, min(options.first, sys.maxsize))
    if options.sample is not None:
        places = nsmallest(options.sample, enumerate(chosen), key=lambda item: item[1].key)
        chosen = [job for _, job in sorted(places, key=lambda item: item[0])]
    return iter(chosen)


def holds_images(project: Project, store: ImageStore) -> bool:
    """Tell whether images lie there that the ledger has to know; in a store, other shards keep theirs too."""
    if project.store and project.shard:
        return store.head(book(OWNER, project.shard.name)) is not None and not project.ledger_path.exists()
    return next(store.listing(), None) is not None


def unknown_images(project: Project) -> InputError:
    """Return the refusal of a folder whose ledger was lost or is another one."""
    where = project.store or project.output
    return InputError(
        f"{where} holds images that the ledger {project.ledger_path} does not know: {how_to_adopt(project)} "
        "takes them in, so that nothing is paid again; or choose another --output"
    )


def how_to_adopt(project: Project) -> str:
    """Return the command that takes images in which the ledger does not know."""
    of_shard = f" --shard {project.shard} --output {project.output}" if project.store and project.shard else ""
    return f"batchgen adopt {project.store or project.output}{of_shard}"
