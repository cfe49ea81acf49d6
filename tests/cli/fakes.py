"""A door without a house behind it."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from batchgen import reporter
from batchgen.app.config.options import Options
from batchgen.errors import Exit, Problem, Severity
from batchgen.model import ImageRequest, Job, Operation, Stems
from batchgen.model.provider import FixedSizes, Model, Price, Provider, TokenPrices


@dataclass(frozen=True)
class Costs:
    """A small range."""

    low: int = 10_000
    expected: int = 20_000
    high: int = 40_000


@dataclass(frozen=True)
class CostRow(Costs):
    """One line of the cost table."""

    model: str = "gpt-image-2"
    size: str = "1024x1024"
    quality: str = "low"
    provider: str = "mock"
    jobs: int = 2
    images: int = 4


@dataclass(frozen=True)
class TagRow(Costs):
    """One value of one tag."""

    tag: str = "category"
    value: str = "sofas"
    jobs: int = 2
    images: int = 4


@dataclass(frozen=True)
class CompareRow:
    """One offer."""

    provider: str = "openai"
    model: str = "gpt-image-2"
    quality: str = "low"
    route: str = "sync"
    expected: int | None = 20_000
    refused: tuple[str, ...] = ()


@dataclass(frozen=True)
class Estimate(Costs):
    """An estimate, with a comparison if one is given."""

    jobs: int = 2
    images: int = 4
    calls: int = 2
    wall_seconds: float = 75.0
    input_tokens: int = 120
    output_tokens: int = 1088
    rows: tuple[CostRow, ...] = (CostRow(),)
    tags: tuple[TagRow, ...] = (TagRow(),)
    later: tuple[CostRow, ...] = ()
    warnings: tuple[Problem, ...] = ()
    compare: tuple[CompareRow, ...] = ()


@dataclass(frozen=True)
class Planned:
    """A job that would be drawn."""

    job: Job
    action: str = "new"
    why: str = "never drawn"
    slots: tuple[int, ...] = (0, 1)
    quote: Costs | None = Costs()


@dataclass(frozen=True)
class PlanResult:
    """A stream of planned jobs that may break off."""

    planned: Sequence[Planned]
    estimate: Estimate = Estimate()
    then: Exception | None = None

    def rows(self) -> Iterator[Planned]:
        yield from self.planned
        if self.then:
            raise self.then


@dataclass(frozen=True)
class ManifestSummary:
    """Two jobs out of three rows."""

    rows: int = 3
    planned: int = 2
    skipped: int = 1
    rejected: int = 0
    images: int = 4
    more: int = 0


@dataclass(frozen=True)
class CheckResult:
    """A manifest without problems."""

    problems: tuple[Problem, ...] = ()
    census: ManifestSummary = ManifestSummary()


@dataclass(frozen=True)
class Progress:
    """A run under way."""

    jobs_done: int = 3
    jobs_total: int | None = 24
    images_stored: int = 6
    images_wanted: int = 48
    spent: int = 120_000
    cap: int | None = 5_000_000
    images_per_minute: float = 12.4
    eta_seconds: float | None = 200.0
    retries: int = 1
    in_flight: int = 16
    state: str = "running"


@dataclass(frozen=True)
class RunResult:
    """A run that went well."""

    summary: dict[str, Any] = field(default_factory=dict)
    exit: Exit = Exit.OK
    problems: tuple[Problem, ...] = ()
    output: Path | None = Path("output/shop")
    report: Path | None = Path("output/shop/report/report.html")


@dataclass(frozen=True)
class VerifyResult:
    """A folder that is whole."""

    images: int = 4
    bytes: int = 6_100_000
    damaged: tuple[tuple[str, str], ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReconcileResult:
    """A bill that explains everything."""

    billed: int = 12_340_000
    settled: int = 12_000_000
    confirmed: int = 340_000
    cleared: int = 60_000
    at_risk: int = 0
    unexplained: int = 0


@dataclass(frozen=True)
class Held:
    """A job that waits."""

    job_id: str = "sofa-1"
    why: str = "timeout after 600 s"
    at_risk: int = 250_000


@dataclass(frozen=True)
class AdoptResult:
    """A ledger rebuilt."""

    jobs: int = 2
    images: int = 4
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class Finding:
    """One thing examined."""

    name: str
    level: str
    text: str
    exit: Exit = Exit.ACCOUNT


def job(name: str = "sofa-1") -> Job:
    """A job of two images."""
    request = ImageRequest(Operation.GENERATE, "a sofa")
    return Job(name, "ab" * 32, request, 2, Stems((f"{name}-*",)))


def summary(exit_: Exit = Exit.OK, **blocks: Any) -> dict[str, Any]:
    """A summary as `batchgen.reporter` writes it; the blocks given hold for the folder and for this run."""
    block = {
        "jobs": {"total": 24, "done": 24},
        "images": {"wanted": 48, "stored": 48},
        "money": {
            "confirmed_micro_usd": 1_200_000,
            "estimated_micro_usd": 50_000,
            "at_risk_micro_usd": 0,
            "not_charged_micro_usd": 25_000,
            "cap_micro_usd": 5_000_000,
        },
        "seconds": 75.0,
        **blocks,
    }
    whole = reporter.nothing() | {"exit_code": int(exit_)} | block
    return whole | {"run_id": "2026-11-20T0200Z-7f3a", "this_run": dict(block)}


@dataclass(frozen=True)
class ReviewResult:
    """Decisions that were kept, and one that was not."""

    approved: int = 2
    rejected: int = 1
    left_out: tuple[Problem, ...] = (Problem("lamp [0] is left out", severity=Severity.WARNING),)


PRICE = Price(TokenPrices(Decimal(5), Decimal(30), Decimal(8)), as_of=date(2026, 11, 20))
MODEL = Model(
    name="gpt-image-1",
    status="deprecated",
    sizes=FixedSizes(("1024x1024", "1536x1024")),
    qualities=("low", "high"),
    output_tokens="table",
    input_tokens="tile512",
    price=PRICE,
    shutdown=date(2026, 10, 23),
    successor="gpt-image-2",
)
PROVIDER = Provider("apiyi", "https://api.apiyi.com/v1", "APIYI_API_KEY", "gpt-image-2", as_of=date(2026, 11, 20))


class FakeDoor:
    """Answers what it was told to, raises what it was told to, and remembers what it was asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.folder: Path | None = None
        self.canaries: tuple[str, ...] = ()

    def _answer(self, name: str, default: Any, *words: Any, **more: Any) -> Any:
        self.asked.append((name, words, more))
        answer = self.answers.get(name, default)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    @property
    def options(self) -> Options:
        """What the last command was told."""
        found = [word for word in self.asked[-1][1] if isinstance(word, Options)]
        return found[0]

    def check(self, manifest: Path, options: Options, /) -> CheckResult:
        return self._answer("check", CheckResult(), manifest, options)

    def plan(self, manifest: Path, options: Options, /) -> PlanResult:
        return self._answer("plan", PlanResult([Planned(job())]), manifest, options)

    def estimate(self, manifest: Path, options: Options, /, *, compare: bool) -> Estimate:
        return self._answer("estimate", Estimate(), manifest, options, compare=compare)

    def run(self, manifest: Path, options: Options, watch: Any, /) -> RunResult:
        result = self._answer("run", RunResult(summary()), manifest, options)
        for act in self.answers.get("meanwhile", ()):
            act(watch)
        return result

    def early_end(self, manifest: Path, options: Options, status: Exit, why: str, /) -> dict[str, Any]:
        return reporter.nothing() | {"exit_code": int(status), "why": why}

    def status(self, output: Path | None, /) -> dict[str, Any]:
        return self._answer("status", {"live": None, **summary()}, output)

    def report(self, output: Path | None, /) -> list[Path]:
        return self._answer("report", [Path("report/report.html"), Path("report/images.csv")], output)

    def verify(self, output: Path | None, /) -> VerifyResult:
        return self._answer("verify", VerifyResult(), output)

    def reconcile(self, output: Path | None, /, *, billed: int, since: date | None) -> ReconcileResult:
        return self._answer("reconcile", ReconcileResult(), output, billed=billed, since=since)

    def resolve(self, output: Path | None, /, *, decision: str | None, only: tuple[str, ...]) -> Sequence[Held]:
        return self._answer("resolve", (), output, decision=decision, only=only)

    def review(self, path: Path, output: Path | None, /) -> ReviewResult:
        return self._answer("review", ReviewResult(), path, output)

    def adopt(self, output: Path | None, /) -> AdoptResult:
        return self._answer("adopt", AdoptResult(), output)

    def doctor(self, provider: str | None, base_url: str | None, /) -> Sequence[Finding]:
        return self._answer("doctor", (Finding("key", "ok", "OPENAI_API_KEY is set"),), provider, base_url)

    def models(self) -> Sequence[Model]:
        return self._answer("models", (MODEL,))

    def providers(self) -> Sequence[Provider]:
        return self._answer("providers", (PROVIDER,))

    def schema(self) -> dict[str, Any]:
        return self._answer("schema", {"type": "object"})

    def secrets(self) -> Sequence[str]:
        return self.canaries

    def open_output(self) -> Path | None:
        return self.folder


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str
    door: FakeDoor

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Give = Callable[..., Ended]
