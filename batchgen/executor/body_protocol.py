"""Reads an answer's body straight off its connection, into one buffer that all connections share.

Images are megabytes, and each piece is worked off as it comes: received into memory that is still warm, with no copy
in between and no task to wake.
"""

import asyncio
import socket
from contextlib import suppress

import aiohttp

from batchgen.executor.body import Body
from batchgen.executor.connection import Connection

PIECE = 1024 * 1024
ROOM = 4 * PIECE
"""What the kernel may take of an answer while others are worked off."""


class BodyProtocol(asyncio.BufferedProtocol):
    """Takes a connection over for the last `left` bytes of a body whose length is known."""

    def __init__(self, body: Body, left: int, buffer: bytearray, before: asyncio.BaseProtocol) -> None:
        """Feed `body`; `before`, whose connection it was, still hears of its loss."""
        self._body = body
        self._left = left
        self._buffer, self._view = buffer, memoryview(buffer)
        self._before = before
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def read(self) -> None:
        """Wait for the last byte; ClientPayloadError when the line breaks first. Errors of the body pass through."""
        await self._done

    def get_buffer(self, _sizehint: int) -> memoryview:
        """Lend the buffer: what is received is worked off before any other connection receives."""
        return self._view

    def buffer_updated(self, nbytes: int) -> None:
        """Work off what was received."""
        if self._done.done():
            return
        try:
            self._body.take(self._buffer, min(nbytes, self._left))
        except Exception as error:  # noqa: BLE001 - whoever waits gets it, whatever it is
            self._done.set_exception(error)
            return
        self._left -= nbytes
        if self._left <= 0 or self._body.done:
            self._done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits that the rest will not come."""
        if not self._done.done():
            why = f"the connection closed {self._left:,} bytes before the end of the answer"
            self._done.set_exception(aiohttp.ClientPayloadError(f"{why}: {exc}" if exc else why))
        self._before.connection_lost(exc)


async def read_straight(connection: Connection, body: Body, buffer: bytearray) -> bool:
    """Feed `body` with what is left of the answer, where its length is known; else do nothing, and say so.

    Raises like `BodyProtocol.read`. Bytes that the library holds already must have been taken before, in the same turn.
    """
    if connection.length is None or body.done or not connection.is_open:
        return False
    left = connection.length - connection.content.total_bytes
    if left <= 0:
        return False
    protocol, transport = connection.protocol, connection.transport
    _widen(transport)
    straight = BodyProtocol(body, left, buffer, protocol)
    transport.set_protocol(straight)
    await straight.read()
    return True


def _widen(transport: asyncio.Transport) -> None:
    """Make room in the kernel: on a new connection its own tuning starts small, and pieces are small then.

    To state a low-water mark widens the buffer and, unlike SO_RCVBUF, leaves the tuning on (Linux, tcp_set_rcvlowat).
    """
    line = transport.get_extra_info("socket")
    if line is not None:
        with suppress(OSError):
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, ROOM)
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
