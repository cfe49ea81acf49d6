"""What pixels show: the colour all around, where the object stands, how sharp it is, and a hash of how it looks.

Every measure takes an image in RGB. A colour is near another when no channel differs by more than the tolerance.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from math import cos, fsum, pi
from operator import mul
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

Colour = tuple[int, int, int]
WHITE: Colour = (255, 255, 255)
TOLERANCE = 8
"""Steps of 256 by which a channel may differ: what JPEG leaves on a plain ground."""
SPECKS = 0.002
"""The share of a row or column that may differ from the ground and is still no object: dust and noise."""
BAND = 0.02
"""The border is this share of the shorter side, at least one pixel."""
HASH_EDGE = 8
HASH_FROM = 32
WAVES = tuple(
    tuple(cos(pi * (2 * at + 1) * wave / (2 * HASH_FROM)) for at in range(HASH_FROM)) for wave in range(HASH_EDGE)
)
"""The waves of which a line of 32 pixels is made, the longest ones."""
CLEARLY = 0.3
"""The share of the usual strength that a frequency has to have: what is hardly there turns with every compression."""
SHARPEST = 0.005
"""The share of pixels that counts as the sharpest edges."""
GREY_16 = frozenset({"I", "I;16", "I;16B", "I;16L"})
"""Pillow's modes of them."""


@dataclass(frozen=True, slots=True)
class Box:
    """Where an object stands, as shares of width and height from the upper left corner."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def margin(self) -> float:
        """The narrowest free edge around it."""
        return min(self.left, self.top, 1 - self.right, 1 - self.bottom)


def colour(text: str) -> Colour:
    """Read `#rrggbb`."""
    red, green, blue = bytes.fromhex(text.removeprefix("#"))
    return red, green, blue


def laid_on(image: "Image", ground: Colour) -> "Image":
    """Lay an image in RGBA on a ground: nothing is transparent any more."""
    from PIL import Image as Images

    below = Images.new("RGBA", image.size, (*ground, 255))
    below.alpha_composite(image)
    return below.convert("RGB")


def in_eight_bits(image: "Image") -> "Image":
    """Bring grey of 16 bits to 8: any other way Pillow cuts off what is above 255, which makes an image white."""
    if image.mode not in GREY_16:
        return image
    eight = image.convert("I").point(lambda value: value / 257).convert("L")
    # Files of 32 bits come in mode I, too: one that would be black all over holds 8 bits.
    return image.convert("L") if image.mode == "I" and not eight.getbbox() else eight


def border_off(image: "Image", wanted: Colour, tolerance: int = TOLERANCE) -> float:
    """Tell which share of the border is not of the wanted colour, 0 to 1."""
    width, height = image.size
    band = max(1, round(min(width, height) * BAND))
    far = _far(image, wanted, tolerance)
    inside = (band, band, width - band, height - band)
    all_off = far.histogram()[255]
    if inside[0] >= inside[2] or inside[1] >= inside[3]:
        return all_off / (width * height)
    within = far.crop(inside).histogram()[255]
    counted = width * height - (inside[2] - inside[0]) * (inside[3] - inside[1])
    return (all_off - within) / counted


def object_box(image: "Image", ground: Colour, tolerance: int = TOLERANCE) -> Box | None:
    """Find what is not ground; None when there is nothing but ground. Specks are no object."""
    from PIL import Image as Images

    width, height = image.size
    far = _far(image, ground, tolerance)
    columns = far.resize((width, 1), Images.Resampling.BOX).tobytes()
    rows = far.resize((1, height), Images.Resampling.BOX).tobytes()
    across, down = _span(columns), _span(rows)
    if across is None or down is None:
        return None
    return Box(across[0] / width, down[0] / height, across[1] / width, down[1] / height)


def sharpness(image: "Image") -> float:
    """Measure how much the sharpest edges differ from their surroundings, in steps of 256, at 512 pixels a side.

    It is the 99.5th percentile of the Laplacian of the brightness: a plain ground, however large, does not lower it.
    A step of contrast C that is blurred by s pixels (Gaussian) comes to about C * 0.24 / s**2.
    """
    from PIL import ImageFilter

    grey = image.convert("L")
    grey.thumbnail((512, 512))
    if min(grey.size) < 3:
        return 0.0
    around = ImageFilter.Kernel((3, 3), (0, 1, 0, 1, -4, 1, 0, 1, 0), scale=2, offset=128)
    inner = grey.filter(around).crop((1, 1, grey.width - 1, grey.height - 1))
    counts = inner.histogram()
    apart = [counts[128]] + [counts[128 - step] + (counts[128 + step] if step < 128 else 0) for step in range(1, 129)]
    left = inner.width * inner.height * SHARPEST
    for step in range(128, 0, -1):
        left -= apart[step]
        if left <= 0:
            return 2.0 * step
    return 0.0


def looks(image: "Image") -> int:
    """Hash how an image looks, 64 bits: which of its 8 x 8 lowest frequencies are clearly positive (pHash).

    Two images look alike when few bits differ. The frequencies are those of the cosine transform (DCT-II) of the
    brightness at 32 x 32 pixels. A hash of neighbours (dHash) does not tell products apart that stand on a plain
    ground, as most of its bits are those of the ground.
    """
    from PIL import Image as Images

    small = image.convert("L").resize((HASH_FROM, HASH_FROM), Images.Resampling.BOX).tobytes()
    lines = [small[start : start + HASH_FROM] for start in range(0, len(small), HASH_FROM)]
    across = [[_product(wave, line) for wave in WAVES] for line in lines]
    found = [_product(wave, column) for wave in WAVES for column in zip(*across, strict=True)]
    least = CLEARLY * median(map(abs, found[1:]))  # the first is the brightness of the whole
    return reduce(lambda bits, one: bits << 1 | (one > least), found, 0)


def _product(wave: Iterable[float], values: Iterable[float]) -> float:
    return fsum(map(mul, wave, values))


def differing(one: int, other: int) -> int:
    """Count the bits in which two hashes of looks differ."""
    return (one ^ other).bit_count()


def _far(image: "Image", ground: Colour, tolerance: int) -> "Image":
    """Mark with 255 where a pixel is not of the ground's colour, 0 elsewhere."""
    from PIL import Image as Images
    from PIL import ImageChops

    off = ImageChops.difference(image, Images.new("RGB", image.size, ground))
    red, green, blue = off.split()
    return ImageChops.lighter(ImageChops.lighter(red, green), blue).point(lambda step: 255 * (step > tolerance))


def _span(means: bytes) -> tuple[int, int] | None:
    """Find the first and the last place where more than specks differ; the end is exclusive."""
    least = max(1, round(255 * SPECKS))
    there = [at for at, mean in enumerate(means) if mean >= least]
    return (there[0], there[-1] + 1) if there else None
