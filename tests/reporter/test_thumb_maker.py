"""Laws of thumbnails that are made while a run is at work."""

from collections.abc import Callable
from pathlib import Path

from batchgen.reporter.thumb_maker import ThumbMaker
from batchgen.reporter.thumbs import HOME
from batchgen.storage import LocalStore, Workspace
from tests.patience import wait_until

A, B = "a" * 64, "b" * 64


def maker(folder: Path, patience: float = 0) -> ThumbMaker:
    """Make a maker for an output folder."""
    return ThumbMaker(Workspace(folder), LocalStore(folder), patience=patience)


def small(folder: Path) -> set[str]:
    """List the thumbnails that there are."""
    return {path.name for path in (folder / HOME).glob("*")}


def test_they_are_there_soon_after_the_images(tmp_path: Path, draw: Callable[..., Path]) -> None:
    """One that cannot be read keeps nobody from the others."""
    draw("images/a.png")
    draw("images/b.png")
    made = maker(tmp_path)
    for path, sha256 in (("images/a.png", A), ("images/gone.png", "c" * 64), ("images/b.png", B)):
        made.add(path, sha256)
    wait_until(lambda: len(small(tmp_path)) == 2)
    made.stop()
    assert small(tmp_path) == {f"{A}.webp", f"{B}.webp"}


def test_a_short_run_makes_none(tmp_path: Path, draw: Callable[..., Path]) -> None:
    """Its report makes them when it ends; and a maker that has stopped stays so."""
    draw("images/a.png")
    made = maker(tmp_path, patience=60)
    made.add("images/a.png", A)
    made.stop()
    late = maker(tmp_path)
    late.stop()
    late.add("images/a.png", A)
    assert small(tmp_path) == set()
