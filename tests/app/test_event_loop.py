"""Laws of the event loop's turns."""

import asyncio
import socket
from collections.abc import Iterator
from selectors import EVENT_READ, EVENT_WRITE

import pytest

from batchgen.runtime.event_loop import FEW, FewAtOnce, loop


@pytest.fixture
def talking() -> Iterator[list[socket.socket]]:
    """Sockets that all have something to say, more than one turn takes."""
    pairs = [socket.socketpair() for _ in range(3 * FEW + 1)]
    for here, there in pairs:
        here.setblocking(False)
        there.send(b"!")
    yield [here for here, _ in pairs]
    for pair in pairs:
        for end in pair:
            end.close()


def test_a_turn_is_short_and_nobody_is_passed_over(talking: list[socket.socket]) -> None:
    """However many are ready, each turn takes a few, and whoever was read waits until all others had their turn."""
    with FewAtOnce() as selector:
        for one in talking:
            selector.register(one, EVENT_READ)
        turns = [[key.fileobj for key, _ in selector.select(0)] for _ in range(4)]
    assert [len(turn) for turn in turns] == [FEW, FEW, FEW, 1]
    assert {one for turn in turns for one in turn} == set(talking)


@pytest.mark.parametrize(
    ("sizes", "few"), [((1 << 30,), FEW), ((1,), 3 * FEW + 1), ((1, 1 << 30, 1), FEW), ((700_000,), 5)]
)
def test_a_turn_brings_a_few_mebibytes(talking: list[socket.socket], sizes: tuple[int, ...], few: int) -> None:
    """The smaller the latest answers were, the more connections are read in one turn; the largest of them counts."""
    with FewAtOnce() as selector:
        for one in talking:
            selector.register(one, EVENT_READ)
        for size in sizes:
            selector.expect(size)
        assert len(selector.select(0)) == few


def test_an_event_of_a_closed_connection_never_reaches_the_next_one_with_its_number(
    talking: list[socket.socket],
) -> None:
    """Descriptors are used again at once; what was ready of the old one says nothing of the new one."""
    with FewAtOnce() as selector:
        for one in talking:
            selector.register(one, EVENT_READ | EVENT_WRITE)
        selector.select(0)
        for one in talking[1:]:
            selector.unregister(one)
            selector.register(one, EVENT_READ, "anew")
        selector.unregister(talking[0])
        left = [key for _ in range(5) for key, _ in selector.select(0)]
    assert left
    assert {key.data for key in left} == {"anew"}


def test_the_loop_serves_them_all(talking: list[socket.socket]) -> None:
    """Waiting for many at once ends when each has spoken."""

    async def listen() -> list[bytes]:
        running = asyncio.get_running_loop()
        return await asyncio.gather(*(running.sock_recv(one, 1) for one in talking))

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(listen()) == [b"!"] * len(talking)
