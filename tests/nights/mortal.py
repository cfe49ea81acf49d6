"""A run in a process of its own, which a durable step may kill: the launcher's child becomes this."""

import json
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from batchgen.app.config.options import Options
from batchgen.app.run.start import run_manifest
from batchgen.app.watch import Unwatched
from batchgen.ledger import nowhere
from batchgen.model import RouteChoice
from batchgen.money import MicroUSD
from tests.nights.almanac import Almanac, Machine

PROGRAM = f"{__name__}:main"


def words(manifest: Path, output: Path, route: RouteChoice, cap: int, almanac: Almanac, wrong: timedelta) -> str:
    """Say what to run, and what time it is."""
    time = [almanac.start.isoformat(), almanac.began, almanac.passed, wrong.total_seconds()]
    return json.dumps([str(manifest), str(output), route.value, cap, *time])


def main(told: Sequence[str], at: Callable[[str], None] | None = None) -> int:
    """Run; the exit status."""
    manifest, output, route, cap, start, began, passed, wrong = json.loads(told[0])
    logging.disable(logging.CRITICAL)
    machine = Machine(Almanac(datetime.fromisoformat(start), began, passed))
    machine.wrong = timedelta(seconds=wrong)
    options = Options(output=Path(output), max_cost=MicroUSD(cap), route=RouteChoice(route))
    return int(run_manifest(Path(manifest), options, Unwatched(), at or nowhere, clock=machine).exit)
