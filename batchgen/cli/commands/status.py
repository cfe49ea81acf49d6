"""`batchgen status`: where a run stands."""

from pathlib import Path

import click

from batchgen.cli.command import subcommand
from batchgen.cli.context import Context
from batchgen.cli.params import json_option, output_argument
from batchgen.errors import Exit


@subcommand("status")
@output_argument
@json_option
@click.pass_obj
def command(context: Context, output: Path | None, *, as_json: bool) -> int:
    """Say where the run in the folder OUTPUT stands, while it works or afterwards. Nothing is sent or changed.

    Without OUTPUT, the folder below `output/` that was written last.

    Examples:
      batchgen status
      batchgen status output/autumn-catalogue
      batchgen status --json | jq .state
    """
    from batchgen.app.output.maintain import read_status
    from batchgen.cli.render.summary import status_block, status_json

    status = read_status(context.output(output))
    if as_json:
        context.console.json(status_json(status))
    else:
        context.console.out(status_block(status))
    return Exit.OK
