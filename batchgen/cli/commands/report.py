"""`batchgen report`: the report again."""

from pathlib import Path

import click

from batchgen.cli.command import subcommand
from batchgen.cli.context import Context
from batchgen.cli.params import output_argument
from batchgen.errors import Exit
from batchgen.text import safe


@subcommand("report")
@output_argument
@click.pass_obj
def command(context: Context, output: Path | None) -> int:
    """Write the report of the folder OUTPUT again, from its ledger alone, and print the paths of its files.

    Without OUTPUT, the folder below `output/` that was written last.

    Examples:
      batchgen report
      batchgen report output/autumn-catalogue
    """
    from batchgen.app.output.maintain import write_report

    for path in write_report(context.output(output)):
        context.console.out(safe(path, 4000))
    return Exit.OK
