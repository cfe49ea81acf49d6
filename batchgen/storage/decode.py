"""Look at an image slowly and surely: its hash, every pixel decoded, and whether the pixels show anything at all."""

import hashlib
import os
import warnings
from typing import Any, BinaryIO

from batchgen.storage.facts import ImageFacts, sniff
from batchgen.storage.spool import TAIL, PartFacts
from batchgen.storage.structure import svg_ends

MOST_PIXELS = 100_000_000
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")

FEWEST_PIXELS = 65_536
PIXELS_PER_BYTE = 32
"""One colour compresses to less than a byte for so many pixels in every format; an image of something does not."""
NOISE = 2
"""Steps of 256 that a lossy format may leave between pixels of one colour."""


def sha256_of(file: BinaryIO) -> str:
    """Compute the sha256 of a file from its beginning, in hex."""
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # every binary file will do


def decode_check(file: BinaryIO) -> str | None:
    """Say what is wrong with an image file, by decoding its first frame whole; None when nothing is.

    An image of more than 100 million pixels is not decoded, nor is an SVG, which has none: of that, only its ends are
    looked at. A torn tail of zeros can pass: compare the hash as well.
    """
    from PIL import Image, UnidentifiedImageError

    file.seek(0)
    if (seen := sniff(file.read(TAIL))) and seen.format == "svg":
        file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
        return None if svg_ends(file.read()) else "damaged: it is cut off"
    file.seek(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            with Image.open(file, formats=FORMATS) as image:
                width, height = image.size
                if width * height > MOST_PIXELS:
                    return f"too large to decode: {width}x{height} pixels"
                image.load()
        except UnidentifiedImageError:
            return "no image: neither PNG, JPEG, WebP, GIF nor SVG"
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            return "too large to decode"
        except Exception as error:  # noqa: BLE001 - a decoder may raise anything on damaged bytes
            return f"damaged: {str(error) or type(error).__name__}"
    return None


def is_blank(part: PartFacts, facts: ImageFacts) -> bool:
    """Tell whether every pixel has one colour, or none can be seen. Blocks.

    False for what cannot be decoded with ease. Only a suspiciously small file is decoded: looking costs nothing.
    """
    pixels = facts.width * facts.height
    if not FEWEST_PIXELS <= pixels <= MOST_PIXELS or part.bytes * PIXELS_PER_BYTE > pixels:
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            from PIL import Image

            with Image.open(part.path, formats=FORMATS) as image:
                image.draft("RGB", (image.width // 4, image.height // 4))  # a JPEG is decoded at a fraction of its size
                bands: list[Any] = [band.getextrema() for band in image.convert("RGBA").split()]
        except Exception:  # noqa: BLE001 - a decoder may raise anything on damaged bytes
            return False
    unseen = bands[-1] == (0, 0)
    return unseen or all(most - least <= NOISE for least, most in bands)
