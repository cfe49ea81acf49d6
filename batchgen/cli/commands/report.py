"""`batchgen report`: the report again."""

from pathlib import Path

import click

from batchgen.cli import spoken
from batchgen.cli.desk import Desk
from batchgen.cli.params import output_argument
from batchgen.errors import Exit
from batchgen.text import safe


@spoken.command("report")
@output_argument
@click.pass_obj
def command(desk: Desk, output: Path | None) -> int:
    """Write the report of the folder OUTPUT again, from its ledger alone, and print the paths of its files.

    Without OUTPUT, the folder below `output/` that was written last.

    Examples:
      batchgen report
      batchgen report output/autumn-catalogue
    """
    for path in desk.app.report(output):
        desk.paper.out(safe(path, 4000))
    return Exit.OK
