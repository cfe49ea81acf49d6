"""`batchgen report`: the report again, or one over several folders."""

from pathlib import Path

import click

from batchgen.cli.command import Context, subcommand
from batchgen.cli.params import MONTH, LocalPath
from batchgen.text import safe


@subcommand("report")
@click.argument("outputs", nargs=-1, type=LocalPath())
@click.option(
    "--output",
    "into",
    metavar="DIR",
    type=LocalPath(),
    help="Where a report over several folders goes.  [default: report]",
)
@click.option("--month", type=MONTH, help="What one month cost, such as 2026-11: a page and a sheet for finance.")
def command(context: Context, outputs: tuple[Path, ...], into: Path | None, month: str | None) -> None:
    """Write the report of the folder OUTPUTS again, from its ledger alone, and print the paths of its files.

    Without OUTPUTS, of the folder below `output/` that was written last. With several, or with --output, one report
    over all of them goes into a folder of its own: every call and every image once, sums exact. Their ledgers are
    only read.

    --month tells of one month instead, in the time zone of the budget: by day, catalogue, provider, model and tag,
    with what was wasted and why, and the budget against what was spent.

    Examples:
      batchgen report
      batchgen report output/autumn-catalogue
      batchgen report output/shop-*-of-8 --output reports/shop
      batchgen report --month 2026-11
    """
    if month is not None:
        from batchgen.app.bill.finance import month as told

        files = told(month, [context.output(output) for output in outputs or (None,)], into)
    elif len(outputs) > 1 or into is not None:
        from batchgen.app.output.joined import join

        files = join([context.output(output) for output in outputs or (None,)], into)
    else:
        from batchgen.app.output.maintain import write_report

        files = write_report(context.output(outputs[0] if outputs else None))
    for path in files:
        context.console.out(safe(path, 4000))
