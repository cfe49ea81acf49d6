"""A command whose help text keeps the shape of its examples and lists."""

from collections.abc import Callable
from inspect import cleandoc
from typing import Any

import click

HELP: dict[str, Any] = {"help_option_names": ["-h", "--help"]}


class Spoken(click.Command):
    """A command; paragraphs of its docstring that hold an indented line are shown as they were written."""

    def __init__(self, name: str | None, **more: Any) -> None:
        super().__init__(name, **more | {"help": keep_shape(cleandoc(more.get("help") or ""))})


def keep_shape(words: str) -> str:
    """Mark shaped paragraphs for click, which would fill them otherwise."""
    return "\n\n".join(f"\b\n{part}" if "\n  " in part else part for part in words.split("\n\n"))


def subcommand(name: str, **more: Any) -> Callable[[Callable[..., int]], Spoken]:
    """Make a function a command; its docstring is the help text."""
    return click.command(name, cls=Spoken, context_settings=HELP, **more)
