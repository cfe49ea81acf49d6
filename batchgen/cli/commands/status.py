"""`batchgen status`: where a run stands."""

from pathlib import Path

import click

from batchgen.cli import spoken
from batchgen.cli.desk import Desk
from batchgen.cli.params import output_argument
from batchgen.errors import Exit


@spoken.command("status")
@output_argument
@click.pass_obj
def command(desk: Desk, output: Path | None) -> int:
    """Say where the run in the folder OUTPUT stands, while it works or afterwards. Nothing is sent or changed.

    Without OUTPUT, the folder below `output/` that was written last.

    Examples:
      batchgen status
      batchgen status output/autumn-catalogue
    """
    from batchgen.cli.words.summary import status_block

    desk.paper.out(status_block(desk.app.status(output)))
    return Exit.OK
