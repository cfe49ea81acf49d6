"""`batchgen run`: make the images."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from batchgen.cli import params
from batchgen.cli.command import Context, subcommand
from batchgen.errors import BatchgenError, Exit, Severity

if TYPE_CHECKING:
    from batchgen.app.config.options import Options
    from batchgen.app.run.start import RunResult

_COUNT = params.Whole(min=1)


def _choice(kind: str, *words: str) -> dict[str, Any]:
    """Take one of these words as a choice of this kind, which is loaded only then."""

    def read(_ctx: click.Context, _param: click.Parameter, word: str | None) -> Any:
        from batchgen import model

        return getattr(model, kind)(word) if word else None

    return {"type": click.Choice(words), "callback": read}


@subcommand("run")
@params.reads_manifest
@click.option("--max-cost", type=params.MONEY, help="Spend at most this many dollars in this run.")
@click.option("--max-images", type=_COUNT, metavar="N", help="Ask for at most this many images in this run.")
@click.option("--max-duration", type=params.DURATION, help="Start nothing new after this time, such as 2h or 90m.")
@click.option("--concurrency", type=_COUNT, metavar="N", help="Calls under way at the same time.  [default: 16]")
@params.only_option
@click.option("--first", type=_COUNT, metavar="N", help="Only the first N jobs.")
@click.option(
    "--sample", type=_COUNT, metavar="N", help="Only N jobs, spread over the manifest; the same ones every time."
)
@click.option(
    "--retry-failed", is_flag=True, help="Try jobs again that failed for good; moderated ones need another prompt."
)
@click.option(
    "--strict", is_flag=True, help="Exit 3, and tell, also where all that is amiss was told by an earlier run."
)
@params.skip_bad_rows_option
@click.option("--regenerate-missing", is_flag=True, help="Pay again for stored images whose files are gone.")
@params.rejected_option
@click.option(
    "--reworded",
    type=params.LocalPath(),
    metavar="FILE",
    help="Only moderated jobs that have another prompt in FILE, an edited report/moderated.csv.",
)
@click.option(
    "--on-uncertain",
    **_choice("OnUncertain", "retry", "hold"),
    help="A call that may have been paid: try once more, or hold the job.",
)
@click.option(
    "--if-locked",
    type=click.Choice(["fail", "wait", "skip"]),
    default="fail",
    show_default=True,
    help="Another run works in this folder: exit 75, wait for it, or exit 0.",
)
@click.option(
    "--route",
    **_choice("RouteChoice", "sync", "batch", "auto"),
    help="By calls, or in batches at half the price within a day.",
)
@click.option(
    "--engine",
    **_choice("EngineChoice", "local", "ray"),
    help="Make the calls from this process, or from all nodes of a Ray cluster.",
)
@click.option("--wait", is_flag=True, help="Stay until every batch is collected, or --max-duration is over.")
@params.store_option
@params.copy_from_option
@click.option("--dry-run", is_flag=True, help="Show the plan and send nothing.")
@click.option("--yes", is_flag=True, help="Answer the question before an expensive run.")
@click.option("--quiet", is_flag=True, help="Print nothing when all is well.")
@click.option("--log-json", type=params.LocalPath(), metavar="FILE", help="Write a log, one JSON object a line.")
def command(context: Context, /, manifest: Path, *, as_json: bool, quiet: bool, **words: Any) -> int:
    """Make the images of MANIFEST that are not stored yet, and a report of what they cost.

    Money is reserved before a call and settled after it; what is stored is never paid again, so the same command
    goes on where it was stopped. The first Ctrl-C lets the calls under way finish, the second stops at once.

    Without a terminal (cron) a limit is needed: --max-cost, or `limits` or `budget` in the manifest.

    Examples:
      batchgen run catalogue.yaml --max-cost 25
      batchgen run catalogue.yaml --first 3
      batchgen run catalogue.yaml --provider mock --output output/rehearsal
      batchgen run catalogue.yaml --only 'sofa-*' --retry-failed
      batchgen run catalogue.yaml --rejected
      batchgen run catalogue.yaml --quiet --max-cost 25 --if-locked skip

    Exit status:
      0        every wanted image is stored    1  a bug in batchgen
      2        input; nothing was spent          3  some jobs failed for good
      4        stopped at your limit             5  account: key, quota, billing
      6        provider unavailable              7  finished, jobs are held
      8        local storage                     9  submitted, to be collected
      75       another run holds the lock  130/143  interrupted; all is recorded
    """
    options = context.options(**words)
    if options.reworded and (options.rejected or options.dry_run):
        raise click.UsageError("--reworded goes with neither --rejected nor --dry-run.")
    if options.dry_run:
        from batchgen.cli.commands.plan import show_plan

        show_plan(context, manifest, options, as_json=as_json, quiet=quiet)
        return Exit.OK
    with always_json(context, manifest, options) if as_json else nullcontext():
        return _run(context, manifest, options, as_json=as_json, quiet=quiet)


def _run(context: Context, manifest: Path, options: "Options", *, as_json: bool, quiet: bool) -> int:
    from batchgen.app.run.start import run_manifest
    from batchgen.cli.screen import screen
    from batchgen.runtime.clock import SystemClock

    with screen(context.console, SystemClock().monotonic, quiet=quiet, yes=options.yes) as watch:
        result = run_manifest(manifest, options, watch, context.at)
    watch.finish(well=result.is_well)
    show_end(context, result, as_json=as_json, quiet=quiet)
    if as_json and not result.summary.get("run_id"):
        why = result.summary.get("why") or "; ".join(problem.message for problem in result.problems)
        _tell_early_end(context, manifest, options, result.exit, why)
    return result.exit


def show_end(context: Context, result: "RunResult", *, as_json: bool, quiet: bool) -> None:
    """Say how a run ended; under `quiet` only what was not told before. A run that never began has no object."""
    from batchgen.cli.render.summary import final_block

    silent = quiet and result.is_well
    problems = result.problems  # under --quiet a run that went well keeps its warnings to itself; they are in its log
    context.console.tell(one for one in problems if not silent or one.severity is Severity.ERROR)
    if as_json and result.summary.get("run_id"):
        context.console.json(result.summary)
    elif result.summary and not as_json and not silent:
        filled = context.console.data.isatty()
        places = (result.output, result.report)
        context.console.out(final_block(result.summary, result.exit, *places, store=result.store, filled=filled))


@contextmanager
def always_json(context: Context, manifest: Path, options: "Options") -> Iterator[None]:
    """Print an object for scripts for every exit but 2 and 75, even when a run could not begin."""
    from batchgen.cli.invoke import refusal

    try:
        yield
    except BatchgenError as error:
        if error.exit not in {Exit.INPUT, Exit.LOCKED}:
            _tell_early_end(context, manifest, options, error.exit, str(error))
        raise
    except KeyboardInterrupt:
        _tell_early_end(context, manifest, options, Exit.SIGINT, "interrupted before the run began")
        raise
    except Exception as error:
        status = Exit.STORAGE if refusal(error) else Exit.BUG
        _tell_early_end(context, manifest, options, status, type(error).__name__)
        raise


def _tell_early_end(context: Context, manifest: Path, options: "Options", status: Exit, why: str) -> None:
    from batchgen.app.run.early_exit import early_end

    context.console.json(early_end(manifest, options, status, why))
