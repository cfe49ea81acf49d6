"""Workspaces, stores, parts and images for the laws of storage."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from batchgen.storage import LocalStore, PartFacts, Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Give a workspace whose folder does not exist yet."""
    return Workspace(tmp_path / "out")


@pytest.fixture
def store(workspace: Workspace) -> LocalStore:
    """Give the store of images in the same folder."""
    return LocalStore(workspace.root)


Put = Callable[..., PartFacts]


@pytest.fixture
def put(workspace: Workspace) -> Put:
    """Write bytes into the spool of an attempt, finished unless told otherwise."""

    def put_(data: bytes = b"picture", attempt: str = "one", index: int = 0, *, finished: bool = True) -> PartFacts:
        spool = workspace.spool(attempt)
        part = spool.part(index)
        part.write(data)
        facts = part.close()
        if finished:
            spool.finish({"attempt": attempt})
        return facts

    return put_


def drawn(format_: str, mode: str = "RGB", size: tuple[int, int] = (40, 30), **options: object) -> bytes:
    """Draw an image with some structure in it."""
    image = Image.effect_noise(size, 90).convert(mode)
    if mode in {"RGBA", "LA"}:
        image.putalpha(100)
    file = io.BytesIO()
    image.save(file, format_, **options)
    return file.getvalue()
