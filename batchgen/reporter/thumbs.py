"""Small copies of pictures for the page; made once per picture, under the name of its hash."""

import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from batchgen.ledger import ImageRow

if TYPE_CHECKING:
    from PIL.Image import Image

EDGE = 320
QUALITY = 78
MOST_PIXELS = 64_000_000
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
WORKERS = 2


def make(rows: Sequence[ImageRow], folder: Path, home: Path) -> dict[str, str]:
    """Make the thumbnails of pictures below `folder` in `home`; returns their file names by the pictures' hashes.

    Those that are there already are used again, and those that no picture needs are taken away.
    """
    home.mkdir(exist_ok=True)
    wanted = {row.sha256: folder / row.path for row in rows if row.sha256 and row.path and _named(row.path, row.sha256)}
    for old in home.iterdir():
        if old.stem not in wanted:
            old.unlink()

    def made(sha256: str) -> bool:
        return _written(wanted[sha256], home / f"{sha256}.jpg")

    with warnings.catch_warnings(), ThreadPoolExecutor(WORKERS) as pool:
        warnings.simplefilter("ignore")  # Pillow warns of large pictures and odd headers; for all threads, so set here
        there = pool.map(made, wanted)
        return {sha256: f"{sha256}.jpg" for sha256, yes in zip(wanted, there, strict=True) if yes}


def thumbnail(picture: Path) -> bytes | None:
    """A small JPEG of a picture file, on a light ground where it is transparent; None when it cannot be read."""
    from PIL import Image

    try:
        with Image.open(picture, formats=FORMATS) as image:
            return _small(image) if image.width * image.height <= MOST_PIXELS else None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _named(path: str, sha256: str) -> bool:
    """Whether a recorded path and hash can be trusted as names of files."""
    parts = PurePosixPath(path)
    return not parts.is_absolute() and ".." not in parts.parts and sha256.isalnum()


def _written(picture: Path, small: Path) -> bool:
    """Whether there is a small copy now."""
    if small.exists():
        return True
    if (data := thumbnail(picture)) is None:
        return False
    part = small.with_suffix(".part")
    part.write_bytes(data)
    part.replace(small)
    return True


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
