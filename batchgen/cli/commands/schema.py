"""`batchgen schema`: the manifest for editors."""

from batchgen.cli.command import Context, subcommand
from batchgen.cli.params import provider_option


@subcommand("schema")
@provider_option
def command(context: Context, provider: str | None) -> None:
    """Print the JSON Schema of the manifest, so that an editor completes and checks it while you type.

    With a provider, the parameters that its file opens stand in it too.

    Examples:
      batchgen schema > batchgen.schema.json
      # first line of a manifest, for the YAML language server:
      # yaml-language-server: $schema=batchgen.schema.json
    """
    from batchgen.app.config.project import schema

    context.console.json(schema(provider))
