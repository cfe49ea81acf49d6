"""From the words of a command line to an exit status; every way out of the program goes through here."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

from batchgen.cli.console import Console
from batchgen.cli.index import COMPLETE, overview, version


def main(argv: Sequence[str] | None = None, *, at: Callable[[str], None] | None = None) -> int:
    """Run one command; returns its exit status and raises nothing.

    `at` is called with a name before and after each durable step of a run: where tests let it break.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    console = Console.standard()
    if shell := os.environ.get(COMPLETE):
        from batchgen.cli.group import complete

        return complete(shell)
    answer = _ANSWERS.get(words[0]) if len(words) == 1 else None
    if answer is not None:
        console.out(answer())
        status = 0
    else:
        from batchgen.cli.command import Context
        from batchgen.cli.invoke import invoke

        status = invoke(words, Context(console, at))
    console.data.close_down()
    if console.data.fault is not None:
        console.fail(f"the output could not be written: {console.data.fault.strerror}")
        status = status or 8
    console.talk.close_down()
    return status


# What people ask most is answered before any library is loaded.
_ANSWERS: dict[str, Callable[[], str]] = {"--help": overview, "-h": overview, "--version": version}
