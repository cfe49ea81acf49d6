"""What every command is given: console to write on and the way to the program below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from batchgen.cli.console import Console
from batchgen.errors import Problem, Severity
from batchgen.text import counted, safe

if TYPE_CHECKING:
    from batchgen.app.config.options import Options
    from batchgen.cli.door import Door


class Context:
    """One command's place of work."""

    def __init__(self, console: Console, app: Door | None = None) -> None:
        """Work on this console; `app` stands in for `batchgen.app`."""
        self.console = console
        self._app = app
        self.opened = app is not None

    @property
    def app(self) -> Door:
        """The program, loaded when a command first needs it."""
        if self._app is None:
            from batchgen.app import commands as app

            self._app = app
        self.opened = True
        return self._app

    def options(self, **words: Any) -> Options:
        """Options of a command that reads a manifest."""
        from batchgen.app.config.options import Options

        return Options(**words)

    def say_at_once(self, text: str) -> None:
        """Data that someone waits for, handed over without delay."""
        self.console.out(text)
        self.console.data.flush()

    def tell(self, problems: Sequence[Problem]) -> None:
        """Problems, one per line, on stderr."""
        for problem in problems:
            self.console.err(line(problem))


def line(problem: Problem) -> str:
    """`file:line:column: error: ...`, harmless on a terminal."""
    return safe(problem, 1000)


def verdict(problems: Sequence[Problem], more: int) -> str:
    """How many of how many, and that nothing was spent."""
    errors = sum(problem.severity is Severity.ERROR for problem in problems)
    first = f"the first {errors:,} of " if more else ""
    return f"{first}{counted(errors + more, 'error')}; nothing was sent and nothing was spent."
