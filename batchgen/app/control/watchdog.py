"""What goes on beside a run: twice a second tell where it stands, watch the time, and watch that something moves."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from batchgen.app.control.progress import Meter
from batchgen.app.watch import Watch
from batchgen.engine.stop_reasons import StopReasons
from batchgen.errors import StorageError
from batchgen.model import Stop, StopKind
from batchgen.runtime.clock import Clock

TICK = 0.5
TOLD_EVERY = 1.0
"""Seconds between two words of a run that draws; people may be looking."""
STATUS_EVERY = 10.0
LOCKED_FOR = 60.0
"""Seconds for which a locked ledger may hold everything up before it is given up."""


@dataclass
class Watchdog:
    """Ticks beside one run until it is cancelled.

    `permits` counts calls that hold a permit, `obey` takes what people tell the run meanwhile, `write` writes the
    status file, `stuck` is told when nothing has moved for twice the time that a call may take, although calls are
    under way.
    """

    clock: Clock
    meter: Meter
    watch: Watch
    stops: StopReasons
    permits: Callable[[], int]
    obey: Callable[[], Awaitable[None]]
    write: Callable[[int], Awaitable[None]]
    stuck: Callable[[str], None]
    deadline: float
    until: float | None = None

    async def run(self) -> None:
        """Tick for ever."""
        written = float("-inf")
        while True:
            await self._safely(self.obey())
            progress = self.meter.snapshot(self.permits())
            self.watch.on_progress(progress)
            now = self.clock.monotonic()
            if now - written >= TOLD_EVERY:
                written = now
                await self._safely(self.write(progress.in_flight))
            if self.until is not None and now > self.until:
                self.stops.add(Stop(StopKind.LIMIT, "the time of --max-duration is over"))
            if why := standstill(self.meter, now, self.deadline):
                self.stuck(why)
                return
            await self.clock.sleep(TICK)

    async def _safely(self, work: Awaitable[None]) -> None:
        try:
            await work
        except StorageError as error:
            self.stops.add(Stop(StopKind.STORAGE, str(error)))


def standstill(meter: Meter, now: float, deadline: float) -> str:
    """Return the words for a run in which nothing can move any more; empty while all is well."""
    still = now - meter.changed
    if not meter.under_way or still < 2 * deadline + LOCKED_FOR:
        return ""
    names = sorted(set(meter.under_way.values()))
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return f"nothing has moved for {still:.0f} s although calls may take {deadline:g} s; stuck: {shown}"


def stacks() -> str:
    """Where every task of the event loop waits, for whoever looks into a standstill."""
    return "\n".join(f"{task.get_name()}\n{''.join(_frames(task.get_coro()))}" for task in asyncio.all_tasks())


def _frames(where: Any) -> Iterator[str]:
    """Return the frames of a coroutine and of all that it waits for in turn."""
    while frame := getattr(where, "cr_frame", None):
        yield f"  {frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}\n"
        where = where.cr_await


@contextmanager
def heartbeat(beat: Callable[[], None]) -> Iterator[None]:
    """While inside, work that blocks (reading a long manifest, writing a long report) still writes the status file."""
    end = threading.Event()

    def live() -> None:
        while not end.wait(STATUS_EVERY):
            with suppress(StorageError):
                beat()

    thread = threading.Thread(target=live, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()
