"""Answers as raw bytes with pauses and cuts, for faults that no well-behaved HTTP server can show.

A script is what the wire shows, in order: bytes, pauses in seconds, and how the connection ends.
"""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web

from batchgen.mock.reply import Reply


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing happens for so long, or until the client leaves."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection ends with RST instead of FIN."""


Step = bytes | Pause | Reset
Script = Iterable[Step]


def head(reply: Reply, *extra: tuple[str, str], length: int | None = None, version: str = "1.1") -> bytes:
    """Build status line and headers; `length` overrides the true Content-Length, a negative one leaves it out.

    The end of the connection is announced, so that the next call does not suffer too, unless `extra` says otherwise.
    """
    try:
        reason = HTTPStatus(reply.status).phrase
    except ValueError:
        reason = "Unknown"
    said = len(reply.body) if length is None else length
    own = (("Content-Type", reply.kind), *((("Content-Length", str(said)),) if said >= 0 else ()))
    end = () if any(name == "Connection" for name, _ in extra) else (("Connection", "close"),)
    lines = [f"{name}: {value}" for name, value in (*own, *reply.headers, *end, *extra)]
    return "\r\n".join((f"HTTP/{version} {reply.status} {reason}", *lines, "", "")).encode("latin-1", "replace")


class Spent(web.Response):
    """What a handler returns when the wire has already been used: nothing more is written."""

    async def prepare(self, _request: web.BaseRequest) -> None:
        raise ConnectionResetError("the script has ended the connection")


async def play(request: web.Request, script: Script) -> Spent:
    """Play a script on the connection of a request, which it always ends."""
    transport = request.transport
    if transport is None:
        return Spent()
    for step in script:
        match step:
            case Pause(seconds):
                await asyncio.sleep(seconds)
            case Reset():
                await _flushed(transport)
                _reset(transport)
            case _:
                transport.write(step)
        if transport.is_closing():
            break
    request.protocol.force_close()
    transport.close()
    return Spent()


async def send(request: web.Request, response: web.StreamResponse, parts: Iterable[bytes]) -> web.StreamResponse:
    """Stream parts of known length without copying them together; what the kernel does not take waits."""
    await response.prepare(request)
    async for part in _cut(parts):
        await response.write(part)
    await response.write_eof()
    return response


async def _cut(parts: Iterable[bytes], most: int = 1 << 18) -> AsyncIterator[memoryview]:
    for part in parts:
        view = memoryview(part)
        for start in range(0, len(view), most):
            yield view[start : start + most]


async def _flushed(transport: asyncio.Transport) -> None:
    for _ in range(200):
        if not transport.get_write_buffer_size():
            break
        await asyncio.sleep(0.005)
    await asyncio.sleep(0.02)


def _reset(transport: asyncio.Transport) -> None:
    sock: socket.socket | None = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
