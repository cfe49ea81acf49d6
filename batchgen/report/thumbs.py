"""Small copies of pictures for the page; made once per picture, under the name of its hash."""

import warnings
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

EDGE = 320
QUALITY = 78
MOST_PIXELS = 64_000_000
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")


def thumbnail(picture: Path) -> bytes | None:
    """A small JPEG of a picture file, on a light ground where it is transparent; None when it cannot be read."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a picture near the limit is read all the same
            with Image.open(picture, formats=FORMATS) as image:
                return _small(image) if image.width * image.height <= MOST_PIXELS else None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _small(image: "Image") -> bytes:
    from PIL import Image

    image.draft("RGB", (EDGE * 2, EDGE * 2))  # a JPEG is decoded at a fraction of its size
    image.thumbnail((EDGE, EDGE), reducing_gap=2.0)
    if image.has_transparency_data:
        ground = Image.new("RGBA", image.size, (244, 242, 238, 255))
        ground.alpha_composite(image.convert("RGBA"))
        plain = ground.convert("RGB")
    else:
        plain = image.convert("RGB")
    out = BytesIO()
    plain.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()
