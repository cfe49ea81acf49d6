"""`batchgen models`: the known models."""

import click

from batchgen.cli.command import subcommand
from batchgen.cli.context import Context
from batchgen.errors import Exit


@subcommand("models")
@click.pass_obj
def command(context: Context) -> int:
    """List the known models: life span, sizes, qualities, prices and their dates. Nothing is sent.

    A manifest may override a price under `prices`.

    Examples:
      batchgen models
    """
    from batchgen import catalog
    from batchgen.cli.render.catalogue import models

    context.console.out(models(catalog.models()))
    return Exit.OK
