"""Laws of the event loop of a run."""

import asyncio
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from batchgen.runtime.event_loop import loop
from batchgen.runtime.signals import handled


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


def test_a_run_beside_the_main_thread_leaves_signals_alone() -> None:
    """Whoever calls from a thread keeps handlers of their own: none is set, and none is taken away."""

    async def work() -> str:
        with handled(lambda _: None, lambda: None):
            return "done"

    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with ThreadPoolExecutor(1) as thread, asyncio.Runner(loop_factory=loop) as runner:
        assert thread.submit(runner.run, work()).result() == "done"
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
