"""`batchgen providers`: the known providers."""

import click

from batchgen.cli.command import Context, subcommand


@subcommand("providers")
@click.argument("name", required=False)
def command(context: Context, name: str | None) -> None:
    """List the known providers: address, key variable, default model, operations and whose prices they bill.

    With a name, or the path of a provider file, show all that is known of that one, with its notes and its source.

    A provider of your own is a YAML file: `provider: ./mine.yaml`, or `--provider ./mine.yaml`. Nothing is sent.

    Examples:
      batchgen providers
      batchgen providers azure
    """
    from batchgen import catalog
    from batchgen.cli.render.catalogue import provider, providers

    known = provider(catalog.provider(name)) if name else providers(catalog.providers(), catalog.further())
    context.console.out(known)
