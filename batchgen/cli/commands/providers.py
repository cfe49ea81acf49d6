"""`batchgen providers`: the known providers."""

import click

from batchgen.cli import spoken
from batchgen.cli.desk import Desk
from batchgen.errors import Exit


@spoken.command("providers")
@click.pass_obj
def command(desk: Desk) -> int:
    """List the known providers: address, key variable, default model, operations and whose prices they bill.

    A provider of your own is a YAML file: `provider: ./mine.yaml`, or `--provider ./mine.yaml`. Nothing is sent.

    Examples:
      batchgen providers
    """
    from batchgen.cli.words.catalogue import providers

    desk.paper.out(providers(desk.app.providers()))
    return Exit.OK
