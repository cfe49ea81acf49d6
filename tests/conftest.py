"""What tests of several rooms share."""

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
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
