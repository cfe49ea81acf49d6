"""`batchgen schema`: the manifest for editors."""

import click

from batchgen.cli.command import subcommand
from batchgen.cli.context import Context
from batchgen.cli.params import provider_option
from batchgen.errors import Exit


@subcommand("schema")
@provider_option
@click.pass_obj
def command(context: Context, provider: str | None) -> int:
    """Print the JSON Schema of the manifest, so that an editor completes and checks it while you type.

    With a provider, the parameters that its file opens stand in it too.

    Examples:
      batchgen schema > batchgen.schema.json
      # first line of a manifest, for the YAML language server:
      # yaml-language-server: $schema=batchgen.schema.json
    """
    from batchgen.app.config.project import schema

    context.console.json(schema(provider))
    return Exit.OK
