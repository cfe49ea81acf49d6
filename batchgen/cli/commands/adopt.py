"""`batchgen adopt`: a new ledger for pictures that are there."""

from pathlib import Path

import click

from batchgen.cli import spoken
from batchgen.cli.desk import Desk
from batchgen.cli.params import output_argument
from batchgen.errors import Exit


@spoken.command("adopt")
@output_argument
@click.pass_obj
def command(desk: Desk, output: Path | None) -> int:
    """Rebuild the lost ledger of the folder OUTPUT from its pictures and what was written beside them.

    Afterwards a run knows what is stored and pays for none of it again. Nothing is sent, no picture is changed.
    Without OUTPUT, the folder below `output/` that was written last.

    Examples:
      batchgen adopt output/autumn-catalogue
    """
    from batchgen.cli.words.upkeep import adopted

    desk.paper.out(adopted(desk.app.adopt(output)))
    return Exit.OK
