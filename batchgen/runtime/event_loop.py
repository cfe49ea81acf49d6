"""The event loop of a run: libuv's, as Python's own costs more for a small image than all its bytes do."""

import asyncio
import errno
import os
from contextlib import ExitStack
from typing import Any

from batchgen.errors import TOO_MANY_FILES, StorageError

_TLS = "SSLProtocol."
"""How the loop names its own callbacks for encrypted connections."""
_FILES = 16
"""Open files that a loop and its first call need."""


def loop() -> asyncio.AbstractEventLoop:
    """Make one; StorageError where the machine allows too few open files.

    Only a run that draws needs it, so that nothing else waits for its import.
    """
    import uvloop

    _ask_for_files()
    made: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    made.set_exception_handler(_report)
    return made


def _ask_for_files() -> None:
    """See whether there are enough: libuv ends the whole process where it gets none."""
    with ExitStack() as held:
        try:
            for _ in range(_FILES):
                held.callback(os.close, os.open(os.devnull, os.O_RDONLY))
        except OSError as error:
            if error.errno not in {errno.EMFILE, errno.ENFILE}:
                raise
            raise StorageError(TOO_MANY_FILES) from error


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Print what broke in a callback, but not what whoever connected is told anyway.

    A connection that is cut while encryption begins breaks the loop's own callback, too, with a long traceback.
    """
    cut = isinstance(context.get("exception"), RuntimeError | OSError) and _TLS in repr(context.get("handle"))
    if not cut:
        loop.default_exception_handler(context)
