"""`batchgen verify`: whether the images are still whole."""

from pathlib import Path

import click

from batchgen.cli.command import Context, subcommand
from batchgen.cli.params import output_argument
from batchgen.errors import Exit


@subcommand("verify")
@output_argument
@click.option("--read", is_flag=True, help="Read every byte in a store elsewhere too, instead of a listing.")
def command(context: Context, output: Path | None, *, read: bool) -> int:
    """Read every stored image of the folder OUTPUT again: its hash and its pixels. No image is changed.

    Images in a store elsewhere are compared by size and version with what the store lists.

    Without OUTPUT, the folder below `output/` that was written last.

    Examples:
      batchgen verify
      batchgen verify output/autumn-catalogue

    Exit status: 0 when all are whole, 8 when files are damaged or missing.
    """
    from batchgen.app.output import maintain
    from batchgen.cli.render.upkeep import verified

    result = maintain.verify(context.output(output), read=read)
    context.console.out(verified(result))
    return Exit.STORAGE if result.damaged or result.missing else Exit.OK
