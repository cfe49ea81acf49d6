"""A manifest, a mock server that speaks one provider's dialect, and everything that is left when runs are over."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from batchgen.app.config.options import Options
from batchgen.app.config.project import open_project
from batchgen.app.preview import check, plan
from batchgen.app.preview.check import CheckResult
from batchgen.app.run.start import run_manifest
from batchgen.app.watch import Unwatched
from batchgen.errors import BatchgenError, Problem
from batchgen.executor.protocol import MakeExecutor
from batchgen.ledger import nowhere
from batchgen.mock import MockConfig
from batchgen.mock.embedded import Handle, start_embedded
from batchgen.planner import Estimate, Planned
from batchgen.runtime.clock import Clock

KEY = "sk-rehearsal-0123456789abcdef"
KEYS = {f"{name}_API_KEY": KEY for name in ("OPENAI", "APIYI", "LAOZHANG", "AIHUBMIX", "YESCALE", "OTHER")}
NO_PACE = {"max_cost": 100, "images_per_minute": 1_000_000, "images_per_day": 1_000_000}
QUICK = {"attempts": 3, "base_seconds": 0.02, "cap_seconds": 0.05, "breaker_probe_seconds": [0.05, 0.05, 0.05]}


@dataclass
class Ended:
    """What is there after a run."""

    exit: int
    summary: Mapping[str, Any]
    folder: Path
    why: str = ""
    problems: tuple[Problem, ...] = ()

    @property
    def charged(self) -> int:
        """What the ledger says was charged for certain, in micro-dollars."""
        money = self.summary["money"]
        return int(money["confirmed_micro_usd"]) + int(money["estimated_micro_usd"])

    @property
    def money(self) -> dict[str, int]:
        """The four numbers and the cap."""
        return dict(self.summary["money"])

    def table(self, name: str) -> list[dict[str, str]]:
        """Return a CSV file of the report as another program reads it."""
        with (self.folder / "report" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    @property
    def jobs(self) -> dict[str, dict[str, str]]:
        """jobs.csv by job."""
        return {row["job_id"]: row for row in self.table("jobs")}

    def images(self, job_id: str) -> list[dict[str, str]]:
        """Return a job's rows in images.csv, without the images that stepped aside for others."""
        rows = self.table("images")
        return [row for row in rows if row["job_id"] == job_id and not row["path"].startswith("superseded/")]

    def cost(self, job_id: str) -> int:
        """Say what a job cost, in micro-dollars."""
        row = self.jobs[job_id]
        return int(row["confirmed_micro_usd"]) + int(row["estimated_micro_usd"])

    def image(self, job_id: str, slot: int = 0) -> Path:
        """Where a job's image is."""
        return self.folder / self.images(job_id)[slot]["path"]


@dataclass
class Rehearsal:
    """One folder, one server, any number of runs."""

    root: Path
    handle: Handle
    settings: dict[str, Any] = field(default_factory=dict)

    def manifest(self, jobs: Sequence[Mapping[str, Any]], name: str = "scene", **settings: Any) -> Path:
        """Write a manifest that never waits long; `settings` are its keys."""
        told = {"name": name, "limits": NO_PACE, "retry": QUICK, **self.settings, **settings}
        path = self.root / f"{name}.yaml"
        path.write_text(yaml.safe_dump({**told, "jobs": [dict(job) for job in jobs]}, sort_keys=False), "utf-8")
        return path

    def options(self, manifest: Path, **options: Any) -> Options:
        """Return the words of a command that talks to this server."""
        return Options(**{"base_url": self.handle.base_url, "output": self.root / "output" / manifest.stem, **options})

    def check(self, manifest: Path, **options: Any) -> CheckResult:
        """Say what is wrong with a manifest."""
        return check.check(open_project(manifest, self.options(manifest, **options)))

    def plan(self, manifest: Path, **options: Any) -> tuple[dict[str, Planned], Estimate]:
        """Say what a run would do with each job, and what that adds up to."""
        planned = plan.plan_manifest(manifest, self.options(manifest, **options))
        rows = {item.job.id: item for item in planned}
        return rows, planned.estimate

    def run(
        self,
        manifest: Path,
        at: Any = nowhere,
        make_executor: MakeExecutor | None = None,
        clock: Clock | None = None,
        **options: Any,
    ) -> Ended:
        """Run a manifest; when it cannot begin, the exit status says so."""
        told = self.options(manifest, **options)
        assert told.output
        try:
            result = run_manifest(manifest, told, Unwatched(), at, make_executor, clock)
        except BatchgenError as error:
            return Ended(int(error.exit), {}, told.output, str(error))
        return Ended(int(result.exit), result.summary, told.output, problems=result.problems)

    @property
    def bill(self) -> list[dict[str, Any]]:
        """What the server was asked for, request by request."""
        return list(self.handle.bill()["requests"])

    @property
    def billed(self) -> int:
        """What the server charged so far, in micro-dollars."""
        return int(self.handle.bill()["total_micro_usd"])


@contextmanager
def rehearsal(root: Path, settings: Mapping[str, Any] | None = None, **config: Any) -> Iterator[Rehearsal]:
    """Return a server with this config, and a folder to work in."""
    handle = start_embedded(MockConfig(**config))
    try:
        yield Rehearsal(root, handle, dict(settings or {}))
    finally:
        handle.stop()
