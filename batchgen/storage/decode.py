"""The slow, sure look at a stored image: its hash, and every pixel decoded."""

import hashlib
import warnings
from pathlib import Path

from batchgen.storage.durable import guarded

MOST_PIXELS = 100_000_000
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")


def sha256_of(path: Path) -> str:
    """Compute a file's sha256, in hex; StorageError when it cannot be read."""
    with guarded(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def decode_check(path: Path) -> str | None:
    """Say what is wrong with an image file, by decoding its first frame whole; None when nothing is.

    An image of more than 100 million pixels is not decoded. A torn tail of zeros can pass: compare the hash as well.
    """
    from PIL import Image, UnidentifiedImageError

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            with Image.open(path, formats=FORMATS) as image:
                width, height = image.size
                if width * height > MOST_PIXELS:
                    return f"too large to decode: {width}x{height} pixels"
                image.load()
        except UnidentifiedImageError:
            return "no image: neither PNG, JPEG, WebP nor GIF"
        except FileNotFoundError:
            return "missing"
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            return "too large to decode"
        except Exception as error:  # noqa: BLE001 - a decoder may raise anything on damaged bytes
            return f"damaged: {str(error) or type(error).__name__}"
    return None
