"""`batchgen prune`: remove what is old and no longer needed."""

from pathlib import Path

import click

from batchgen.cli.command import Context, subcommand
from batchgen.cli.params import AGE, json_option, output_argument


@subcommand("prune")
@output_argument
@click.option("--older-than", type=AGE, required=True, help="How old what is removed must be, such as 90d.")
@click.option("--dry-run", is_flag=True, help="Say what would be removed, and remove nothing.")
@json_option
def command(context: Context, output: Path | None, *, older_than: float, dry_run: bool, as_json: bool) -> None:
    """Remove old runs, quarantined answers and superseded images of the folder OUTPUT. Nothing is sent.

    The images in their places, the ledger and the report stay, and every sum is what it was. Nothing that is approved,
    at risk, or evidence of it is removed, nor the latest run, nor files that batchgen did not write. An image that is
    removed and asked for once more has to be paid again: --regenerate-missing. Without OUTPUT, the folder below
    `output/` that was written last.

    Examples:
      batchgen prune output/autumn-catalogue --older-than 90d --dry-run
      batchgen prune output/autumn-catalogue --older-than 90d

    Exit status: 0, or 75 while a run is at work in the folder.
    """
    from batchgen.app.output.prune import prune
    from batchgen.cli.render.upkeep import pruned, pruned_json

    result = prune(context.output(output), older_than, dry_run=dry_run)
    context.console.show(pruned_json(result) if as_json else pruned(result))
