"""`batchgen plan`: what would happen, job by job."""

from pathlib import Path
from typing import Any

import click

from batchgen.cli.command import subcommand
from batchgen.cli.context import Context
from batchgen.cli.params import reads_manifest, rejected_option
from batchgen.errors import Exit


@subcommand("plan")
@reads_manifest
@rejected_option
@click.pass_obj
def command(context: Context, /, manifest: Path, *, as_json: bool, **words: Any) -> int:
    """Say for each job of MANIFEST what a run would do, why, and what it may cost. Nothing is sent.

    Each job has one of these words:
      new      never drawn
      changed  its content changed since; says which field
      retry    failed before
      top-up   some of its images are missing
      stored   nothing to do
      held     may have been paid; see `batchgen resolve`
      skip     stopped for good by moderation
      redraw   rejected; --rejected draws it again, with the note
      frozen   approved, and asked for otherwise since: it stays as it was
      wait     its preview is not approved yet

    Examples:
      batchgen plan catalogue.yaml
      batchgen plan catalogue.yaml --json | jq -r '.actions[].why'

    Exit status: 0, or 2 when the manifest has errors.
    """
    return show_plan(context, manifest, context.options(**words), as_json=as_json)


def show_plan(context: Context, manifest: Path, options: Any, *, as_json: bool, quiet: bool = False) -> int:
    """Print the plan as lines or as one JSON object; a million jobs are never in memory at once."""
    from batchgen.cli.render.money import total
    from batchgen.cli.render.plan import plan_head, plan_line

    result = context.app.plan(manifest, options)
    if as_json:
        _stream_json(context, result)
    else:
        for count, planned in enumerate(result.rows()):
            if not quiet:
                context.console.out(plan_line(planned) if count else plan_head() + plan_line(planned))
        if not quiet:
            context.console.out("\n" + total(result.estimate))
    context.tell(() if quiet else result.estimate.warnings)
    return Exit.OK


def _stream_json(context: Context, result: Any) -> None:
    """Actions are spooled, so that stdout gets one whole object or, when the manifest turns out wrong, nothing."""
    import json
    import shutil
    from tempfile import SpooledTemporaryFile

    from batchgen.cli.render.money import estimate_json
    from batchgen.cli.render.plan import plan_action

    with SpooledTemporaryFile(8_000_000, "w+", encoding="ascii") as spool:
        for count, planned in enumerate(result.rows()):
            spool.write((",\n" if count else "\n") + json.dumps(plan_action(planned)))
        spool.seek(0)
        head = json.dumps(estimate_json(result.estimate), indent=2, allow_nan=False).removesuffix("\n}")
        context.console.data.write(f'{head},\n  "actions": [')
        shutil.copyfileobj(spool, context.console.data)
        context.console.data.write("\n  ]\n}\n")
