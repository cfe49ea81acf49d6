"""One request and its answer on a connection of their own: bytes go from the kernel to the body with nothing between.

HTTP's grammar is aiohttp's parser. Its client session is passed by: it does much for each request that no call of ours
needs, and takes longer for it than a small image does. Images are megabytes, and each piece is worked off as it comes:
received into one buffer that all connections share, which is still warm then, with no task to wake.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import Self, cast

import aiohttp
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpProcessingError, HttpResponseParser

from batchgen.executor.body import Body
from batchgen.providers.wire import header_view

PIECE = 1024 * 1024
"""The most bytes that are received, or sent, at once."""
ROOM = 8 * PIECE
"""What the kernel may take of an answer while others are worked off."""
MOST_HEADER = 32 * 1024
LINGER = 0.1
ERROR_BODY_SECONDS = 20.0

Payload = bytes | AsyncIterator[bytes]
Answered = Callable[[int, dict[str, str]], Body | None]
"""Takes status and headers, and gives what takes the body; without one the answer ends there."""

_Message = tuple[aiohttp.http.RawResponseMessage, aiohttp.StreamReader]
_END_OF_HEAD = b"\r\n\r\n"
_NO_BODY = frozenset({204, 304})
"""Their length is that of a body which another answer would have had (RFC 9110, 8.6)."""


class Idle(BaseProtocol):
    """Stands for whose reading the parser wants to hold up: each piece is worked off before the next one is read."""

    def pause_reading(self) -> None:
        """Go on."""


class ResponseProtocol(asyncio.BufferedProtocol):
    """Sends one request, and feeds a body with its answer. Leaving the context closes the connection."""

    def __init__(self, buffer: bytearray, idle: Idle) -> None:
        """Receive into a buffer that is shared."""
        self.transport: asyncio.Transport
        self._loop = asyncio.get_running_loop()
        self._buffer, self._view = buffer, memoryview(buffer)
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._early = b""
        self._lost = self._lingers = False
        self._room: asyncio.Future[None] | None = None
        self._sending: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._answered: Answered | None = None
        self._content: aiohttp.StreamReader | None = None
        self._body: Body | None = None
        self._left: int | None = None
        self._idle = idle
        self._parser = self._new_parser()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for one in (self._sending, self._timer):
            if one is not None:
                one.cancel()
        self._ended.cancel()
        self.transport.abort()

    # ---- the request -------------------------------------------------------------------------------------------------

    def send(self, head: bytes, body: Payload, handed_over: Callable[[], None]) -> None:
        """Hand a request over, and say so before a byte can leave; what a large one has to say follows by itself."""
        if self._lost or self.transport.is_closing():
            raise aiohttp.ClientConnectionResetError("the connection was closed")
        handed_over()
        if isinstance(body, bytes) and len(body) < PIECE:
            self.transport.write(head + body)
        else:
            self._sending = asyncio.create_task(self._send(head, body))

    async def _send(self, head: bytes, body: Payload) -> None:
        """Send a large request piece by piece; what keeps it from being sent whole is told to who reads the answer."""
        try:
            self.transport.write(head)
            async for piece in _pieces(body):
                if self._room is not None:
                    await self._room
                if self._lost:
                    return
                self.transport.write(piece)
        except Exception as error:  # noqa: BLE001 - whoever waits gets it, whatever it is
            self._break(ConnectionError(f"the request could not be sent: {error}"), error)

    def pause_writing(self) -> None:
        """Let a large request wait until some of it has left."""
        self._room = self._loop.create_future()

    def resume_writing(self) -> None:
        """Let it go on."""
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        self._room = None

    # ---- the answer --------------------------------------------------------------------------------------------------

    def _new_parser(self) -> HttpResponseParser:
        return HttpResponseParser(
            self._idle,
            self._loop,
            ROOM,
            max_line_size=MOST_HEADER,
            max_field_size=MOST_HEADER,
            payload_exception=aiohttp.ClientPayloadError,
            read_until_eof=True,
            auto_decompress=False,
        )

    async def answer(self, answered: Answered) -> None:
        """Wait for the last byte that matters. Errors of the body pass through.

        ValueError where no HTTP comes, ConnectionError where the line breaks, TimeoutError where a refusal has no end.
        """
        self._answered = answered
        if self._early:
            self._receive(self._early, len(self._early))
        await self._ended

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport, and make room for the answer before it can begin to come."""
        self.transport = cast("asyncio.Transport", transport)  # what encrypts is none by its class
        self._widen()

    def get_buffer(self, _sizehint: int) -> memoryview:
        """Lend the buffer: what is received is worked off before any other connection receives."""
        return self._view

    def buffer_updated(self, nbytes: int) -> None:
        """Work off what was received; what comes before anybody asked is kept for who asks."""
        if self._answered is None:
            self._early += self._view[:nbytes]
        else:
            self._receive(self._buffer, nbytes)
            if nbytes == PIECE:
                self._give_way()

    def _give_way(self) -> None:
        """Let others have their turn: after a full buffer the loop reads on, and a fast server has always more.

        It is cheaper, too: the server fills what was emptied meanwhile, not piecemeal as each of our reads lets it.
        """
        if not self.transport.is_closing():
            self.transport.pause_reading()
            self._loop.call_soon(self._read_on)

    def _read_on(self) -> None:
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits that the rest will not come; an answer without a length ends there."""
        self._lost = True
        self.resume_writing()
        if self._answered is None or self._ended.done():
            return
        why = f": {exc}" if exc else ""
        if self._body is None:
            self._break(ConnectionError(f"the connection closed before an answer came{why}"), exc)
        elif self._left is not None:
            words = f"the connection closed {self._left:,} bytes before the end of the answer{why}"
            self._break(ConnectionError(words), exc)
        else:
            try:
                self._parser.feed_eof()
            except Exception as error:  # noqa: BLE001 - whatever the parser misses, the answer is not whole
                self._break(ConnectionError(f"the connection closed before the end of the answer{why}"), error)
            else:
                self._end()

    def _receive(self, data: bytes | bytearray, size: int) -> None:
        if self._ended.done():
            return
        try:
            if self._body is None:
                piece = bytes(memoryview(data)[:size])
                data = piece[self._head(piece) :]
                size = len(data)
            if self._body is not None and not self._ended.done():
                self._take(self._body, data, size)
        except HttpProcessingError as error:
            kind = ValueError if self._body is None else ConnectionError
            self._break(kind(f"what came is no HTTP: {error.message}"), error)
        except Exception as error:  # noqa: BLE001 - whoever waits gets it, whatever it is
            self._break(error)

    def _head(self, piece: bytes) -> int:
        """Read the head of the answer, after those that only ask for patience; return how much the parser took."""
        try:
            messages, at = self._parsed(piece)
        except HttpProcessingError:
            # A refusal is one although its head is wrong about what follows: by characters, say, and not by bytes.
            at = piece.find(_END_OF_HEAD) + len(_END_OF_HEAD)
            self._parser = self._new_parser()
            messages, _, _ = self._parser.feed_data(piece[:at])
            if not messages or messages[0][0].code < 400:
                raise
        for message, content in messages:
            if not 100 <= message.code < 200 or message.code == 101:
                self._begin(message, content)
                break
        return at

    def _parsed(self, piece: bytes) -> tuple[list[_Message], int]:
        """Parse what came, but for a body whose length is known: nothing in it is the parser's to understand."""
        at = piece.find(_END_OF_HEAD) + len(_END_OF_HEAD)
        if at < len(_END_OF_HEAD):
            at = len(piece)
        messages, _, _ = self._parser.feed_data(piece[:at])
        if at < len(piece):
            length = _length(*messages[-1]) if messages else None
            if length is None or len(piece) - at > length:
                more, _, _ = self._parser.feed_data(piece[at:])
                messages, at = [*messages, *more], len(piece)
        return messages, at

    def _begin(self, message: aiohttp.http.RawResponseMessage, content: aiohttp.StreamReader) -> None:
        assert self._answered is not None, "somebody waits for the answer"
        body = self._body = self._answered(message.code, header_view(message.headers))
        if body is None:
            self._end()
            return
        self._content = content
        if not 200 <= message.code < 300:
            self._later(ERROR_BODY_SECONDS, self._break, TimeoutError("the answer has no end"))
        if (length := _length(message, content)) is not None:
            self._left = length - content.total_bytes
        self._drain(body)

    def _take(self, body: Body, data: bytes | bytearray, size: int) -> None:
        """Feed the body with what came: past the parser, where the length is known."""
        if self._left is not None:
            size = min(size, self._left)
            if size:
                body.take(data, size)
                self._left -= size
            if self._left <= 0 or body.done:
                self._end()
            return
        if size:
            self._parser.feed_data(bytes(memoryview(data)[:size]))
        self._drain(body)
        if self._content is not None and self._content.is_eof():
            self._end()
        elif body.done and not self._lingers:
            # The server may finish its last chunk before the connection closes; nothing in it matters any more.
            self._lingers = True
            self._later(LINGER, self._end)

    def _drain(self, body: Body) -> None:
        """Feed the body with what the parser holds."""
        while self._content is not None and not body.done and (piece := self._content.read_nowait()):
            body.take(piece)

    def _later(self, seconds: float, act: Callable[..., None], *args: object) -> None:
        """Let time end the answer; the latest word counts."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, act, *args)

    def _end(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)

    def _break(self, error: Exception, cause: BaseException | None = None) -> None:
        """Tell who waits, after the body has taken all that arrived: the parser forgets it when it hears of this."""
        if self._ended.done():
            return
        arrived = getattr(self._content, "_buffer", ())  # every public way to it raises the break first
        try:
            while arrived and self._body is not None and not self._body.done:
                self._body.take(arrived.popleft())
        except Exception as worse:  # noqa: BLE001 - whoever waits gets it, whatever it is
            error, cause = worse, error
        if cause is not None:
            error.__cause__ = cause
        self._ended.set_exception(error)

    def _widen(self) -> None:
        """Make room in the kernel, whose own tuning starts small: a server that must wait for us is served piecemeal.

        A low-water mark widens the buffer and, unlike SO_RCVBUF, leaves the tuning on (Linux, tcp_set_rcvlowat).
        """
        line = self.transport.get_extra_info("socket")
        if line is not None:
            with suppress(OSError):
                line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, ROOM)
                line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)


def _length(message: aiohttp.http.RawResponseMessage, content: aiohttp.StreamReader) -> int | None:
    """Return the length of a body; None where only its end tells."""
    if content is aiohttp.EMPTY_PAYLOAD or message.code in _NO_BODY:
        return 0
    told = message.headers.get("Content-Length")
    return None if told is None or message.chunked else int(told)


async def _pieces(body: Payload) -> AsyncIterator[bytes]:
    """Walk a body a piece at a time, so that the event loop breathes between."""
    if isinstance(body, bytes):
        for at in range(0, len(body), PIECE):
            yield body[at : at + PIECE]
        return
    async for piece in body:
        yield piece


def request_head(method: str, path: str, headers: Mapping[str, str], body: Payload) -> bytes:
    """Write down the line and the headers of a request; of names that differ in case only, the last counts."""
    fields = {name.lower(): f"{name}: {value}\r\n" for name, value in headers.items()}
    if isinstance(body, bytes) and (body or method != "GET"):
        fields["content-length"] = f"Content-Length: {len(body)}\r\n"
    return f"{method} {path} HTTP/1.1\r\n{''.join(fields.values())}\r\n".encode()
