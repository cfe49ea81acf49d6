"""batchgen from Python: load, plan, estimate, run, review and report, with the same rules as on the command line.

Options are those of the command line, by their names in `batchgen.app.Options`: `provider="mock"`, `output=Path(...)`,
`max_cost=from_usd("25")`. Every function raises `BatchgenError`; `InputError` carries each problem with its place.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from batchgen import app
from batchgen.app.options import Options

if TYPE_CHECKING:
    from pandas import DataFrame

    from batchgen.app.planning import EstimateResult
    from batchgen.app.reviewing import ReviewResult
    from batchgen.app.running import RunResult
    from batchgen.manifest import Manifest
    from batchgen.planner import Planned


def load(manifest: Path | str) -> "Manifest":
    """Read and check a manifest without expanding it."""
    from batchgen import manifest as room

    return room.load(manifest)


def plan(manifest: Path | str, **options: Any) -> "Iterator[Planned]":
    """Each job with what a run would do with it, why, and what that may cost; nothing is sent."""
    return app.plan(Path(manifest), Options(**options)).rows()


def estimate(manifest: Path | str, *, compare: bool = False, **options: Any) -> "EstimateResult":
    """What a run would cost; with `compare`, what the same work would cost elsewhere."""
    return app.estimate(Path(manifest), Options(**options), compare=compare)


async def run(manifest: Path | str, **options: Any) -> "RunResult":
    """Draw what is left to do. The run works in a thread of its own; cancelling does not stop it, a limit does."""
    from batchgen.app.progress import Unwatched

    return await asyncio.to_thread(app.run, Path(manifest), Options(**options), Unwatched())


def review(decisions: Path | str, output: Path | str | None = None) -> "ReviewResult":
    """Keep what people decided about pictures of an output folder: a file that its report page exported, or a table."""
    return app.review(Path(decisions), None if output is None else Path(output))


def report(output: Path | str, table: str = "images") -> "DataFrame":
    """One table of an output folder's report (`images`, `jobs` or `usage`), read from its ledger."""
    from batchgen import reporter
    from batchgen.app import keeping

    with keeping.opened(Path(output), readonly=True) as (ledger, _):
        return reporter.frame(ledger, table)
