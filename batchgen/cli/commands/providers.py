"""`batchgen providers`: the known providers."""

import click

from batchgen.cli.command import subcommand
from batchgen.cli.context import Context
from batchgen.errors import Exit


@subcommand("providers")
@click.pass_obj
def command(context: Context) -> int:
    """List the known providers: address, key variable, default model, operations and whose prices they bill.

    A provider of your own is a YAML file: `provider: ./mine.yaml`, or `--provider ./mine.yaml`. Nothing is sent.

    Examples:
      batchgen providers
    """
    from batchgen import catalog
    from batchgen.cli.render.catalogue import providers

    context.console.out(providers(catalog.providers()))
    return Exit.OK
