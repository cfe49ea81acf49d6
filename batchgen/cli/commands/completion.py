"""`batchgen completion`: commands, options and paths at the press of a key."""

import click

from batchgen.cli.command import Context, subcommand


@subcommand("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(context: Context, shell: str) -> None:
    """Print the script that makes a shell complete commands, options and paths.

    Examples:
      batchgen completion bash >> ~/.bashrc
      batchgen completion zsh >> ~/.zshrc
      batchgen completion fish > ~/.config/fish/completions/batchgen.fish
    """
    from batchgen.cli.group import completion

    context.console.out(completion(shell))
