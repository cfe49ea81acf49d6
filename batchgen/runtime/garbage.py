"""Collections of garbage while a command works: rare ones, that do not look through what is loaded."""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG = 20_000
"""Objects made and kept before the next collection: the jobs at hand and the calls under way are not looked at again
and again. What waits for it are small things; images never stand in memory whole."""


_lock = threading.Lock()
_found: list[tuple[tuple[int, int, int], bool]] = []
"""What each who is inside found: the thresholds, and whether the program keeps things frozen itself."""


@contextmanager
def rare_collections() -> Iterator[None]:
    """While inside, collect rarely, and leave what is loaded already alone; the last one out restores what was."""
    with _lock:
        _found.append((gc.get_threshold(), gc.get_freeze_count() > 0))
        gc.freeze()
        gc.set_threshold(YOUNG, *_found[0][0][1:])
    try:
        yield
    finally:
        with _lock:
            (before, frozen), _ = _found[0], _found.pop()
            if not _found:
                gc.set_threshold(*before)
                if not frozen:
                    gc.unfreeze()
