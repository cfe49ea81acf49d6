"""The event loop of a run: libuv's, as Python's own costs more for a small image than all its bytes do."""

import asyncio
from typing import Any

_TLS = "SSLProtocol."
"""How the loop names its own callbacks for encrypted connections."""


def loop() -> asyncio.AbstractEventLoop:
    """Make one. Only a run that draws needs it, so that nothing else waits for its import."""
    import uvloop

    made: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    made.set_exception_handler(_report)
    return made


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Print what broke in a callback, but not what whoever connected is told anyway.

    A connection that is cut while encryption begins breaks the loop's own callback, too, with a long traceback.
    """
    cut = isinstance(context.get("exception"), RuntimeError | OSError) and _TLS in repr(context.get("handle"))
    if not cut:
        loop.default_exception_handler(context)
