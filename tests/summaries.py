"""Summaries of runs as the reporter writes them, with the numbers that a test gives."""

from typing import Any

from batchgen import reporter
from batchgen.errors import Exit


def summary(exit_: Exit = Exit.OK, **blocks: Any) -> dict[str, Any]:
    """Say how a run of 24 jobs went; the blocks given hold for the folder and for this run."""
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
