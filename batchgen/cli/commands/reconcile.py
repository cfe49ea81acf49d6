"""`batchgen reconcile`: the account against a bill."""

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from batchgen.cli.command import Context, subcommand
from batchgen.cli.params import MONEY, base_url_option, json_option, output_argument
from batchgen.money import MicroUSD


@subcommand("reconcile")
@output_argument
@click.option("--billed", type=MONEY, help="What the provider billed, in dollars, such as 12.34.")
@click.option(
    "--from", "source", type=click.Choice(["openai"]), help="Read the provider's own books, with OPENAI_ADMIN_KEY."
)
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="The bill begins on this day (UTC).")
@click.option(
    "--key-id", "key_ids", multiple=True, metavar="ID", help="With --from: a key of this ledger, by its id there."
)
@click.option(
    "--provider", "labels", multiple=True, metavar="LABEL", help="With --from: what a manifest calls it, too."
)
@base_url_option
@json_option
def command(
    context: Context,
    /,
    output: Path | None,
    *,
    billed: MicroUSD | None,
    source: str | None,
    since: datetime | None,
    as_json: bool,
    **more: Any,
) -> None:
    """Settle what is at risk in the folder OUTPUT against the provider's bill.

    A call that broke off after it was sent may have been paid, and stays counted until a bill decides. Money at
    risk that is on the bill is confirmed, oldest first; what is not is cleared. What the bill does not explain is
    said. Without OUTPUT, the folder below `output/` that was written last.

    With `--billed` nothing is sent. With `--from openai` the organisation's books are read: costs by the day, image
    usage by the hour. OPENAI_ADMIN_KEY goes to the vendor, or to this machine with `--base-url`, and nowhere else.
    Days that ended less than 48 hours ago wait, and nothing is settled on doubt. Every difference between bill and
    ledger is a line of report/reconciled.csv.

    Examples:
      batchgen reconcile output/autumn-catalogue --billed 12.34
      batchgen reconcile --billed 3.10 --since 2026-11-01
      batchgen reconcile --from openai --since 2026-11-01
    """
    _check(billed, source, more)
    day, folder = since.date() if since else None, context.output(output)
    if billed is not None:
        from batchgen.app.output import maintain
        from batchgen.cli.render import upkeep

        found = maintain.reconcile(folder, billed=billed, since=day)
        context.console.show(upkeep.reconciled_json(found) if as_json else upkeep.reconciled(found))
    else:
        from batchgen.app.bill.reconcile import reconcile_books
        from batchgen.cli.render import bill

        read = reconcile_books(folder, since=day, **more)
        context.console.show(bill.books_json(read) if as_json else bill.books(read))


def _check(billed: MicroUSD | None, source: str | None, more: dict[str, Any]) -> None:
    if billed is None and source is None:
        raise click.UsageError("Missing option '--billed' (what a bill says) or '--from' (read the provider's books).")
    if billed is not None and source is not None:
        raise click.UsageError("--billed and --from exclude each other.")
    if source is None and (more["key_ids"] or more["base_url"] or more["labels"]):
        raise click.UsageError("--key-id, --provider and --base-url belong to --from.")
