"""Small copies of images for the page: WebP files under the names of the images' hashes, each made once."""

import hashlib
import os
import re
import time
import warnings
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from batchgen.errors import StorageError
from batchgen.imaging.measures import in_eight_bits, laid_on
from batchgen.ledger import ImageRow
from batchgen.reporter.beside import NOTHING, Beside
from batchgen.reporter.tables import batches
from batchgen.runtime.signals import Interrupted
from batchgen.storage import Workspace
from batchgen.storage.workspace import THUMBS

if TYPE_CHECKING:
    from PIL.Image import Image

Open = Callable[[], BinaryIO]

HOME = THUMBS


class Images(Protocol):
    """Where images are read: a store, or several."""

    def open(self, path: str) -> BinaryIO:
        """Open an image; StorageError when it is not there, or its path leads outside."""


OURS = re.compile(r"[0-9a-f]{64}\.(webp|part)|\.[0-9a-f]{64}\.webp\.[0-9]+\.tmp")
"""Names of files that some report made there; another version called them `.part` while they were made."""
EDGE = 320
QUALITY = 72
EFFORT = 0
LIGHT = (244, 242, 238)
MOST_PIXELS = 64_000_000
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
MOST_SENT = 100_000_000
MOST_WORKERS = 8
AT_ONCE = 256
SECONDS = 10.0
"""How long a report takes for them at most: a megapixel costs 10 to 20 ms, whatever is made of it.

What does not fit into this time is made by the next report; until then the page shows the image itself.
"""
SECONDS_EACH = 0.1
"""How long the report of a run takes for each image that the run drew here: all of those are there when it ends."""


@dataclass(frozen=True, slots=True)
class Thumbs:
    """The hashes of images that have a small copy, and how many images there was no time for."""

    there: frozenset[str] = frozenset()
    left: int = 0


NO_THUMBS = Thumbs()


def make(
    rows: Sequence[ImageRow],
    workspace: Workspace,
    store: Images,
    *,
    beside: Beside = NOTHING,
    home: str = HOME,
    seconds: float = SECONDS,
    now: Callable[[], float] = time.monotonic,
) -> Thumbs:
    """Make the thumbnails of stored images, the latest first, for at most about so long; then of what is beside.

    Those that are there already are used again, and those that no image needs are taken away. A signal ends the making,
    and nothing else: a report without all of them is a report.
    """
    workspace.make(home)
    wanted = _wanted(rows, store, beside)
    there = {sha256 for name in workspace.names(home) if (sha256 := _kept(name, wanted, workspace, home))}
    end = now() + seconds

    def made(sha256: str) -> bool | None:
        return _written(wanted[sha256], f"{home}/{sha256}.webp", workspace) if now() < end else None

    missing = [sha256 for sha256 in wanted if sha256 not in there]
    workers = min(os.cpu_count() or 1, MOST_WORKERS)  # decoding, shrinking and encoding all let go of the interpreter
    done = dict[str, bool | None]()
    with warnings.catch_warnings(), ThreadPoolExecutor(workers) as pool:
        warnings.simplefilter("ignore")  # Pillow warns of large images and odd headers; for all threads, so set here
        try:
            for some in batches(missing, AT_ONCE):
                done.update(zip(some, pool.map(made, some), strict=True))
        except Interrupted:
            end = now()
    there.update(sha256 for sha256, yes in done.items() if yes)
    return Thumbs(frozenset(there), sum(done.get(sha256) is None for sha256 in missing))


def _wanted(rows: Sequence[ImageRow], store: Images, beside: Beside) -> dict[str, Open]:
    """Say how each image is opened that needs a thumbnail, by its hash."""
    latest = sorted(rows, key=lambda row: row.changed or "", reverse=True)
    stored = [(row.path, row.sha256) for row in latest]
    stored += [(row.path, row.sha256) for row in beside.before.values()]
    ours: dict[str, Open] = {
        sha256: partial(store.open, path) for path, sha256 in stored if path and sha256 and sha256.isalnum()
    }
    files = {sha256: partial(sent, Path(file.path), sha256) for sha256, file in beside.files().items()}
    return ours | {sha256: opened for sha256, opened in files.items() if sha256 not in ours}


def sent(path: Path, sha256: str) -> BinaryIO:
    """Open a file that was sent, if it still is what it was then; StorageError otherwise."""
    try:
        data = path.read_bytes() if path.is_file() and path.stat().st_size <= MOST_SENT else b""
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise StorageError(f"{path} is not what was sent")
    return BytesIO(data)


def thumbnail(file: BinaryIO) -> bytes | None:
    """Make a small WebP of an image, on a light ground where it is transparent; None when that cannot be done."""
    try:
        from PIL import Image

        with Image.open(file, formats=FORMATS) as image:
            return _small(image) if image.width * image.height <= MOST_PIXELS else None
    except Exception:  # noqa: BLE001 - a decoder may raise anything, or be missing: the page then shows the image itself
        return None


def _kept(name: str, wanted: Collection[str], workspace: Workspace, home: str) -> str:
    """Tell the hash of a thumbnail that is needed, "" for any other file; one of ours that is not is taken away."""
    sha256, _, kind = name.rpartition(".")
    if kind == "webp" and sha256 in wanted:
        return sha256 if workspace.exists(f"{home}/{name}") else ""
    if OURS.fullmatch(name):
        workspace.remove(f"{home}/{name}")
    return ""


def _written(opened: Open, small: str, workspace: Workspace) -> bool:
    """Tell whether there is a small copy now."""
    try:
        with opened() as file:
            data = thumbnail(file)
    except StorageError:  # gone, or no plain file: the page says so
        return False
    if data is not None:
        workspace.write(small, data, durable=False)
    return data is not None


def _small(image: "Image") -> bytes:
    image.draft("RGB", (EDGE * 2, EDGE * 2))  # a JPEG is decoded at a fraction of its size
    # Whole pixels are averaged: several times cheaper than resampling, and as good at this size.
    small = in_eight_bits(image)
    small = small if small.mode in {"RGB", "RGBA", "L"} else small.convert("RGBA")
    small = small.reduce(max(1, max(small.size) // EDGE))
    if small.has_transparency_data:
        small = laid_on(small.convert("RGBA"), LIGHT)
    out = BytesIO()
    small.convert("RGB").save(out, "WEBP", quality=QUALITY, method=EFFORT)
    return out.getvalue()
