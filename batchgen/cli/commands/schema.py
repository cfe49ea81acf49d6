"""`batchgen schema`: the manifest for editors."""

import click

from batchgen.cli import spoken
from batchgen.cli.desk import Desk
from batchgen.errors import Exit


@spoken.command("schema")
@click.pass_obj
def command(desk: Desk) -> int:
    """Print the JSON Schema of the manifest, so that an editor completes and checks it while you type.

    Examples:
      batchgen schema > batchgen.schema.json
      # first line of a manifest, for the YAML language server:
      # yaml-language-server: $schema=batchgen.schema.json
    """
    desk.paper.json(desk.app.schema())
    return Exit.OK
