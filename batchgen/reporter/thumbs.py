"""Small copies of images for the page: WebP files under the names of the images' hashes, each made once."""

import os
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from batchgen.ledger import ImageRow

if TYPE_CHECKING:
    from PIL.Image import Image

EDGE = 320
QUALITY = 72
EFFORT = 0
MOST_PIXELS = 64_000_000
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
MOST_WORKERS = 8
# A megapixel costs 10 to 20 ms of decoding, whatever is made of it. What does not fit into this time is made by the
# next report; until then the page shows the image itself.
SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Thumbs:
    """The hashes of images that have a small copy, and how many images there was no time for."""

    there: frozenset[str] = frozenset()
    left: int = 0


NO_THUMBS = Thumbs()


def make(
    rows: Sequence[ImageRow],
    folder: Path,
    home: Path,
    *,
    seconds: float = SECONDS,
    now: Callable[[], float] = time.monotonic,
) -> Thumbs:
    """Make the thumbnails of images below `folder` in `home`, in the order of rows, for at most about so long.

    Those that are there already are used again, and those that no image needs are taken away.
    """
    home.mkdir(exist_ok=True)
    wanted = {row.sha256: folder / row.path for row in rows if row.sha256 and row.path and _named(row.path, row.sha256)}
    there = {path.stem for path in home.iterdir() if _kept(path, wanted)}
    end = now() + seconds

    def made(sha256: str) -> bool | None:
        return _written(wanted[sha256], home / f"{sha256}.webp") if now() < end else None

    missing = [sha256 for sha256 in wanted if sha256 not in there]
    workers = min(os.cpu_count() or 1, MOST_WORKERS)  # decoding, shrinking and encoding all let go of the interpreter
    with warnings.catch_warnings(), ThreadPoolExecutor(workers) as pool:
        warnings.simplefilter("ignore")  # Pillow warns of large images and odd headers; for all threads, so set here
        done = dict(zip(missing, pool.map(made, missing), strict=True))
    new = (sha256 for sha256, yes in done.items() if yes)
    return Thumbs(frozenset(there).union(new), sum(yes is None for yes in done.values()))


def thumbnail(path: Path) -> bytes | None:
    """A small WebP of an image file, on a light ground where it is transparent; None when it cannot be read."""
    from PIL import Image

    try:
        with Image.open(path, formats=FORMATS) as image:
            return _small(image) if image.width * image.height <= MOST_PIXELS else None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _named(path: str, sha256: str) -> bool:
    """Whether a recorded path and hash can be trusted as names of files."""
    parts = PurePosixPath(path)
    return not parts.is_absolute() and ".." not in parts.parts and sha256.isalnum()


def _kept(small: Path, wanted: dict[str, Path]) -> bool:
    """Whether a file in the folder of thumbnails is one that is needed; others are taken away."""
    if small.suffix == ".webp" and small.stem in wanted:
        return True
    small.unlink(missing_ok=True)
    return False


def _written(image: Path, small: Path) -> bool:
    """Whether there is a small copy now."""
    if (data := thumbnail(image)) is None:
        return False
    part = small.with_suffix(".part")
    part.write_bytes(data)
    with suppress(FileNotFoundError):  # another report of this folder took it for a leftover
        part.replace(small)
    return small.exists()


def _small(image: "Image") -> bytes:
    from PIL import Image

    image.draft("RGB", (EDGE * 2, EDGE * 2))  # a JPEG is decoded at a fraction of its size
    # Whole pixels are averaged: several times cheaper than resampling, and as good at this size.
    small = image if image.mode in {"RGB", "RGBA", "L"} else image.convert("RGBA")
    small = small.reduce(max(1, max(small.size) // EDGE))
    if small.has_transparency_data:
        ground = Image.new("RGBA", small.size, (244, 242, 238, 255))
        ground.alpha_composite(small.convert("RGBA"))
        small = ground
    out = BytesIO()
    small.convert("RGB").save(out, "WEBP", quality=QUALITY, method=EFFORT)
    return out.getvalue()
