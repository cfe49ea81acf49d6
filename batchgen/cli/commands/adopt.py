"""`batchgen adopt`: a new ledger for images that are there."""

from pathlib import Path

import click

from batchgen.cli.command import subcommand
from batchgen.cli.context import Context
from batchgen.cli.params import output_argument
from batchgen.errors import Exit


@subcommand("adopt")
@output_argument
@click.pass_obj
def command(context: Context, output: Path | None) -> int:
    """Rebuild the lost ledger of the folder OUTPUT from its images and what was written beside them.

    Afterwards a run knows what is stored and pays for none of it again. Nothing is sent, no image is changed.
    Without OUTPUT, the folder below `output/` that was written last.

    Examples:
      batchgen adopt output/autumn-catalogue
    """
    from batchgen.app.output.adopt import adopt
    from batchgen.cli.render.upkeep import adopted

    context.console.out(adopted(adopt(context.output(output))))
    return Exit.OK
