"""How a server is reached: its addresses, the first of them that answers, a proxy's tunnel, TLS.

A new connection for each request: one that waited for its next use may be dead when paid bytes leave.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import chain, zip_longest

import aiohttp
from yarl import URL

from batchgen.executor.network_cause import NotConnectedError
from batchgen.executor.proxies import Proxies
from batchgen.executor.response_protocol import PIECE, Idle, Payload, ResponseProtocol, request_head
from batchgen.model import Cause
from batchgen.runtime.memo import kept

HEAD_START = 0.25
"""Seconds that one address of a server has before the next one is tried beside it (RFC 8305)."""
NAME_SECONDS = 10.0
"""How long a server's addresses are known."""

Address = tuple[socket.AddressFamily, str, int]


@dataclass(frozen=True, slots=True)
class Target:
    """Where an address leads, worked out once: the server, what every request there says, and the proxy before it."""

    url: URL
    headers: Mapping[str, str]
    proxy: URL | None = None
    proxy_headers: Mapping[str, str] = field(default_factory=dict)


class Connections:
    """Opens connections within so many seconds each."""

    def __init__(self, proxies: Proxies, trust: ssl.SSLContext | bool, seconds: float) -> None:  # noqa: FBT001
        """Trust the machine's authorities, or those of a context."""
        self._proxies = proxies
        self._trust = trust
        self._seconds = seconds
        self._targets: dict[object, Target] = {}
        self._names: dict[tuple[str, int], tuple[float, asyncio.Future[list[Address]]]] = {}
        self._buffer = bytearray(PIECE)
        self._idle = Idle(asyncio.get_running_loop())

    def head(self, method: str, url: str, headers: Mapping[str, str], body: Payload) -> bytes:
        """Write down the head of a request to an address; ValueError where it would say two things at once."""
        target = self._target(url)
        if "Authorization" in target.headers and any(name.lower() == "authorization" for name in headers):
            raise ValueError("the base URL holds a user name, and a key is sent: only one of them can be meant")
        return request_head(method, target.url.raw_path_qs, {**target.headers, **headers}, body)

    async def open(self, url: str) -> ResponseProtocol:
        """Connect to where an address leads; NotConnectedError, or TimeoutError, where that does not come to be."""
        target = self._target(url)
        proxy = target.proxy
        async with asyncio.timeout(self._seconds):
            line = await (self._reach(proxy, Cause.PROXY) if proxy else self._reach(target.url))
            try:
                if proxy:
                    line = await self._secured(line, proxy)
                    await _tunnel(line, target)
                return line if target.url.scheme == "http" else await self._secured(line, target.url)
            except BaseException:
                line.transport.abort()
                raise

    def _target(self, url: str) -> Target:
        return kept(self._targets, url, lambda: _target(address(url), self._proxies))

    async def _reach(self, url: URL, cause: Cause = Cause.NONE) -> ResponseProtocol:
        """Connect to a server, with nothing of TLS yet; `cause` is what it means when it cannot be reached."""
        host, port = _place(url)
        try:
            addresses = await self._addresses(host, port)
        except OSError as error:
            raise NotConnectedError(f"{host} has no address: {error.strerror}", error) from error
        try:
            if len(addresses) == 1:
                return await self._line(addresses[0])
            return await first_open([partial(self._line, address) for address in addresses])
        except OSError as error:
            words = f"no connection to {host}:{port}: {error.strerror or error}"
            raise NotConnectedError(words, error, cause) from error

    async def _line(self, address: Address) -> ResponseProtocol:
        family, host, port = address
        make = partial(ResponseProtocol, self._buffer, self._idle)
        _, protocol = await asyncio.get_running_loop().create_connection(make, host, port, family=family)
        return protocol

    async def _secured(self, line: ResponseProtocol, url: URL) -> ResponseProtocol:
        """Encrypt a connection, where the scheme says so, for a server that proves its name."""
        if url.scheme != "https":
            return line
        context = self._trust if isinstance(self._trust, ssl.SSLContext) else _authorities()
        loop, (host, port) = asyncio.get_running_loop(), _place(url)
        secured = ResponseProtocol(self._buffer, self._idle)
        try:
            transport = await loop.start_tls(line.transport, secured, context, server_hostname=host)
        except OSError as error:
            raise NotConnectedError(f"no secure connection to {host}:{port}: {error}", error) from error
        if transport is None or transport.is_closing():  # cut before anything of the handshake was sent
            raise NotConnectedError(f"no secure connection to {host}:{port}: it was closed", cause=Cause.CUT)
        secured.connection_made(transport)
        return secured

    async def _addresses(self, host: str, port: int) -> list[Address]:
        """Look a name up; whoever asks for it meanwhile, or soon, gets the same."""
        loop, place = asyncio.get_running_loop(), (host, port)
        since, found = self._names.get(place, (0.0, None))
        if found is None or (found.done() and (loop.time() > since + NAME_SECONDS or found.exception())):
            # In a thread of Python's: libuv ends the process where there is no memory for its own.
            found = loop.run_in_executor(None, _look_up, host, port)
            self._names[place] = loop.time(), found
        return found.result() if found.done() else await asyncio.shield(found)


def _target(url: URL, proxies: Proxies) -> Target:
    if url.scheme not in {"http", "https"} or not url.raw_host:
        raise ValueError(f"{url} is no http or https address")
    headers = {"Host": url.host_port_subcomponent or "", "Accept": "*/*", "Connection": "close"}
    if url.user or url.password:
        headers["Authorization"] = aiohttp.BasicAuth(url.user or "", url.password or "").encode()
    through = proxies.options(url)
    proxy = URL(through["proxy"]) if through else None
    return Target(url, headers, proxy, through.get("proxy_headers", {}))


def address(text: str) -> URL:
    """Read an address as it is spelled; a name in letters of the world becomes the one that resolves."""
    url = URL(text, encoded=True)
    return url if url.raw_host is None or url.raw_host.isascii() else url.with_host(url.raw_host)


def _place(url: URL) -> tuple[str, int]:
    """Return a server's name, without the dot that may end it (certificates have none), and its port."""
    return (url.raw_host or "").rstrip("."), url.port or 80


@cache
def _authorities() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(("http/1.1",))
    return context


def _look_up(host: str, port: int) -> list[Address]:
    """Find the addresses of a name, one family after the other in turns. Blocks."""
    # As bytes: a text would be spelled anew by a codec, which is loaded when it is needed first.
    found = socket.getaddrinfo(host.encode(), port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    addresses = [(family, str(where[0]), int(where[1])) for family, _, _, _, where in found]
    first = [one for one in addresses if one[0] == addresses[0][0]]
    others = [one for one in addresses if one[0] != addresses[0][0]]
    return [one for one in chain.from_iterable(zip_longest(first, others)) if one]


async def first_open(ways: Sequence[Callable[[], Awaitable[ResponseProtocol]]]) -> ResponseProtocol:
    """Take the first connection that comes to be; each way has a head start before the next one."""
    tried, failed = set[asyncio.Future[ResponseProtocol]](), list[BaseException]()
    waiting = list(ways)
    try:
        while waiting or tried:
            if waiting:
                tried.add(asyncio.ensure_future(waiting.pop(0)()))
            done, tried = await asyncio.wait(
                tried, timeout=HEAD_START if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            failed += [error for one in done if (error := one.exception())]
            if open_ones := [one for one in done if one.exception() is None]:
                tried |= set(open_ones[1:])
                return open_ones[0].result()
    finally:
        for one in tried:
            one.add_done_callback(_let_go)
            one.cancel()
    raise failed[0]


def _let_go(late: asyncio.Future[ResponseProtocol]) -> None:
    """Close a connection that came to be too late."""
    if not late.cancelled() and late.exception() is None:
        late.result().transport.abort()


async def _tunnel(line: ResponseProtocol, target: Target) -> None:
    """Ask a proxy to pass everything on, unread."""
    (host, port), said = _place(target.url), 0
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def answered(status: int, _headers: object) -> None:
        nonlocal said
        said = status

    line.send(request_head("CONNECT", place, {"Host": place, **target.proxy_headers}, b""), b"", _nothing)
    with suppress(OSError, ValueError):
        await line.answer(answered)
    if said != 200:
        words = f"the proxy answers {said or 'nonsense'} and opens no tunnel"
        raise NotConnectedError(words, cause=Cause.PROXY_REFUSED)


def _nothing() -> None:
    """Hand nothing over that anybody counts."""
