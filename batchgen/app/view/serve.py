"""`view`: the page of an output on an address of this machine, until Ctrl-C."""

import asyncio
import errno
import signal
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

from batchgen.app.output.maintain import opened
from batchgen.app.review.decisions import written
from batchgen.app.view.page_source import OutputPage
from batchgen.errors import InputError
from batchgen.reporter import templates
from batchgen.storage import ImageStore
from batchgen.viewer import ViewServer

LOOPBACK = "127.0.0.1"


def view(output: Path, announce: Callable[[str], None], *, host: str = LOOPBACK, port: int = 0) -> None:
    """Serve the page of a folder until a signal; its address is announced as soon as it can be opened.

    InputError when there is nothing to show, or nowhere to show it.
    """
    with opened(output, readonly=True) as (_, workspace, store):
        root = workspace.root
    decided = asyncio.run(_serve(root, store, announce, host, port))
    if decided:
        with opened(root, readonly=True) as (ledger, workspace, store):
            written(ledger, workspace, store)


async def _serve(root: Path, store: ImageStore, announce: Callable[[str], None], host: str, port: int) -> bool:
    end, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end.set)
    source = OutputPage(root, store)
    try:
        await ViewServer(source, host, port, files()).serve(announce, end)
    except (OSError, UnicodeError) as error:
        raise InputError(_not_there(error, host, port)) from error
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
    return source.decided


def files() -> Mapping[str, tuple[str, bytes]]:
    """Return the style and the script of the live page, by path and kind."""
    return {
        "/page.css": ("text/css", templates.css().encode()),
        "/page.js": ("text/javascript", templates.js(live=True).encode()),
    }


def _not_there(error: Exception, host: str, port: int) -> str:
    """Say why nothing can be served there, and what to do."""
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"port {port} is taken: choose another --port, or none"
    if isinstance(error, OSError) and error.errno == errno.EACCES:
        return f"port {port} is kept for the system: choose one above 1023"
    if isinstance(error, (socket.gaierror, UnicodeError)) or getattr(error, "errno", 0) == errno.EADDRNOTAVAIL:
        return f"{host} is not an address of this machine: give --host one that it has, or leave it out"
    return f"the page cannot be served at {host}:{port}: {getattr(error, 'strerror', None) or error}"
