"""What a person said on the command line, or a program to the Python API."""

from dataclasses import dataclass
from pathlib import Path

from batchgen.model import EngineChoice, OnUncertain, RouteChoice
from batchgen.model.shard import Shard
from batchgen.money import MicroUSD


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Choices of one command; None and empty leave it to the manifest. Times in seconds, money in micro-dollars."""

    provider: str | None = None
    base_url: str | None = None
    output: Path | None = None
    max_cost: MicroUSD | None = None
    max_images: int | None = None
    max_duration: float | None = None
    concurrency: int | None = None
    only: tuple[str, ...] = ()
    first: int | None = None
    sample: int | None = None
    retry_failed: bool = False
    skip_bad_rows: bool = False
    strict: bool = False
    regenerate_missing: bool = False
    rejected: bool = False
    reworded: Path | None = None
    on_uncertain: OnUncertain | None = None
    if_locked: str = "fail"
    dry_run: bool = False
    yes: bool = False
    log_json: Path | None = None
    route: RouteChoice | None = None
    engine: EngineChoice | None = None
    wait: bool = False
    store: str | None = None
    copy_from: str | None = None
    shard: Shard | None = None
