"""`batchgen adopt`: a new ledger for images that are there."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from batchgen.cli.command import Context, subcommand
from batchgen.cli.params import SHARD, STORE, LocalPath

if TYPE_CHECKING:
    from batchgen.model.shard import Shard


@subcommand("adopt")
@click.argument("output", required=False)
@click.option("--output", "into", metavar="DIR", type=LocalPath(), help="With a store: the folder that is made.")
@click.option("--shard", type=SHARD, help="With a store that shards share: whose images are taken in.")
def command(context: Context, output: str | None, into: Path | None, shard: "Shard | None") -> None:
    """Rebuild the lost ledger of the folder OUTPUT from its images and what was written beside them.

    Afterwards a run knows what is stored and pays for none of it again. Nothing is sent, no image is changed.
    Without OUTPUT, the folder below `output/` that was written last. OUTPUT may be the address of a store: then the
    ledger is made in `output/` and the last part of the address, or in --output, and owns the store from then on.

    Examples:
      batchgen adopt output/autumn-catalogue
      batchgen adopt s3://shop-images/catalogue
    """
    from batchgen.app.output.adopt import adopt
    from batchgen.cli.render.upkeep import adopted

    if output is not None and is_address(output):
        result = adopt(into, address=STORE.convert(output, None, None), shard=shard)
    elif into is not None or shard is not None:
        raise click.UsageError("--output and --shard go with the address of a store; otherwise give the folder alone.")
    else:
        ctx = click.get_current_context()
        folder = LocalPath().convert(output, ctx.command.params[0], ctx) if output else None
        result = adopt(context.output(folder))
    context.console.out(adopted(result))


def is_address(text: str) -> bool:
    """Tell the address of a store from a folder."""
    return text.partition(":")[0] in {"s3", "gs", "az", "file", "memory"}
