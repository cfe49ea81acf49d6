"""`batchgen schema`: the manifest for editors."""

import click

from batchgen.cli.command import subcommand
from batchgen.cli.context import Context
from batchgen.errors import Exit


@subcommand("schema")
@click.pass_obj
def command(context: Context) -> int:
    """Print the JSON Schema of the manifest, so that an editor completes and checks it while you type.

    Examples:
      batchgen schema > batchgen.schema.json
      # first line of a manifest, for the YAML language server:
      # yaml-language-server: $schema=batchgen.schema.json
    """
    from batchgen.manifest import json_schema

    context.console.json(json_schema())
    return Exit.OK
