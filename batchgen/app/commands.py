"""Composition root: joins the rooms, one function for each command, and the only reader of the environment.

Everything heavy loads when a function is called, so that the command line starts at once.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from batchgen.app.config.options import Options
from batchgen.errors import Exit
from batchgen.money import MicroUSD

if TYPE_CHECKING:
    from batchgen.app.output.adopt import AdoptResult
    from batchgen.app.output.maintain import ReconcileResult, VerifyResult
    from batchgen.app.preview.check import CheckResult
    from batchgen.app.preview.doctor import Finding
    from batchgen.app.preview.plan import EstimateResult, PlanResult
    from batchgen.app.review.decisions import ReviewResult
    from batchgen.app.run.start import RunResult
    from batchgen.app.watch import Watch
    from batchgen.ledger import Held
    from batchgen.model import Model, Provider

__all__ = [
    "Options",
    "adopt",
    "check",
    "doctor",
    "early_end",
    "estimate",
    "models",
    "open_output",
    "plan",
    "providers",
    "reconcile",
    "report",
    "resolve",
    "review",
    "run",
    "schema",
    "secrets",
    "status",
    "verify",
]


def check(manifest: Path, options: Options) -> "CheckResult":
    """Everything that is wrong or doubtful in a manifest."""
    from batchgen.app.config import project
    from batchgen.app.preview import check

    return check.check(project.open_project(manifest, options))


def plan(manifest: Path, options: Options) -> "PlanResult":
    """Each job with what a run would do with it, and why."""
    from batchgen.app.preview import plan

    return plan.planned(manifest, options)


def estimate(manifest: Path, options: Options, *, compare: bool = False) -> "EstimateResult":
    """What a run would cost; with `compare`, what it would cost elsewhere."""
    from batchgen.app.preview import plan

    return plan.estimated(manifest, options, compare=compare)


def run(manifest: Path, options: Options, watch: "Watch") -> "RunResult":
    """Make the images."""
    from batchgen.app.run import start

    return start.run(manifest, options, watch)


def early_end(manifest: Path, options: Options, status: Exit, why: str) -> dict[str, Any]:
    """Where the folder of a run stands that ended before it could say so; nothing is written, nothing is raised."""
    from batchgen.app.run import early_exit

    return early_exit.early_end(manifest, options, status, why)


def status(output: Path | None = None) -> Mapping[str, Any]:
    """Where the latest run of an output folder stands."""
    from batchgen.app.output import maintain

    return maintain.status(output)


def report(output: Path | None = None) -> Iterable[Path]:
    """Write the report again."""
    from batchgen.app.output import maintain

    return maintain.report(output)


def verify(output: Path | None = None) -> "VerifyResult":
    """Hash and decode every stored image again."""
    from batchgen.app.output import maintain

    return maintain.verify(output)


def reconcile(output: Path | None = None, *, billed: MicroUSD, since: date | None = None) -> "ReconcileResult":
    """Settle what is at risk against a bill."""
    from batchgen.app.output import maintain

    return maintain.reconcile(output, billed=billed, since=since)


def resolve(output: Path | None = None, *, decision: str | None = None, only: tuple[str, ...] = ()) -> "Sequence[Held]":
    """List held jobs, or decide them."""
    from batchgen.app.output import maintain

    return maintain.resolve(output, decision=decision, only=only)


def review(path: Path, output: Path | None = None) -> "ReviewResult":
    """Keep what people decided about images."""
    from batchgen.app.review import decisions

    return decisions.review(path, output)


def adopt(output: Path | None = None) -> "AdoptResult":
    """Rebuild a lost ledger from images, report and logs."""
    from batchgen.app.output import adopt

    return adopt.adopt(output)


def doctor(provider: str | None = None, base_url: str | None = None) -> "Iterable[Finding]":
    """Look at key, model, limits, disk, clock and dialect without spending anything."""
    from batchgen.app.preview import doctor

    return doctor.examine(provider, base_url)


def models() -> "Sequence[Model]":
    """Every model of the catalogue."""
    from batchgen import catalog

    return catalog.models()


def providers() -> "Sequence[Provider]":
    """Every provider of the catalogue."""
    from batchgen import catalog

    return catalog.providers()


def schema() -> Mapping[str, Any]:
    """The JSON Schema of a manifest."""
    from batchgen import manifest

    return manifest.json_schema()


def secrets() -> Sequence[str]:
    """Values of the environment that must never be shown."""
    from batchgen.app.config import environment

    return environment.secrets(environment.environment())


def open_output() -> Path | None:
    """The folder of the run that the latest command began, if it did: where a traceback may be left."""
    from batchgen.app.run import event_log

    return event_log.latest_run()
