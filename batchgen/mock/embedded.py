"""The mock beside a program: in a thread with its own event loop, or in the foreground until a signal."""

import asyncio
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future
from decimal import Decimal
from functools import partial
from typing import Any

from batchgen.mock.config import MockConfig
from batchgen.mock.plan import Faults
from batchgen.mock.server import MockServer
from batchgen.runtime.clock import Clock


class Handle:
    """A mock server that runs in a thread of its own."""

    def __init__(self, server: MockServer, loop: asyncio.AbstractEventLoop, end: asyncio.Event) -> None:
        self._server, self._loop, self._end = server, loop, end
        self._thread: threading.Thread | None = None

    @property
    def base_url(self) -> str:
        """What a client takes as its base URL."""
        return self._server.base_url

    @property
    def faults(self) -> Faults:
        """The fault plan, which may be changed at any time."""
        return self._server.faults

    def bill(self) -> dict[str, Any]:
        """Return the same as `GET /bill`; also after the server has stopped."""
        return self._server.bill()

    def plant(self, **told: Any) -> Decimal:
        """Do the same as `POST /organization`; returns the sum of the organisation's books in micro-dollars."""
        return self._server.plant(**told)

    def requests(self) -> list[dict[str, Any]]:
        """Return the same as `GET /requests`."""
        return self._server.requests()

    def stop(self) -> None:
        """Stop and wait for the thread; a second time it does nothing."""
        if self._thread and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join()


def start_embedded(config: MockConfig | None = None, clock: Clock | None = None) -> Handle:
    """Start a mock server in a background thread; it listens when this returns. InputError when it cannot."""
    started: Future[Handle] = Future()

    async def live() -> None:
        end = asyncio.Event()
        try:
            server = MockServer(config, clock)
            await server.start()
        except BaseException as failure:  # noqa: BLE001 - it is raised again in the caller's thread
            started.set_exception(failure)
            return
        started.set_result(Handle(server, asyncio.get_running_loop(), end))
        await end.wait()
        await server.stop()

    thread = threading.Thread(target=asyncio.run, args=(live(),), name="mock-server", daemon=True)
    thread.start()
    handle = started.result()
    handle._thread = thread  # noqa: SLF001 - the handle is ours
    return handle


def serve(config: MockConfig | None = None, announce: Callable[[str], None] | None = None) -> None:
    """Serve in the foreground until SIGINT or SIGTERM; the base URL is announced (on stdout) as soon as it listens."""
    asyncio.run(_serve(config, announce or partial(print, flush=True)))


async def _serve(config: MockConfig | None, announce: Callable[[str], None]) -> None:
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end.set)
    async with MockServer(config) as server:
        announce(server.base_url)
        await end.wait()
