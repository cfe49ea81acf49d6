"""`batchgen models`: the known models."""

import click

from batchgen.cli import spoken
from batchgen.cli.desk import Desk
from batchgen.errors import Exit


@spoken.command("models")
@click.pass_obj
def command(desk: Desk) -> int:
    """List the known models: life span, sizes, qualities, prices and their dates. Nothing is sent.

    A manifest may override a price under `prices`.

    Examples:
      batchgen models
    """
    from batchgen.cli.words.catalogue import models

    desk.paper.out(models(desk.app.models()))
    return Exit.OK
