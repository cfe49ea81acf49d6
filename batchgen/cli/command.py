"""What makes a function a command: a place of work, and a help text that keeps the shape of its examples and lists."""

from __future__ import annotations

from collections.abc import Callable
from inspect import cleandoc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from batchgen.cli.console import Console
from batchgen.text import safe

if TYPE_CHECKING:
    from batchgen.app.config.options import Options

HELP: dict[str, Any] = {"help_option_names": ["-h", "--help"]}


class Context:
    """One command's place of work."""

    def __init__(self, console: Console, at: Callable[[str], None] | None = None) -> None:
        """Work on this console; `at` is called around each durable step of a run."""
        self.console = console
        self.at = at or (lambda _step: None)

    def options(self, **words: Any) -> Options:
        """Options of a command that reads a manifest."""
        from batchgen.app.config.options import Options

        return Options(**words)

    def output(self, named: Path | None) -> Path:
        """Find the output folder that is meant, and say on stderr which one it is."""
        from batchgen.app.config.locate import find_output

        folder = find_output(named)
        self.uses(folder)
        return folder

    def uses(self, output: Path) -> None:
        """Say on stderr which output folder is used, where there is one."""
        if output.is_dir():
            self.console.err(f"batchgen: output folder {safe(output, 1000)}")


class Spoken(click.Command):
    """A command; paragraphs of its docstring that hold an indented line are shown as they were written."""

    def __init__(self, name: str | None, **more: Any) -> None:
        super().__init__(name, **more | {"help": keep_shape(cleandoc(more.get("help") or ""))})


def keep_shape(words: str) -> str:
    """Mark shaped paragraphs for click, which would fill them otherwise."""
    return "\n\n".join(f"\b\n{part}" if "\n  " in part else part for part in words.split("\n\n"))


def subcommand(name: str, **more: Any) -> Callable[[Callable[..., int | None]], Spoken]:
    """Make a function that is given its `Context` a command; its docstring is the help text, None a good end."""
    return lambda act: click.command(name, cls=Spoken, context_settings=HELP, **more)(click.pass_obj(act))
