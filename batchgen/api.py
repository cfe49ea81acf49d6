"""batchgen from Python: load, plan, estimate, run, review and report, with the same rules as on the command line.

A manifest is its path, or what `load` returned, which stands for its file: that is read again. Options are those of
`batchgen run`, by their names; None leaves one to the manifest.

- `output`, `reworded`, `log_json` and a `provider` of your own are paths: a str or a Path. `base_url` is a str.
- `max_cost` is in dollars: `25`, `0.5`, `"25.00"` or a Decimal. In results, money is whole micro-dollars (1,000,000 are
  one dollar), in names that end in `_micro_usd` or values of the type `MicroUSD`: divide them before giving them back.
- `max_duration` is in seconds, or words such as `"1h30m"`, or a timedelta.
- `max_images`, `concurrency`, `first` and `sample` are whole numbers from 1.
- `only` is one pattern of job ids or several: `"sofa-*"`, `["sofa-*", "lamp-1"]`.
- `retry_failed`, `skip_bad_rows`, `regenerate_missing`, `rejected`, `strict` and `wait` are True or False.
- `store` and `copy_from` are addresses of stores. `shard` is one such as `"3/8"`.
- `on_uncertain` is `"retry"` or `"hold"`, `if_locked` is `"fail"`, `"wait"` or `"skip"`.
- `route` is `"sync"`, `"batch"` or `"auto"`, `engine` is `"local"` or `"ray"`.

Results say on one line what they came to, and in a notebook as a table. `RunResult.images()` are absolute paths.

Every function raises `BatchgenError`; `InputError` carries each problem with its place, or the name of the argument.
What the machine refuses (a folder without permission) may also come as an OSError.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from batchgen.app.config import arguments
from batchgen.app.config.arguments import PlanOptions, RunOptions
from batchgen.app.config.options import Options
from batchgen.errors import InputError

if TYPE_CHECKING:
    from pandas import DataFrame

    from batchgen.app.preview.plan import EstimateResult, PlanResult
    from batchgen.app.review.decisions import ReviewResult
    from batchgen.app.run.start import RunResult
    from batchgen.manifest import Manifest


def load(manifest: "Path | str | Manifest") -> "Manifest":
    """Read and check a manifest without expanding it."""
    from batchgen import manifest as room

    return room.load(_file(manifest))


def plan(manifest: "Path | str | Manifest", **options: Unpack[PlanOptions]) -> "PlanResult":
    """Each job with what a run would do with it, why, and what that may cost; nothing is sent.

    Iterate over the result; its `estimate` is complete after the last job.

    Takes every option of a run but `reworded`.
    """
    from batchgen.app.preview.plan import plan_manifest

    return plan_manifest(_file(manifest), _foretold(options))


def estimate(
    manifest: "Path | str | Manifest", *, compare: bool = False, qualities: bool = False, **options: Unpack[PlanOptions]
) -> "EstimateResult":
    """Say what a run would cost; with `compare`, what the same work would cost elsewhere, with `qualities` at each.

    Takes every option of a run but `reworded`. Amounts are in micro-dollars.
    """
    from batchgen.app.preview.plan import estimate_manifest

    everywhere = arguments.argument("compare", arguments.flag, compare)
    each = arguments.argument("qualities", arguments.flag, qualities)
    return estimate_manifest(_file(manifest), _foretold(options), compare=everywhere, qualities=each)


async def run(
    manifest: "Path | str | Manifest", *, progress: bool | None = None, **options: Unpack[RunOptions]
) -> "RunResult":
    """Draw what is left to do. The run works in a thread of its own; cancelling does not stop it, a limit does.

    `max_cost` is in dollars and `max_duration` in seconds, as above; the result's `summary` is in micro-dollars.
    `progress` shows where the run stands on one line; by default only in IPython and notebooks.
    """
    return await asyncio.to_thread(_run(manifest, options, progress=progress))


def run_sync(
    manifest: "Path | str | Manifest", *, progress: bool | None = None, **options: Unpack[RunOptions]
) -> "RunResult":
    """Do as `run` does and wait for its end, also where an event loop runs already, as in a notebook.

    In a program without one, the run works in this thread: Ctrl-C lets the calls under way finish. Beside a loop
    it works in a thread of its own, which an interrupt does not stop: a limit does.
    """
    work = _run(manifest, options, progress=progress)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return work()
    pool = ThreadPoolExecutor(1)
    try:
        return pool.submit(copy_context().run, work).result()
    finally:
        pool.shutdown(wait=False)


def _run(manifest: "Path | str | Manifest", options: RunOptions, *, progress: bool | None) -> "Callable[[], RunResult]":
    from batchgen.app import notebook
    from batchgen.app.run.start import run_manifest

    wish = None if progress is None else arguments.argument("progress", arguments.flag, progress)
    file, read = _file(manifest), arguments.options(options)

    def work() -> "RunResult":
        with notebook.watching(progress=wish) as watch:
            return run_manifest(file, read, watch)

    return work


def review(decisions: Path | str, output: "Path | str | RunResult | ReviewResult | None" = None) -> "ReviewResult":
    """Keep what people decided about images of an output folder: a file that its report page exported, or a table.

    Without `output`, the folder of the latest run below `output/`.
    """
    from batchgen.app.review import decisions as room

    file = arguments.argument("decisions", arguments.path, decisions)
    return room.review(file, None if output is None else arguments.argument("output", arguments.folder, output))


def report(output: "Path | str | RunResult | ReviewResult", table: str = "images") -> "DataFrame":
    """One table of an output folder's report (`images`, `jobs` or `usage`), read from its ledger.

    The folder is its path, or the result of the run that wrote to it.
    """
    from batchgen import reporter
    from batchgen.app.output import maintain

    with maintain.opened(arguments.argument("output", arguments.folder, output), readonly=True) as output_:
        return reporter.frame(output_.ledger, table)


def _file(manifest: "Path | str | Manifest") -> Path:
    from batchgen.manifest import Manifest

    return manifest.path if isinstance(manifest, Manifest) else arguments.argument("manifest", arguments.path, manifest)


def _foretold(options: PlanOptions) -> Options:
    read = arguments.options(options)
    if read.reworded:
        raise InputError("reworded: goes with a run only; nothing tells before what other words would draw")
    return read
