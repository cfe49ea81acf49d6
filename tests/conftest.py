"""What tests of several rooms share."""

import os
from collections import defaultdict
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from hypothesis import settings
from PIL import Image

RAM = Path("/dev/shm")
ROOM = 4 << 30
"""Bytes that are free where tests write to memory: what all of them write at once fits many times."""


def _use_ram() -> None:
    """Let pytest make its folders in memory where there is room and files can be run: no test waits for a disk."""
    if not RAM.is_dir():
        return
    there = os.statvfs(RAM)
    if there.f_bavail * there.f_frsize >= ROOM and not there.f_flag & os.ST_NOEXEC and os.access(RAM, os.W_OK):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(RAM))


_use_ram()

settings.register_profile("quick", deadline=None, max_examples=40)
settings.register_profile("thorough", deadline=None, max_examples=1000)
settings.load_profile("quick")  # `make torture` asks for the other


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Start half as many processes again as there are cores: a third of a test's time goes into waiting."""
    return (3 * len(os.sched_getaffinity(0)) + 1) // 2


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None, object, object]:
    """Mark what is run with the slow ones alone; whatever order the others got, begin with the longest."""
    _sample(items)
    result = yield
    items.sort(key=lambda item: item.get_closest_marker("first") is None)
    return result


def _sample(items: list[pytest.Item]) -> None:
    """Mark as slow the cases of a law beyond those that its mark `sample` keeps, spread evenly, always the same."""
    laws = defaultdict[tuple[str, str], list[pytest.Item]](list)
    for item in items:
        if item.get_closest_marker("sample") and not item.get_closest_marker("slow"):
            laws[item.nodeid.partition("::")[0], getattr(item, "originalname", item.name)].append(item)
    for cases in laws.values():
        mark = cases[0].get_closest_marker("sample")
        assert mark is not None
        most = mark.args[0]
        kept = {round(i * (len(cases) - 1) / max(most - 1, 1)) for i in range(most)}
        for place, case in enumerate(cases):
            if place not in kept:
                case.add_marker(pytest.mark.slow)


@pytest.fixture
def make_image() -> Callable[[Path], None]:
    """Write a small plain image, in the format that the name says."""

    def make(path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (640, 480), (120, 90, 60)).save(path)

    return make
