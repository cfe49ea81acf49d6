"""What tests of several rooms share."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture
def make_image() -> Callable[[Path], None]:
    """Write a small plain image, in the format that the name says."""

    def make(path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (640, 480), (120, 90, 60)).save(path)

    return make
