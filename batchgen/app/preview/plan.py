"""`plan` and `estimate`: what a run would do and cost. Nothing is sent and nothing is written."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from batchgen.app.config.locate import store_of
from batchgen.app.config.options import Options
from batchgen.app.config.project import (
    Project,
    choices_of,
    jobs_of,
    open_project,
    sample_warning,
    selected,
    unknown_images,
)
from batchgen.app.preview import check
from batchgen.app.preview import compare as comparison
from batchgen.app.preview.compare import CompareRow, Group, gather
from batchgen.errors import InputError, Problem
from batchgen.planner import Chain, Estimate, Pairing, Planned, Tally


@dataclass
class PlanResult:
    """A stream of planned jobs; `estimate` is complete once `rows()` has been walked to its end."""

    project: Project
    options: Options
    warnings: tuple[Problem, ...] = ()
    taken: frozenset[str] = frozenset()
    estimate: Estimate = field(default_factory=Estimate)

    def rows(self) -> Iterator[Planned]:
        """Each job with what would happen and why."""
        project, options = self.project, self.options
        sums = Tally(project.settings.limits)
        choices = choices_of(project, options)
        with project.open_ledger(readonly=True) as ledger:
            store, tariff = store_of(project.output), project.tariff(ledger)
            chain = Chain(self.taken, ledger, store)
            pairing = Pairing(ledger, tariff.cost, choices, chain, store.taken)
            jobs = chain.watch(pairing.freeze(jobs_of(project)))
            yield from sums.watch(pairing.plan(selected(jobs, options)))
            samples = tuple(sample_warning(project, ledger))
        self.estimate = sums.total((*self.warnings, *samples))


def plan_manifest(path: Path, options: Options) -> PlanResult:
    """Check a manifest, then say what a run would do; InputError when it would refuse."""
    project = open_project(path, options)
    checked = check.check(project, options.only)
    if checked.errors:
        raise InputError(*checked.problems, more=checked.more)
    with project.open_ledger(readonly=True) as ledger:
        if not ledger.runs.latest_first() and next(store_of(project.output).listing(), None) is not None:
            raise unknown_images(project)
    return PlanResult(project, options, checked.problems, checked.census.taken)


@dataclass(frozen=True, slots=True)
class EstimateResult(Estimate):
    """An estimate; with `compare`, the same manifest on every other provider."""

    compare: tuple[CompareRow, ...] = ()


def estimate_manifest(path: Path, options: Options, *, compare: bool = False) -> EstimateResult:
    """Add up what is left to do; with `compare`, price it everywhere else too."""
    result = plan_manifest(path, options)
    groups: dict[object, Group] = {}
    tariff = result.project.tariff()
    for item in result.rows():
        if compare and item.slots:
            gather(groups, item, tariff)
    total = result.estimate
    facts = {name: getattr(total, name) for name in Estimate.__dataclass_fields__}
    return EstimateResult(**facts, compare=comparison.compare(result.project, groups.values()) if compare else ())
