"""What every command is given: the console to write on, and ways to say what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from batchgen.cli.console import Console
from batchgen.errors import Problem, Severity
from batchgen.text import counted, safe

if TYPE_CHECKING:
    from batchgen.app.config.options import Options


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


def verdict(problems: Sequence[Problem], more: int) -> str:
    """How many of how many, and that nothing was spent."""
    errors = sum(problem.severity is Severity.ERROR for problem in problems)
    first = f"the first {errors:,} of " if more else ""
    return f"{first}{counted(errors + more, 'error')}; nothing was sent and nothing was spent."
