"""One command from its words to its exit status: whatever goes wrong becomes words that say what to do."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence

import click

from batchgen import errors
from batchgen.cli.command import Context
from batchgen.cli.console import Console
from batchgen.cli.group import root
from batchgen.cli.render.table import width
from batchgen.errors import BatchgenError, Exit, InputError, Problem, Severity
from batchgen.runtime.garbage import rare_collections
from batchgen.text import counted, safe

# What a machine refuses whatever the program does: a folder that is gone, a name that is too long, a disk that is full.
_REFUSALS = frozenset(
    getattr(errno, name)
    for name in (
        *("ENOENT", "ENOTDIR", "EISDIR", "EEXIST", "EACCES", "EPERM", "EROFS"),
        *("ELOOP", "ENAMETOOLONG", "ENOSPC", "EDQUOT", "EIO", "EMFILE", "ENFILE"),
    )
)

_BEFORE_ANYTHING = (errors.AccountError, errors.Locked, errors.UnavailableError)
"""What is raised before a run begins; afterwards every end is told with what it cost."""


def invoke(words: Sequence[str], context: Context) -> int:
    """Run the command; returns the exit status and raises nothing."""
    return guard(lambda: _invoked(words, context), context.console)


def _invoked(words: Sequence[str], context: Context) -> int:
    _unset(words)
    width.set(context.console.width)
    with rare_collections(), root.make_context("batchgen", list(words), obj=context) as parsed:
        return int(root.invoke(parsed) or 0)


def guard(act: Callable[[], int], console: Console) -> int:
    """Do it and give its exit status; whatever it raises becomes words and an exit status."""
    try:
        return act()
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.ClickException as error:
        return _usage(error, console)
    except BatchgenError as error:
        return _refused(error, console)
    except BrokenPipeError:
        return Exit.OK  # the reader of a help text has seen enough
    except (KeyboardInterrupt, click.Abort):
        console.err("batchgen: interrupted")
        return Exit.SIGINT
    except Exception as error:  # noqa: BLE001 - the last wall: a bug must not look like anything else
        return _broken(error, console)


def _broken(error: Exception, console: Console) -> int:
    """Say what the machine refused, or that it is a bug."""
    if errors.out_of_memory(error):
        console.fail(errors.NO_MEMORY)
        return Exit.STORAGE
    if by_machine := refusal(error):
        return _stopped(by_machine, console)
    from batchgen.cli.crash import crashed

    return crashed(error, console)


def _unset(words: Sequence[str]) -> None:
    """Refuse empty words: `--base-url "$MOCK"` without MOCK must not go to the provider's own address and pay there."""
    for before, word in zip(("", *words), words, strict=False):
        name, equals, value = word.partition("=")
        if not word or (name.startswith("--") and equals and not value):
            where = f" after {before}" if not word and before.startswith("-") else f" in {word}" if word else ""
            raise click.UsageError(f"an empty value{where}; is a variable of the shell not set?")


def refusal(error: Exception) -> OSError | None:
    """Say what the machine refused. Without a working directory, Python 3.13.0 fails with errors of many kinds."""
    if isinstance(error, OSError) and error.errno in _REFUSALS:
        return error
    try:
        os.getcwd()  # noqa: PTH109 - pathlib would have to be loaded first
    except FileNotFoundError as gone:
        return gone
    return None


def _stopped(error: OSError, console: Console) -> int:
    name = "" if error.filename is None else f": {safe(error.filename, 200)}"
    hint = "; is the working directory still there?" if error.errno == errno.ENOENT and not name else ""
    console.fail(f"{error.strerror}{name}{hint}")
    return Exit.STORAGE


def _usage(error: click.ClickException, console: Console) -> int:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        console.err(error.format_message())
        return Exit.INPUT
    parsed = error.ctx if isinstance(error, click.UsageError) else None
    if parsed is not None:
        name = f"{parsed.info_name} " if parsed.parent else ""
        console.err(f"{parsed.get_usage()}\nTry 'batchgen {name}--help' for help.\n")
    console.fail(safe(" ".join(error.format_message().split()), 400))
    return Exit.INPUT


def _refused(error: BatchgenError, console: Console) -> int:
    if isinstance(error, InputError):
        console.tell(error.problems)
        console.err(_verdict(error.problems, error.more))
    else:
        console.fail(error)
        if isinstance(error, _BEFORE_ANYTHING):
            console.err("Nothing was spent.")
    return error.exit


def _verdict(problems: Sequence[Problem], more: int) -> str:
    """How many of how many, and that nothing was spent."""
    errors = sum(problem.severity is Severity.ERROR for problem in problems)
    first = f"the first {errors:,} of " if more else ""
    return f"{first}{counted(errors + more, 'error')}; nothing was sent and nothing was spent."
