"""`batchgen plan`: what would happen, job by job."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from batchgen.cli.command import Context, subcommand
from batchgen.cli.console import Console
from batchgen.cli.params import reads_manifest, rejected_option, skip_bad_rows_option

if TYPE_CHECKING:
    from batchgen.app.config.options import Options
    from batchgen.planner import Estimate, Planned

AT_ONCE = 256
"""Jobs that are written as JSON in one go."""


@subcommand("plan")
@reads_manifest
@skip_bad_rows_option
@rejected_option
def command(context: Context, /, manifest: Path, *, as_json: bool, **words: Any) -> None:
    """Say for each job of MANIFEST what a run would do, why, and what it may cost. Nothing is sent.

    Each job has one of these words:
      new      never drawn
      changed  its content changed since; says which field
      retry    failed before
      top-up   some of its images are missing
      stored   nothing to do
      held     may have been paid; see `batchgen resolve`
      skip     moderated or failed for good
      redraw   rejected; --rejected draws it again, with the note
      frozen   approved, and asked for otherwise since: it stays as it was
      wait     waits for somebody's approval, or for checks
      submitted  waits at the provider; the same command collects it

    The last lines say what it costs, and which jobs your limits would not reach, in the order of `priority`.

    Examples:
      batchgen plan catalogue.yaml
      batchgen plan catalogue.yaml --json | jq -r '.actions[].why'

    Exit status: 0, or 2 when the manifest has errors.
    """
    show_plan(context, manifest, context.options(**words), as_json=as_json)


def show_plan(context: Context, manifest: Path, options: "Options", *, as_json: bool, quiet: bool = False) -> None:
    """Print the plan as lines or as one JSON object; a million jobs are never in memory at once."""
    from batchgen.app.preview.plan import plan_manifest
    from batchgen.cli.render.money import at_each, plan_head, plan_line, total

    result = plan_manifest(manifest, options)
    if not quiet:
        context.uses(result.project.output)
    if as_json:
        print_json(context.console, result, lambda: result.estimate)
    else:
        for count, planned in enumerate(result):
            if not quiet:
                context.console.out(plan_line(planned) if count else plan_head() + plan_line(planned))
        if not quiet:
            context.console.out("\n" + total(result.estimate) + at_each(result.estimate))
    context.console.tell(() if quiet else result.estimate.warnings)


def print_json(console: Console, rows: "Iterable[Planned]", estimate: "Callable[[], Estimate]") -> None:
    """Print one whole object or, when a row turns out wrong, nothing; `estimate` is asked when the rows have ended."""
    import json
    import shutil
    from itertools import islice
    from tempfile import SpooledTemporaryFile

    from batchgen.cli.render.money import estimate_json, plan_action

    with SpooledTemporaryFile(8_000_000, "w+", encoding="ascii") as spool:
        actions, before = map(plan_action, rows), "\n"
        while some := list(islice(actions, AT_ONCE)):
            # No text holds a quotation mark that is not escaped, so this stands between two actions only.
            spool.write(before + json.dumps(some)[1:-1].replace('}, {"id": ', '},\n{"id": '))
            before = ",\n"
        spool.seek(0)
        head = json.dumps(estimate_json(estimate()), indent=2, allow_nan=False).removesuffix("\n}")
        console.data.write(f'{head},\n  "actions": [')
        shutil.copyfileobj(spool, console.data)
        console.data.write("\n  ]\n}\n")
