"""How a server with several addresses is reached, and what may stand around an answer on its line."""

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import pytest

from batchgen.executor.body import Body
from batchgen.executor.connection import HEAD_START, Connections, address, first_open
from batchgen.executor.network_cause import NotConnectedError, network_cause
from batchgen.executor.proxies import Proxies
from batchgen.executor.response_protocol import PIECE, Idle, ResponseProtocol, request_head
from batchgen.model import Cause, Charge
from batchgen.runtime import event_loop
from tests import virtual_time


class Way:
    """A way to a server: it opens after so many seconds, or fails."""

    def __init__(self, seconds: float, error: OSError | None = None) -> None:
        self.seconds, self.error = seconds, error
        self.state = "untried"

    async def __call__(self) -> Any:
        """Try it."""
        self.state = "tried"
        await asyncio.sleep(self.seconds)
        if self.error:
            raise self.error
        self.state = "open"
        return SimpleNamespace(way=self, transport=SimpleNamespace(abort=self.abort))

    def abort(self) -> None:
        """Close what was opened."""
        self.state = "closed"


def race(*ways: Way) -> tuple[Any, float]:
    """Return the way that was taken, or the error, and when."""

    async def run() -> tuple[Any, float]:
        tried: list[Callable[[], Awaitable[Any]]] = list(ways)
        try:
            taken: Any = await first_open(tried)
            found = taken.way
        except OSError as error:
            found = error
        at = asyncio.get_running_loop().time()
        await asyncio.sleep(100)
        return found, at

    return virtual_time.run(run())


@pytest.mark.parametrize(
    ("seconds", "taken", "at"),
    [
        ((0.1,), 0, 0.1),
        ((0.1, 0.1), 0, 0.1),
        ((50, 0.1), 1, HEAD_START + 0.1),
        ((0.3, 0.2), 0, 0.3),
        ((50, 50, 0.1), 2, 2 * HEAD_START + 0.1),
    ],
)
def test_the_first_address_that_answers_is_taken(seconds: tuple[float, ...], taken: int, at: float) -> None:
    """Each has a head start before the next one; no other connection stays open."""
    ways = [Way(one) for one in seconds]
    found, when = race(*ways)
    assert found is ways[taken]
    assert when == pytest.approx(at, abs=0.01)
    assert [way for way in ways if way.state == "open"] == [ways[taken]]


def test_an_address_that_refuses_makes_room_for_the_next_at_once() -> None:
    """Nobody waits for a head start that is over."""
    refused = Way(0.01, ConnectionRefusedError("refused"))
    good = Way(0.01)
    found, when = race(refused, good)
    assert found is good
    assert when == pytest.approx(0.02, abs=0.01)


def test_where_no_address_answers_the_first_one_says_why() -> None:
    """The others are mostly of a family that the machine does not have."""
    first = ConnectionRefusedError("refused")
    assert race(Way(0.5, first), Way(0.1, OSError("no route")))[0] is not None
    assert race(Way(0.1, first), Way(0.1, OSError("no route")))[0] is first


async def test_what_a_server_says_before_it_is_asked_is_its_answer(world: Any, kit: Any) -> None:
    """Some refuse a connection before they read; nothing is lost of it."""
    refusal = kit.response(b'{"error": {"message": "too many connections"}}', "503 Service Unavailable")

    async def at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(refusal)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(at_once, "127.0.0.1", 0)
    world.like(base_url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
    came = await world.execute(world.attempt())
    await asyncio.sleep(0.05)
    server.close()
    assert came.status == 503
    assert came.verdict.charge is Charge.NO


async def test_a_refusal_is_one_although_its_length_counts_characters(world: Any, kit: Any) -> None:
    """Servers of the world write their words so; in one piece as in two, it is free and says what is wrong."""
    words = '{"error": {"message": "\u4f59\u989d\u4e0d\u8db3", "code": "invalid_request"}}'.encode()
    short = kit.response(words, "400 Bad Request", length=len(words.decode()))

    async def refused(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(short)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(refused, "127.0.0.1", 0)
    world.like(base_url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
    came = await world.execute(world.attempt())
    server.close()
    assert (came.status, came.verdict.charge) == (400, Charge.NO)


def test_a_name_in_letters_of_the_world_is_spelled_as_it_resolves() -> None:
    """The path stays as it was written."""
    url = address("https://b\u00fccher.example:8443/v1/%2Fx")
    assert str(url) == "https://xn--bcher-kva.example:8443/v1/%2Fx"


def test_a_line_that_is_cut_before_the_handshake_is_told_as_cut() -> None:
    """Whether the loop heard of it already or not."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                listener.accept()[0].close()

    async def causes() -> set[Cause]:
        connections, found = Connections(Proxies(), ssl.create_default_context(), 60), set[Cause]()
        for _ in range(30):
            with pytest.raises(NotConnectedError) as error:
                await connections.open(f"https://127.0.0.1:{listener.getsockname()[1]}/v1")
            found.add(network_cause(error.value))
        return found

    server = threading.Thread(target=serve)
    server.start()
    with asyncio.Runner(loop_factory=event_loop.loop) as runner:
        found = runner.run(causes())
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    server.join(10)
    assert found == {Cause.CUT}


def test_a_server_that_floods_leaves_others_their_turn() -> None:
    """Of one connection, a turn of the loop works off one piece at most, whatever waits behind it."""
    size, turns, taken = 4 * PIECE, 0, list[tuple[int, int]]()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listener, listener.accept()[0] as line:
            line.recv(PIECE)
            line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))

    class Taker:
        done = False

        def take(self, data: bytes, size: int | None = None) -> None:
            time.sleep(0.02)  # a slow loop: the server is always ahead
            taken.append((turns, len(data) if size is None else size))

    async def ask() -> None:
        def turn() -> None:
            nonlocal turns
            turns += 1
            if sum(size for _, size in taken) < size:
                loop.call_soon(turn)

        loop = asyncio.get_running_loop()
        make = partial(ResponseProtocol, bytearray(PIECE), Idle(loop))
        _, line = await loop.create_connection(make, *listener.getsockname())
        with line:
            line.send(request_head("GET", "/", {}, b""), b"", lambda: None)
            loop.call_soon(turn)
            await line.answer(lambda _status, _headers: cast("Body", Taker()))
        await asyncio.sleep(0)

    server = threading.Thread(target=serve)
    server.start()
    with asyncio.Runner(loop_factory=event_loop.loop) as runner:
        runner.run(ask())
    server.join(10)
    assert sum(size for _, size in taken) == size
    assert all(sum(size for at, size in taken if at == one) <= PIECE for one, _ in taken)
