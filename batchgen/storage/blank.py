"""Whether an image shows nothing at all. Only a suspiciously small file is decoded, so that looking costs nothing."""

import warnings
from typing import Any

from batchgen.storage.decode import FORMATS, MOST_PIXELS
from batchgen.storage.facts import ImageFacts
from batchgen.storage.spool import PartFacts

FEWEST_PIXELS = 65_536
PIXELS_PER_BYTE = 32
"""One colour compresses to less than a byte for so many pixels in every format; an image of something does not."""
NOISE = 2
"""Steps of 256 that a lossy format may leave between pixels of one colour."""


def is_blank(part: PartFacts, facts: ImageFacts) -> bool:
    """Whether every pixel has one colour, or none can be seen; False for what cannot be decoded with ease. Blocks."""
    pixels = facts.width * facts.height
    if not FEWEST_PIXELS <= pixels <= MOST_PIXELS or part.bytes * PIXELS_PER_BYTE > pixels:
        return False
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(part.path, formats=FORMATS) as image:
                image.draft("RGB", (image.width // 4, image.height // 4))  # a JPEG is decoded at a fraction of its size
                bands: list[Any] = [band.getextrema() for band in image.convert("RGBA").split()]
        except Exception:  # noqa: BLE001 - a decoder may raise anything on damaged bytes
            return False
    unseen = bands[-1] == (0, 0)
    return unseen or all(most - least <= NOISE for least, most in bands)
