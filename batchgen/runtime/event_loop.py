"""The event loop of a run: libuv's, as Python's own costs more for a small image than all its bytes do."""

import asyncio


def loop() -> asyncio.AbstractEventLoop:
    """Make one. Only a run that draws needs it, so that nothing else waits for its import."""
    import uvloop

    return uvloop.new_event_loop()
