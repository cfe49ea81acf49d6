"""`batchgen verify`: whether the images are still whole."""

from pathlib import Path

import click

from batchgen.cli.command import subcommand
from batchgen.cli.context import Context
from batchgen.cli.params import output_argument
from batchgen.errors import Exit


@subcommand("verify")
@output_argument
@click.pass_obj
def command(context: Context, output: Path | None) -> int:
    """Read every stored image of the folder OUTPUT again: its hash and its pixels. No image is changed.

    Without OUTPUT, the folder below `output/` that was written last.

    Examples:
      batchgen verify
      batchgen verify output/autumn-catalogue

    Exit status: 0 when all are whole, 8 when files are damaged or missing.
    """
    from batchgen.app.output import maintain
    from batchgen.cli.render.upkeep import verified

    result = maintain.verify(context.output(output))
    context.console.out(verified(result))
    return Exit.STORAGE if result.damaged or result.missing else Exit.OK
