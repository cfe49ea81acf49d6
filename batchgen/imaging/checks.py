"""An image -> what checks measure on it, and which of them it fails. Pure: no folder, no ledger."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from batchgen.imaging.measures import border_off, colour, differing, laid_on, looks, object_box, sharpness
from batchgen.model import CheckFlag, Checks, Measured
from batchgen.model.checks import BackgroundCheck

if TYPE_CHECKING:
    from PIL.Image import Image

BORDER_OFF = 0.01
"""The share of the border that may be of another colour: noise, and no object that reaches the edge."""


def measure(image: "Image", checks: Checks) -> Measured:
    """Measure an image whole; what is transparent is seen on the ground that is asked for."""
    ground = checks.background or BackgroundCheck()
    wanted = colour(ground.color)
    plain = laid_on(image, wanted) if image.mode == "RGBA" else image.convert("RGB")
    box = object_box(plain, wanted, ground.tolerance)
    off = border_off(plain, wanted, ground.tolerance)
    margin = None if box is None else box.margin
    sharp = sharpness(plain)
    flags = tuple(_flags(checks, off, margin, sharp))
    return Measured(
        round(off, 4), None if margin is None else round(margin, 4), round(sharp, 1), f"{looks(plain):016x}", flags
    )


def _flags(checks: Checks, off: float, margin: float | None, sharp: float) -> Iterator[CheckFlag]:
    if checks.background and off > BORDER_OFF:
        yield CheckFlag.BACKGROUND
    if checks.margin and (margin is None or not checks.margin.min <= margin <= checks.margin.max):
        yield CheckFlag.MARGIN
    if checks.blur and sharp < checks.blur.min:
        yield CheckFlag.BLUR


def duplicates(alike: Mapping[str, str], bits: int) -> frozenset[str]:
    """Name the images that look like an earlier one; `alike` gives the hash of each, in their order."""
    seen: list[int] = []
    found: set[str] = set()
    for name, told in alike.items():
        one = int(told, 16)
        if any(differing(one, other) <= bits for other in seen):
            found.add(name)
        seen.append(one)
    return frozenset(found)
