"""`batchgen models`: the known models."""

from batchgen.cli.command import Context, subcommand


@subcommand("models")
def command(context: Context) -> None:
    """List the known models: life span, sizes, qualities, prices and their dates. Nothing is sent.

    A manifest may override a price under `prices`.

    Examples:
      batchgen models
    """
    from batchgen import catalog
    from batchgen.cli.render.catalogue import models

    context.console.out(models(catalog.models()))
