"""Thumbnails while a run is at work, there when it ends: one thread that gives way to everything else."""

import os
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread, get_native_id

from batchgen.errors import StorageError
from batchgen.reporter.thumbs import HOME, thumbnail
from batchgen.storage import ImageStore, Workspace

PATIENCE = 20.0
"""Seconds of a run in which none are made: what a short run draws is made when it ends."""
BUSY = 0.5
"""The part of a core from which on the run itself is at work, and not waiting for its provider."""
SHARES = (0.5, 0.05)
"""The part of the time that making takes at most: while the run waits, and while it works."""
NICE = 19


class ThumbMaker:
    """Makes small copies of images as they are stored, of those on this machine: a store elsewhere is not asked."""

    def __init__(
        self,
        workspace: Workspace,
        store: ImageStore,
        *,
        patience: float = PATIENCE,
        now: Callable[[], float] = time.monotonic,
        cpu: Callable[[], float] = time.process_time,
    ) -> None:
        self._workspace, self._store = workspace, store
        self._now, self._cpu = now, cpu
        self._begin = now() + patience
        self._waiting: deque[tuple[str, str]] = deque()
        self._more, self._ended = Event(), False
        self._thread: Thread | None = None

    def add(self, path: str, sha256: str) -> None:
        """Take an image that was stored; it waits for nothing."""
        self._waiting.append((path, sha256))
        if not self._more.is_set():
            self._more.set()
        if self._thread is None and not self._ended and self._now() >= self._begin:
            self._thread = Thread(target=self._work, name="thumbs", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Make no more; waits for the one under way."""
        self._ended = True
        self._more.set()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        if sys.platform == "linux":  # only there does a thread have a priority of its own
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, get_native_id(), NICE)
        at, used = self._now(), self._cpu()
        while not self._ended:
            if not self._waiting:
                self._more.clear()
                if not self._waiting and not self._ended:
                    self._more.wait()
                continue
            begin, mine = self._now(), time.thread_time()
            with suppress(StorageError, OSError):
                self._make(*self._waiting.popleft())
            took, mine = self._now() - begin, time.thread_time() - mine
            busy = (self._cpu() - used - mine) / max(self._now() - at, 0.001) > BUSY
            at, used = self._now(), self._cpu()
            self._pause(took / SHARES[busy] - took)

    def _make(self, path: str, sha256: str) -> None:
        small = f"{HOME}/{sha256}.webp"
        if self._store.local_path(path) is None or self._workspace.exists(small):
            return
        with self._store.open(path) as file:
            data = thumbnail(file)
        if data is not None:
            self._workspace.make(HOME)
            self._workspace.write(small, data, durable=False)

    def _pause(self, seconds: float) -> None:
        """Wait for so long, or until told to stop."""
        end = self._now() + seconds
        while not self._ended and (left := end - self._now()) > 0:
            time.sleep(min(left, 0.1))
