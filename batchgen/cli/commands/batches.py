"""`batchgen batches`: what waits at the provider."""

from pathlib import Path

import click

from batchgen.cli.command import Context, subcommand
from batchgen.cli.params import json_option, output_argument
from batchgen.errors import Exit


@subcommand("batches")
@output_argument
@click.option("--cancel", metavar="ID|all", help="Ask the provider to cancel this batch, or all that are there.")
@json_option
def command(context: Context, output: Path | None, *, cancel: str | None, as_json: bool) -> int:
    """List the batches of the folder OUTPUT: state, counts, money and times, as of the latest run.

    Nothing is sent, unless a batch is to be cancelled: what it has drawn by then still comes, and is charged.
    Without OUTPUT, the folder below `output/` that was written last.

    Examples:
      batchgen batches
      batchgen batches output/autumn-catalogue --json
      batchgen batches --cancel all
    """
    from batchgen.app.output.batches import cancel_batches, list_batches
    from batchgen.cli.render.upkeep import batch_table, batches_json, cancelled

    folder = context.output(output)
    if cancel is None:
        rows = list_batches(folder)
        context.console.show(batches_json(rows) if as_json else batch_table(rows))
        return Exit.OK
    found = cancel_batches(folder, cancel)
    taken = [one.batch for one in found if not one.refused]
    context.console.show(batches_json(taken) if as_json else cancelled(found))
    return Exit.UNAVAILABLE if any(one.refused for one in found) else Exit.OK
