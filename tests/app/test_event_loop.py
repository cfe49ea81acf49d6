"""Laws of the event loop of a run."""

import asyncio
import socket
from collections.abc import Iterator

import pytest

from batchgen.runtime.event_loop import loop


@pytest.fixture
def talking() -> Iterator[list[socket.socket]]:
    """Sockets that all have something to say."""
    pairs = [socket.socketpair() for _ in range(13)]
    for here, there in pairs:
        here.setblocking(False)
        there.send(b"!")
    yield [here for here, _ in pairs]
    for pair in pairs:
        for end in pair:
            end.close()


def test_the_loop_serves_them_all(talking: list[socket.socket]) -> None:
    """Waiting for many at once ends when each has spoken."""

    async def listen() -> list[bytes]:
        running = asyncio.get_running_loop()
        return await asyncio.gather(*(running.sock_recv(one, 1) for one in talking))

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(listen()) == [b"!"] * len(talking)
