"""A manifest, a real mock server on loopback, and everything that is left when runs are over."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

from batchgen.app.config.options import Options
from batchgen.app.run import start
from batchgen.app.run.start import RunResult
from batchgen.app.watch import Unwatched
from batchgen.ledger import AttemptRow, ImageRow, JobRow, Ledger
from batchgen.mock import MockConfig
from batchgen.mock.embedded import Handle, start_embedded
from batchgen.money import MicroUSD
from batchgen.runtime.clock import SystemClock

FOUR = ("confirmed_micro_usd", "estimated_micro_usd", "at_risk_micro_usd", "not_charged_micro_usd")
QUICK = {"attempts": 4, "base_seconds": 0.02, "cap_seconds": 0.05, "breaker_probe_seconds": [0.05, 0.05, 0.05]}
LOOKS = {"size": "1024x1024", "quality": "low", "output_format": "jpeg"}


def dot(width: int = 64, height: int = 64, kind: str = "JPEG") -> bytes:
    """Return a small image of one colour."""
    out = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(out, kind)
    return out.getvalue()


@dataclass
class Scene:
    """One folder, one server, any number of runs."""

    root: Path
    handle: Handle
    settings: dict[str, Any] = field(default_factory=dict)

    def manifest(self, jobs: Sequence[Mapping[str, Any]], name: str = "scene", **settings: Any) -> Path:
        """Write a manifest that is in no need of waiting; `settings` are its keys."""
        told = {
            "name": name,
            "provider": "openai",
            "defaults": LOOKS,
            "limits": {"max_cost": 100},
            "retry": QUICK,
            **self.settings,
            **settings,
        }
        path = self.root / f"{name}.yaml"
        path.write_text(yaml.safe_dump({**told, "jobs": [dict(job) for job in jobs]}, sort_keys=False), "utf-8")
        return path

    def output(self, name: str = "scene") -> Path:
        """Where a manifest's images go."""
        return self.root / "output" / name

    def options(self, name: str = "scene", **options: Any) -> Options:
        """Return the words of a command that talks to this server."""
        return Options(**{"base_url": self.handle.base_url, "output": self.output(name), **options})

    def run(self, manifest: Path, watch: Any = None, **options: Any) -> "Seen":
        """Run a manifest."""
        result = start.run_manifest(manifest, self.options(manifest.stem, **options), watch or Unwatched())
        return Seen(self, result, manifest.stem)

    def bill(self) -> list[dict[str, Any]]:
        """Say what the server was asked for, request by request."""
        requests: list[dict[str, Any]] = self.handle.bill()["requests"]
        return requests

    @property
    def billed(self) -> int:
        """What the server charged so far, in micro-dollars."""
        total: int = self.handle.bill()["total_micro_usd"]
        return total

    @contextmanager
    def ledger(self, name: str = "scene") -> Iterator[Ledger]:
        """Return the books of an output folder, for reading."""
        path = self.output(name) / "ledger.db"
        with Ledger.open(path, ".", clock=SystemClock(), readonly=True) as ledger:
            yield ledger


@dataclass
class Seen:
    """What is there after a run."""

    scene: Scene
    result: RunResult
    name: str

    @property
    def exit(self) -> int:
        return int(self.result.exit)

    @property
    def folder(self) -> Path:
        return self.scene.output(self.name)

    @property
    def attempts(self) -> tuple[AttemptRow, ...]:
        with self.scene.ledger(self.name) as ledger:
            return tuple(ledger.report_rows.attempts())

    @property
    def jobs(self) -> dict[str, JobRow]:
        with self.scene.ledger(self.name) as ledger:
            return {row.job_id: row for row in ledger.report_rows.jobs()}

    @property
    def images(self) -> tuple[ImageRow, ...]:
        with self.scene.ledger(self.name) as ledger:
            return tuple(ledger.report_rows.images())

    @property
    def money(self) -> dict[str, int]:
        """The four numbers of this folder."""
        return {name: self.result.summary["money"][name] for name in FOUR}

    @property
    def charged(self) -> int:
        """What the ledger says was charged for certain."""
        return self.money["confirmed_micro_usd"] + self.money["estimated_micro_usd"]

    def states(self, job_id: str) -> tuple[str, ...]:
        """How the calls of a job ended, the oldest first."""
        return tuple(row.state.value for row in self.attempts if row.job_id == job_id)

    def slots(self, job_id: str) -> tuple[str, ...]:
        """Say what became of each wanted image of a job."""
        return tuple(row.state for row in sorted(self.images, key=lambda row: row.slot) if row.job_id == job_id)

    def table(self, name: str) -> list[dict[str, str]]:
        """Return a CSV file of the report as another program reads it."""
        with (self.folder / "report" / name).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def json(self, path: str) -> Any:
        """Return a JSON file of the output folder."""
        return json.loads((self.folder / path).read_text("utf-8"))


class Notes(Unwatched):
    """Keeps what is told while a run goes on."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def on_note(self, text: str, /, *, urgent: bool = False) -> None:
        """Keep a note."""
        self.notes.append(text)


@contextmanager
def scene(root: Path, settings: Mapping[str, Any] | None = None, **config: Any) -> Iterator[Scene]:
    """Return a scene whose server answers with one small image, unless `config` says otherwise."""
    handle = start_embedded(MockConfig(**{"fixed_bytes": dot(), **config}))
    try:
        yield Scene(root, handle, dict(settings or {}))
    finally:
        handle.stop()


def usd(dollars: float) -> MicroUSD:
    """Dollars as micro-dollars."""
    return MicroUSD(round(dollars * 1_000_000))
