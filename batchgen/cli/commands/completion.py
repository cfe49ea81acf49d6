"""`batchgen completion`: commands, options and paths at the press of a key."""

import click

from batchgen.cli.command import subcommand
from batchgen.cli.context import Context
from batchgen.errors import Exit


@subcommand("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_obj
def command(context: Context, shell: str) -> int:
    """Print the script that makes a shell complete commands, options and paths.

    Examples:
      batchgen completion bash >> ~/.bashrc
      batchgen completion zsh >> ~/.zshrc
      batchgen completion fish > ~/.config/fish/completions/batchgen.fish
    """
    from batchgen.cli.group import completion

    context.console.out(completion(shell))
    return Exit.OK
