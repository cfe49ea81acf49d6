"""Blocking calls in threads: each comes to its end, and its result to whoever waits."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from batchgen.runtime.offload import Threads
from tests.patience import PATIENCE


async def test_results_and_errors_come_back() -> None:
    """A call's value is awaited, and so is what it raises."""
    with Threads(2, "test") as offload:
        assert await offload(divmod, 7, 3) == (2, 1)
        with pytest.raises(ZeroDivisionError):
            await offload(divmod, 7, 0)


async def test_calls_run_elsewhere_and_side_by_side() -> None:
    """The event loop turns meanwhile, and two threads work at the same time."""
    both, here = threading.Barrier(2, timeout=PATIENCE), threading.get_ident()

    def meet() -> int:
        both.wait()
        return threading.get_ident()

    with Threads(2, "test") as offload:
        one, other = await asyncio.gather(offload(meet), offload(meet))
    assert len({one, other, here}) == 3


async def test_one_thread_keeps_the_order() -> None:
    """Hundreds of calls handed over at once run one after another, as they came."""
    done: list[int] = []
    with Threads(1, "test") as offload:
        await asyncio.gather(*(offload(done.append, number) for number in range(500)))
    assert done == list(range(500))


async def test_every_result_of_many_threads_arrives() -> None:
    """None is left behind, however the threads and the loop interleave."""
    with Threads(4, "test") as offload:
        found = await asyncio.gather(*(offload(int, str(number)) for number in range(5000)))
    assert found == list(range(5000))


@pytest.mark.parametrize("leave", [Threads.close, lambda threads: threads.__exit__()])
async def test_what_was_handed_over_is_done_although_nobody_waits(leave: Callable[[Threads], None]) -> None:
    """A caller that gives up takes nothing back; closing waits for it, and may be done twice."""
    gate, done = threading.Event(), list[str]()

    def work() -> None:
        gate.wait(PATIENCE)
        done.append("done")

    with Threads(1, "test") as offload:
        waiting = asyncio.ensure_future(offload(work))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        gate.set()
        leave(offload)
        assert done == ["done"]
        with pytest.raises(RuntimeError, match="closed"):
            await offload(work)


NO_ROOM = """
import asyncio, resource, threading
from batchgen.runtime.offload import Threads

async def main():
    threading.stack_size(1 << 30)
    resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
    with Threads(4, "test"):
        pass

asyncio.run(main())
"""


def test_a_machine_without_room_for_all_threads_is_told_and_not_waited_for() -> None:
    """Those that did start end, so that the process does, and lets go of its lock."""
    ended = subprocess.run(
        [sys.executable, "-c", NO_ROOM], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert (ended.returncode, ended.stderr.splitlines()[-1]) == (1, "RuntimeError: can't start new thread")


class Group:
    """A context that counts what happens in it, and may fail at its end."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.sizes: list[int] = []
        self.calls = 0

    def __call__(self) -> "Group":
        return self

    def __enter__(self) -> None:
        self.calls = 0

    def __exit__(self, *_: object) -> None:
        self.sizes.append(self.calls)
        if self.error:
            raise self.error

    def call(self, value: int) -> float:
        """Count, and answer or fail."""
        self.calls += 1
        return 1 / value


async def test_calls_of_one_turn_are_made_in_one_group() -> None:
    """Each has its own result or error, in the order in which they came."""
    group = Group()
    with Threads(1, "test", group) as offload:
        found = await asyncio.gather(*(offload(group.call, value) for value in (1, 0, 2)), return_exceptions=True)
        assert await offload(group.call, 4) == 0.25
    assert (found[0], type(found[1]), found[2]) == (1, ZeroDivisionError, 0.5)
    assert group.sizes == [3]


async def test_a_group_that_fails_at_its_end_fails_each_of_its_calls() -> None:
    """A call that had failed by itself keeps its own error."""
    group = Group(OSError("no room"))
    with Threads(1, "test", group) as offload:
        found = await asyncio.gather(*(offload(group.call, value) for value in (1, 0, 2)), return_exceptions=True)
    assert [type(one) for one in found] == [OSError, ZeroDivisionError, OSError]


async def test_calls_that_wait_for_their_turn_are_made_before_the_end() -> None:
    """Closing hands over what this turn of the loop has brought."""
    group = Group()
    with Threads(1, "test", group) as offload:
        waiting = [offload(group.call, value) for value in (1, 2)]
    assert group.calls == 2
    assert await asyncio.gather(*waiting) == [1, 0.5]
