"""One request over the wire: how far it got is followed step by step, and all a server can do ends in an `Exchange`."""

import asyncio
import errno
import re
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from uuid import uuid4

import aiohttp

from batchgen.errors import TOO_MANY_FILES
from batchgen.executor.body import Body
from batchgen.executor.connection import Connections
from batchgen.executor.network_cause import behind, network_cause
from batchgen.executor.response_protocol import PIECE, Payload
from batchgen.model import Cause, Phase
from batchgen.providers.verdict import TransportError
from batchgen.providers.wire import FormPart, WireRequest, form_length, form_pieces
from batchgen.runtime.clock import Clock, Offload
from batchgen.text import safe

GRACE = 0.5
"""Seconds after the deadline for bytes that had already arrived, beside the time by which the loop was late."""
IN_ONE_PIECE = 8 * 1024 * 1024

_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BREAK = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_CUT_HANDSHAKE = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)


@dataclass(eq=False)
class Exchange:
    """One exchange while it happens; what is written here stays true when the exchange breaks off.

    `body_of` makes the taker of a body for a status and an encoding.
    """

    clock: Clock
    body_of: Callable[[int, str], Body] = field(default_factory=lambda: _no_body)
    phase: Phase = Phase.NOT_CONNECTED
    handed_at: float | None = None
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: Body | None = None
    trouble: TransportError | None = None
    detail: str = ""
    cause: Cause = Cause.NONE

    @property
    def seconds(self) -> float:
        """Seconds since hand-over; 0 before it."""
        return 0.0 if self.handed_at is None else self.clock.monotonic() - self.handed_at

    def handed_over(self) -> None:
        """From here on bytes may leave."""
        if self.handed_at is None:
            self.phase, self.handed_at = Phase.HANDED_OVER, self.clock.monotonic()

    def answered(self, status: int, headers: dict[str, str]) -> Body:
        """Return what takes the body: the status line and headers are here."""
        self.phase, self.status, self.headers = Phase.STATUS_SEEN, status, headers
        self.body = self.body_of(status, headers.get("content-encoding", ""))
        return self.body

    def broke(self, trouble: TransportError, detail: str, cause: Cause = Cause.NONE) -> None:
        """Write down what broke the exchange; the first trouble counts."""
        if self.trouble is None:
            self.trouble, self.detail, self.cause = trouble, detail, cause


def _no_body(_status: int, _encoding: str) -> Body:
    raise AssertionError("nothing is sent here that could be answered")


async def post(
    connections: Connections, wire: WireRequest, headers: dict[str, str], call: Exchange, offload: Offload
) -> None:
    """Make the request once and take the answer; trouble goes into the call. Only sinks' errors are raised."""
    try:
        data, sizes = (wire.body, {}) if isinstance(wire.body, bytes) else await _form(wire.body, offload)
        head = connections.head(wire.method, wire.url, sound({**dict(wire.headers), **headers, **sizes}), data)
        with await connections.open(wire.url) as connection:
            connection.send(head, data, call.handed_over)
            await connection.answer(call.answered)
            call.phase = Phase.COMPLETE
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError, asyncio.IncompleteReadError) as error:
        cause = network_cause(error) if call.phase is Phase.NOT_CONNECTED else Cause.NONE
        call.broke(*trouble_of(error, call.phase), cause)


class Deadline:
    """Ends an exchange that is made inside, `seconds` after its hand-over.

    Time that the event loop was late is not the server's: it is given back, with a grace for what already arrived.
    """

    def __init__(self, call: Exchange, seconds: float) -> None:
        """Watch one exchange."""
        self._call = call
        self._seconds = seconds
        self._passed = False

    def __enter__(self) -> None:
        """Begin to watch the current task."""
        self._loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None, "an exchange is made in a task"
        self._task, self._before = task, task.cancelling()
        self._timer = self._loop.call_later(self._seconds, self._look)

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        """Stop watching; the end that came of the deadline is no error."""
        self._timer.cancel()
        if not self._passed or self._task.uncancel() > self._before:
            return False
        return isinstance(error, asyncio.CancelledError)

    def _look(self) -> None:
        """Look again at the deadline, which counts from the hand-over; after it, only once more."""
        late = self._call.seconds - self._seconds
        self._timer = self._loop.call_later(*((-late, self._look) if late < 0 else (GRACE + late, self._end)))

    def _end(self) -> None:
        self._passed = True
        self._call.broke(TransportError.DEADLINE, f"no whole answer within {self._seconds:g} s")
        self._task.cancel()


def sound(headers: dict[str, str]) -> dict[str, str]:
    """Headers that can be sent; ValueError for one that cannot, while it is still certain that nothing left."""
    for name, value in headers.items():
        _check(name, value)
    return headers


@lru_cache(maxsize=256)
def _check(name: str, value: str) -> None:
    """Look at a header; most are the same in every request."""
    if not _HEADER.fullmatch(name) or _BREAK.search(value):
        raise ValueError(f"the header {safe(name, 60)!r} cannot be sent: look at the provider file")


async def _form(parts: tuple[FormPart, ...], offload: Offload) -> tuple[Payload, dict[str, str]]:
    boundary = uuid4().hex
    length = await offload(form_length, parts, boundary)
    sizes = {"Content-Type": f"multipart/form-data; boundary={boundary}", "Content-Length": str(length)}
    pieces = _pieces(parts, boundary, offload)
    return (b"".join([piece async for piece in pieces]) if length <= IN_ONE_PIECE else pieces), sizes


async def _pieces(parts: tuple[FormPart, ...], boundary: str, offload: Offload) -> AsyncIterator[bytes]:
    for piece in form_pieces(parts, boundary):
        if isinstance(piece, bytes):
            yield piece
            continue
        offset = 0
        while chunk := await offload(_chunk, piece, offset):
            yield chunk
            offset += len(chunk)


def _chunk(path: Path, offset: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(PIECE)


def trouble_of(error: BaseException, phase: Phase) -> tuple[TransportError, str]:
    """Name what broke an exchange; the phase says whether it was sent, the exception only what to call it."""
    words = str(error) or type(error).__name__
    if phase is not Phase.NOT_CONNECTED:
        bad = isinstance(error, aiohttp.ClientResponseError | ValueError) and not isinstance(error, OSError)
        return (TransportError.BAD_HTTP if bad else TransportError.DISCONNECTED), words
    return _before_it_left(error, words)


def _before_it_left(error: BaseException, words: str) -> tuple[TransportError, str]:
    if isinstance(error, aiohttp.ClientResponseError):  # only a proxy answers before anything was handed over
        return TransportError.CONNECT, f"the proxy answers {error.status or 'nonsense'} and opens no tunnel"
    cause = behind(error)
    if isinstance(cause, OSError) and cause.errno in {errno.EMFILE, errno.ENFILE}:
        return TransportError.TOO_MANY_FILES, TOO_MANY_FILES
    if isinstance(cause, socket.gaierror):
        return TransportError.DNS, words
    if isinstance(cause, ssl.SSLError) and not (isinstance(cause, _CUT_HANDSHAKE) or "reset" in words.lower()):
        return TransportError.TLS, words
    if isinstance(error, TimeoutError):
        return TransportError.CONNECT_TIMEOUT, "no connection in time"
    if isinstance(error, ValueError | FileNotFoundError) or not isinstance(error, aiohttp.ClientConnectionError):
        return TransportError.REQUEST, words
    return TransportError.CONNECT, words
