"""Copies of images of a store on this machine."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import BinaryIO

import pytest

from batchgen.storage.images.cache import Cache
from tests.patience import PATIENCE


def test_threads_that_fetch_the_same_image_at_once_all_get_it(tmp_path: Path) -> None:
    """None takes the half of another for its own, and nothing half stays behind."""
    cache, all_here = Cache(tmp_path / "cache"), Barrier(4, timeout=PATIENCE)

    def pour(file: BinaryIO) -> bool:
        file.write(b"half ")
        all_here.wait()
        file.write(b"whole")
        return True

    def fetch(_index: int) -> bytes:
        copy = cache.get("images/lamp.png", "1", pour)
        assert copy
        return copy.read_bytes()

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(fetch, range(4))) == [b"half whole"] * 4
    assert len(list((tmp_path / "cache").iterdir())) == 1


@pytest.mark.parametrize("fails", [True, False])
def test_an_image_that_does_not_come_leaves_nothing_behind(tmp_path: Path, *, fails: bool) -> None:
    """Whether the store breaks off or has no such image."""

    def pour(file: BinaryIO) -> bool:
        file.write(b"half")
        if fails:
            raise ValueError("cut")
        return False

    cache = Cache(tmp_path / "cache")
    try:
        assert cache.get("images/lamp.png", "1", pour) is None
    except ValueError:
        assert fails
    assert list((tmp_path / "cache").iterdir()) == []
