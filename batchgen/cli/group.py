"""The group of commands: each is loaded when it is called, and only then."""

from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module

import click
from click.shell_completion import get_completion_class, shell_complete

from batchgen.cli.command import HELP
from batchgen.cli.index import COMMANDS, COMPLETE, overview, version


class LazyGroup(click.Group):
    """`batchgen` itself; commands come from the table in `batchgen.cli.index`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's way to call
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command = import_module(f"batchgen.cli.commands.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in self.list_commands(ctx) and not name.startswith("-"):
            ctx.fail(f"there is no command {name!r}{_nearest(name, self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)

    def get_help(self, ctx: click.Context) -> str:  # noqa: ARG002 - click's way to call
        return overview().rstrip("\n")


def _nearest(name: str, names: Sequence[str]) -> str:
    near = get_close_matches(name, names, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _show_version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - click's way to call
    if wanted:
        click.echo(version(), nl=False)
        ctx.exit()


root = LazyGroup(
    "batchgen",
    params=[click.Option(["--version"], is_flag=True, expose_value=False, is_eager=True, callback=_show_version)],
    no_args_is_help=True,
    context_settings=HELP,
)


def completion(shell: str) -> str:
    """Write the script that makes a shell complete commands, options and paths."""
    found = get_completion_class(shell)
    assert found
    return found(root, {}, "batchgen", COMPLETE).source()


def complete(instruction: str) -> int:
    """Answer a completion script: what may come next."""
    return shell_complete(root, {}, "batchgen", COMPLETE, instruction)
