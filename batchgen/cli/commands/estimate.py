"""`batchgen estimate`: the cost before a run."""

from pathlib import Path
from typing import Any

import click

from batchgen.cli.command import Context, subcommand
from batchgen.cli.params import reads_manifest, skip_bad_rows_option


@subcommand("estimate")
@reads_manifest
@skip_bad_rows_option
@click.option(
    "--compare", is_flag=True, help="Price the same images by every provider and route, at the manifest's settings."
)
@click.option("--qualities", is_flag=True, help="With --compare: price them at the other qualities too.")
@click.option(
    "--csv", "as_csv", is_flag=True, help="Print the table as comma-separated values, money in micro-dollars."
)
def command(
    context: Context, /, manifest: Path, *, compare: bool, qualities: bool, as_csv: bool, as_json: bool, **words: Any
) -> None:
    """Price MANIFEST by model, size, quality, provider and tag. Nothing is sent.

    `low` and `high` bound the cost; `expected` learns from your own ledger. Images that are stored already are not
    counted again. --compare puts every provider and route that could draw the same images side by side, cheapest
    first, marks yours, and says why the others could not.

    Examples:
      batchgen estimate catalogue.yaml
      batchgen estimate catalogue.yaml --compare
      batchgen estimate catalogue.yaml --compare --qualities
      batchgen estimate catalogue.yaml --json | jq '.high_micro_usd / 1e6'

    Exit status: 0, or 2 when the manifest has errors or a model has no price.
    """
    from batchgen.app.preview.plan import estimate_manifest
    from batchgen.cli.render import money

    if as_csv and as_json:
        raise click.UsageError("--csv and --json exclude each other; choose one.")
    if qualities and not compare:
        raise click.UsageError("--qualities goes with --compare only.")
    options = context.options(**words)
    result = estimate_manifest(manifest, options, compare=compare, qualities=qualities)
    context.uses(result.output)
    context.console.tell(result.warnings)
    if as_json:
        told = money.compare_json(result) if compare else money.estimate_json(result)
        context.console.json(told | money.other_route_json(result))
    elif as_csv:
        context.console.csv(money.compare_csv(result) if compare else money.estimate_csv(result))
    else:
        compared = "\n" + money.comparison(result.compare) if result.compare else ""
        context.console.out(money.estimate(result) + money.other_route(result) + compared)
