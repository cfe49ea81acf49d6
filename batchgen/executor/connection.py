"""One request on a connection of its own, and the head of its answer.

Names, TLS, proxies and HTTP's grammar are aiohttp's. Its client session is passed by: it does much for each request
that no call of ours needs, and takes longer for it than a small image does.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp.client_proto import ResponseHandler
from yarl import URL

from batchgen.executor.proxies import Proxies
from batchgen.runtime.memo import kept

MOST_HEADER = 32 * 1024
READ = 1024 * 1024

Payload = bytes | AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class Connections:
    """Opens a new connection for each request: one that waited for its next use may be dead when paid bytes leave."""

    session: aiohttp.ClientSession
    proxies: Proxies
    _targets: dict[object, aiohttp.ClientRequest] = field(default_factory=dict)

    async def open(self, method: str, url: str) -> "Connection":
        """Connect to where a request goes; aiohttp's errors and TimeoutError where that does not come to be."""
        target = kept(self._targets, url, lambda: self._target(url))
        assert self.session.connector is not None, "the session is open"
        return Connection(await self.session.connector.connect(target, [], self.session.timeout), target, method)

    def _target(self, address: str) -> aiohttp.ClientRequest:
        """Say where an address leads, in the words of aiohttp's connectors."""
        url = URL(address, encoded=True)
        through = self.proxies.options(url)
        proxy = URL(through["proxy"]) if through else None
        every = {"Accept": "*/*", "Connection": "close"}
        return aiohttp.ClientRequest(
            "GET", url, headers=every, session=self.session, proxy=proxy, proxy_headers=through.get("proxy_headers")
        )


class Connection:
    """A connection for one request; leaving the context closes it."""

    def __init__(self, connected: aiohttp.connector.Connection, target: aiohttp.ClientRequest, method: str) -> None:
        """Take over what a connector opened."""
        self._connected = connected
        if connected.protocol is None or connected.transport is None:
            connected.close()
            raise aiohttp.ClientConnectionResetError("the connection was closed")
        self.protocol, self.transport = connected.protocol, connected.transport
        self._target = target
        self._method = method
        self._sending: asyncio.Task[None] | None = None
        self.status = 0
        self.headers: Mapping[str, str] = {}
        self.length: int | None = None
        self.content: aiohttp.StreamReader

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        if self._sending:
            self._sending.cancel()
        self._connected.close()

    @property
    def is_open(self) -> bool:
        """Whether more can come."""
        return self.protocol.transport is not None

    def send(self, headers: Mapping[str, str], body: Payload, handed_over: Callable[[], None]) -> None:
        """Hand a request over, and say so before a byte can leave; what a large one has to say follows by itself."""
        protocol, transport = self.protocol, self.transport
        protocol.set_response_params(
            read_until_eof=True, auto_decompress=False, max_line_size=MOST_HEADER, max_field_size=MOST_HEADER
        )
        head = self._head(headers, body)
        handed_over()
        if isinstance(body, bytes) and len(body) < READ:
            transport.write(head + body)
        else:
            self._sending = asyncio.create_task(self._send(protocol, transport, head, body))

    def _head(self, headers: Mapping[str, str], body: Payload) -> bytes:
        """Write down the line and the headers of a request."""
        target = self._target
        if target.auth and any(name.lower() == "authorization" for name in headers):
            raise ValueError("the base URL holds a user name, and a key is sent: only one of them can be meant")
        fields = target.headers.copy()
        fields.update(headers)
        if isinstance(body, bytes) and (body or self._method != "GET"):
            fields["Content-Length"] = str(len(body))
        lines = "".join([f"{name}: {value}\r\n" for name, value in fields.items()])
        return f"{self._method} {target.url.raw_path_qs} HTTP/1.1\r\n{lines}\r\n".encode()

    @staticmethod
    async def _send(protocol: ResponseHandler, transport: asyncio.Transport, head: bytes, body: Payload) -> None:
        """Send a large request piece by piece; what keeps it from being sent whole is told to who reads the answer."""
        try:
            transport.write(head)
            async for piece in _pieces(body):
                transport.write(piece)
                await protocol._drain_helper()  # noqa: SLF001 - as aiohttp's own writer does
        except Exception as error:  # noqa: BLE001 - whoever waits gets it, whatever it is
            protocol.set_exception(aiohttp.ClientConnectionError(f"the request could not be sent: {error}"), error)

    async def answered(self) -> None:
        """Wait for the head of the answer; raises what aiohttp's session would raise."""
        try:
            message, content = await self.protocol.read()
            while 100 <= message.code < 200 and message.code != 101:
                message, content = await self.protocol.read()
        except aiohttp.http.HttpProcessingError as error:
            raise aiohttp.ClientResponseError(
                self._target.request_info, (), status=error.code, message=error.message, headers=error.headers
            ) from error
        self.status, self.headers, self.content = message.code, message.headers, content
        with suppress(KeyError, ValueError):
            # The length of 204 and 304 is that of a body which another answer would have had (RFC 9110, 8.6).
            self.length = 0 if content is aiohttp.EMPTY_PAYLOAD else int(message.headers["Content-Length"])


async def _pieces(body: Payload) -> AsyncIterator[bytes]:
    """Walk a body a piece at a time, so that the event loop breathes between."""
    if isinstance(body, bytes):
        for at in range(0, len(body), READ):
            yield body[at : at + READ]
        return
    async for piece in body:
        yield piece
