"""`batchgen reconcile`: the account against a bill."""

from datetime import datetime
from pathlib import Path

import click

from batchgen.cli.command import subcommand
from batchgen.cli.context import Context
from batchgen.cli.params import Money, output_argument
from batchgen.errors import Exit
from batchgen.money import MicroUSD


@subcommand("reconcile")
@output_argument
@click.option("--billed", type=Money(), required=True, help="What the provider billed, in dollars, such as 12.34.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="The bill begins on this day (UTC).")
@click.pass_obj
def command(context: Context, output: Path | None, billed: MicroUSD, since: datetime | None) -> int:
    """Settle what is at risk in the folder OUTPUT against the provider's bill.

    A call that broke off after it was sent may have been paid, and stays counted until a bill decides. Money at
    risk that is on the bill is confirmed, oldest first; what is not is cleared. What the bill does not explain is
    said. Nothing is sent. Without OUTPUT, the folder below `output/` that was written last.

    Examples:
      batchgen reconcile output/autumn-catalogue --billed 12.34
      batchgen reconcile --billed 3.10 --since 2026-11-01
    """
    from batchgen.app.output import maintain
    from batchgen.cli.render.upkeep import reconciled

    day = since.date() if since else None
    context.console.out(reconciled(maintain.reconcile(context.output(output), billed=billed, since=day)))
    return Exit.OK
