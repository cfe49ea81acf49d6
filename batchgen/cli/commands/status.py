"""`batchgen status`: where a run stands."""

from pathlib import Path

import click

from batchgen.cli.command import subcommand
from batchgen.cli.context import Context
from batchgen.cli.params import output_argument
from batchgen.errors import Exit


@subcommand("status")
@output_argument
@click.pass_obj
def command(context: Context, output: Path | None) -> int:
    """Say where the run in the folder OUTPUT stands, while it works or afterwards. Nothing is sent or changed.

    Without OUTPUT, the folder below `output/` that was written last.

    Examples:
      batchgen status
      batchgen status output/autumn-catalogue
    """
    from batchgen.app.output.maintain import read_status
    from batchgen.cli.render.summary import status_block

    context.console.out(status_block(read_status(output)))
    return Exit.OK
