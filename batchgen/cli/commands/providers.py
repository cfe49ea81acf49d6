"""`batchgen providers`: the known providers."""

import click

from batchgen.cli.command import subcommand
from batchgen.cli.context import Context
from batchgen.errors import Exit


@subcommand("providers")
@click.argument("name", required=False)
@click.pass_obj
def command(context: Context, name: str | None) -> int:
    """List the known providers: address, key variable, default model, operations and whose prices they bill.

    With a name, or the path of a provider file, show all that is known of that one, with its notes and its source.

    A provider of your own is a YAML file: `provider: ./mine.yaml`, or `--provider ./mine.yaml`. Nothing is sent.

    Examples:
      batchgen providers
      batchgen providers azure
    """
    from batchgen import catalog
    from batchgen.cli.render.catalogue import provider, providers

    if name:
        context.console.out(provider(catalog.provider(name)))
        return Exit.OK

    context.console.out(providers(catalog.providers(), catalog.further()))
    return Exit.OK
