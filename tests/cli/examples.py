"""Results of the rooms below with small numbers, for what the command line makes of them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from batchgen.app.output.adopt import AdoptResult
from batchgen.app.output.maintain import ReconcileResult, VerifyResult
from batchgen.app.preview.check import CheckResult
from batchgen.app.preview.compare import CompareRow
from batchgen.app.preview.plan import EstimateResult
from batchgen.app.watch import Progress
from batchgen.errors import Problem
from batchgen.ledger import Held
from batchgen.manifest import ManifestSummary
from batchgen.model import ImageRequest, Job, Operation, Quote, Reason, Stems
from batchgen.money import MicroUSD
from batchgen.planner import Action, CostRow, Planned, TagRow
from batchgen.pricing import Cost

AMOUNTS: dict[str, Any] = {"low": MicroUSD(10_000), "expected": MicroUSD(20_000), "high": MicroUSD(40_000)}
QUOTE = Quote(**AMOUNTS)
PROGRESS = Progress(
    3, 24, 6, 48, MicroUSD(120_000), MicroUSD(5_000_000), 12.4, 200.0, retries=1, in_flight=16, state="running"
)


def cost_row(**more: Any) -> CostRow:
    """One line of the cost table."""
    kind: dict[str, Any] = {
        "model": "gpt-image-2",
        "size": "1024x1024",
        "quality": "low",
        "provider": "mock",
        "jobs": 2,
        "images": 4,
    }
    return CostRow(**kind | AMOUNTS | more)


def tag_row(**more: Any) -> TagRow:
    """One value of one tag."""
    kind: dict[str, Any] = {"tag": "category", "value": "sofas", "jobs": 2, "images": 4}
    return TagRow(**kind | AMOUNTS | more)


def offer(provider: str = "openai", expected: int | None = 20_000, **more: Any) -> CompareRow:
    """One offer."""
    price = None if expected is None else MicroUSD(expected)
    kind = {"model": "gpt-image-2", "quality": "low", "route": "sync"}
    return CompareRow(**{"provider": provider, "expected": price} | kind | more)


def estimate(**more: Any) -> EstimateResult:
    """Two jobs of two images each."""
    counts = {"jobs": 2, "images": 4, "calls": 2, "wall_seconds": 75.0, "input_tokens": 120, "output_tokens": 1088}
    return EstimateResult(**AMOUNTS | counts | {"rows": (cost_row(),), "tags": (tag_row(),)} | more)


def planned(
    name: str = "sofa-1",
    action: Action = Action.NEW,
    why: str = "never drawn",
    slots: tuple[int, ...] = (0, 1),
    quote: Quote | None = QUOTE,
) -> Planned:
    """Return a job of two images that would be drawn."""
    job = Job(name, "ab" * 32, ImageRequest(Operation.GENERATE, "a sofa"), 2, Stems((f"{name}-*",)))
    cost = None if quote is None else Cost(quote, 1, "gpt-image-2", "1024x1024", "low", "mock")
    return Planned(job, action, why, slots, cost)


def checked(*problems: Problem, summary: ManifestSummary | None = None) -> CheckResult:
    """Two jobs out of three rows."""
    return CheckResult(problems, summary or ManifestSummary(rows=3, planned=2, skipped=1, rejected=0, images=4))


def verified(
    images: int = 4, size: int = 6_100_000, damaged: tuple[tuple[str, str], ...] = (), missing: tuple[str, ...] = ()
) -> VerifyResult:
    """Check that a folder that is whole."""
    return VerifyResult(images, size, damaged, missing)


def reconciled(unexplained: int = 0) -> ReconcileResult:
    """Return a bill of $12.34."""
    return ReconcileResult(*map(MicroUSD, (12_340_000, 12_000_000, 340_000, 60_000, 0, unexplained)))


def held(name: str = "sofa-1", why: str = "timeout after 600 s", at_risk: int = 250_000) -> Held:
    """Return a job that waits."""
    return Held(name, "ab" * 32, (0,), MicroUSD(at_risk), datetime(2026, 11, 20, tzinfo=UTC), Reason(detail=why))


def adopted(jobs: int = 2, images: int = 4, unknown: tuple[str, ...] = ()) -> AdoptResult:
    """Return a ledger rebuilt."""
    return AdoptResult(jobs, images, unknown)


REPORT = Path("output/shop/report/report.html")
