"""Collections of garbage while a command works: rare ones, that do not look through what is loaded."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG = 20_000
"""Objects made and kept before the next collection: the jobs at hand and the calls under way are not looked at again
and again. What waits for it are small things; images never stand in memory whole."""


@contextmanager
def rare_collections() -> Iterator[None]:
    """While inside, collect rarely, and leave what is loaded already alone."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(YOUNG, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
