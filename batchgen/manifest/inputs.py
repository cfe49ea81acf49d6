"""Input images: a word of the manifest -> a file with its hash and pixels, an address, or another job's image."""

import hashlib
import re
import warnings
from functools import lru_cache, partial
from pathlib import Path
from unicodedata import normalize
from urllib.parse import urlsplit

from batchgen.imaging.references import UnreadableError, has_alpha, is_cut, opened, upright_size
from batchgen.manifest.names import shown
from batchgen.manifest.rows.table import why_no_file
from batchgen.model import FileImage, InputImage, JobImage, UrlImage

_CHAINED = re.compile(r"@(?P<id>.+?)(?:\[(?P<slot>\d{1,2})\])?$", re.DOTALL)
# A server on this machine; images are fetched from it only when it is the provider itself.
_NEAR = re.compile(r"http://(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?/", re.ASCII)
_SECOND = re.compile(r"[,;|\s]\s*https?://", re.IGNORECASE)
# What stands between two images in one text: a separator behind the end of one, or before the address of another.
_BETWEEN = re.compile(
    r"(?P<mark>\s*[,;|\s]\s*)https?://|\.(?:png|jpe?g|webp|avif|heic|tiff?|bmp)(?P<mark2>\s*[,;|]\s*)\S", re.IGNORECASE
)
REMEMBERED = 65_536
TAKEN = frozenset({"PNG", "JPEG", "WEBP"})
"""Formats that the API takes as they are."""


class BadInputError(ValueError):
    """An input image that cannot be used; the message is for the user."""


class Inputs:
    """Reads input images relative to the manifest's folder, each file once as long as it does not change."""

    def __init__(self, base: Path, *, prepared: bool = False) -> None:
        """Take the folder, and whether images are `prepared` on their way out, which takes more formats."""
        self._base = base
        self._read = lru_cache(maxsize=REMEMBERED)(partial(_facts, prepared=prepared))
        self._clear = lru_cache(maxsize=REMEMBERED)(_is_clear)

    def image(self, word: str) -> InputImage:
        """Read one input image; raises `BadInputError`."""
        if word.startswith("@"):
            return _chained(word)
        scheme, colon, _ = word.partition("://")
        if colon and (scheme.lower() == "https" or _NEAR.match(word)):
            return _address(word)
        if colon or word.startswith("data:"):
            raise BadInputError("an input image is a file, an https address or `@id` of another job")
        path = self._base / word
        if absent := why_no_file(word, self._base):
            raise BadInputError(_several_in(word) or absent)
        try:
            stat = path.stat()
            return self._read(str(path), stat.st_mtime_ns, stat.st_size)
        except BadInputError:
            raise
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise BadInputError(f"{word!r} cannot be read: {reason}") from None

    def is_clear(self, image: FileImage) -> bool:
        """Whether an image can be transparent."""
        return self._clear(image.path, image.sha256)

    def is_as_read(self, image: FileImage) -> bool:
        """Whether a file still holds the image that was read; its bytes are looked at only when it was touched."""
        try:
            stat = Path(image.path).stat()
            return self._read(image.path, stat.st_mtime_ns, stat.st_size).sha256 == image.sha256
        except (BadInputError, OSError):
            return False


def _address(word: str) -> UrlImage:
    """Take one address; what holds blanks, or a second address behind a separator, is none."""
    try:
        host = urlsplit(word).hostname
    except ValueError:
        host = None
    if several := _several_in(word) if not host or _SECOND.search(word) else "":
        raise BadInputError(several)
    if not host or not word.isprintable() or " " in word:
        raise BadInputError(f"{shown(word, 200)} is not the address of an image")
    return UrlImage(word)


def _several_in(word: str) -> str:
    """Say how to write several images that stand in one text; empty where one is meant."""
    match = _BETWEEN.search(word)
    if match is None:
        return ""
    mark = (match["mark"] or match["mark2"]).strip()[:1]
    hint = f"images: \"{{{{ ... | split('{mark}') }}}}\" takes them apart; a table that is the manifest has `;` between"
    return f"{shown(word, 200)} holds several images; {hint}"


def _chained(word: str) -> JobImage:
    match = _CHAINED.match(word)
    if not match:
        raise BadInputError("`@` is followed by the id of a job, as in `@cat` or `@cat[0]`")
    slot = match["slot"]
    return JobImage(normalize("NFC", match["id"]), int(slot) if slot else None)


def _is_clear(path: str, _sha256: str) -> bool:
    with Path(path).open("rb") as stream, opened(stream) as image:
        return has_alpha(image.mode, image.info)


def _facts(path: str, _changed: int, size: int, *, prepared: bool) -> FileImage:
    from PIL import Image, UnidentifiedImageError

    if not size:
        raise BadInputError(f"{path!r} is empty")
    with Path(path).open("rb") as stream:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", Image.DecompressionBombWarning)
                with opened(stream) as image:
                    width, height = upright_size(image)
                    kind = image.format or ""
        except UnidentifiedImageError:
            raise BadInputError(f"{path!r} is not a PNG, JPEG or WebP image") from None
        except UnreadableError as error:
            raise BadInputError(f"{path!r} {error}") from None
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise BadInputError(f"{path!r} has too many pixels") from None
        except (OSError, SyntaxError, ValueError) as error:
            raise BadInputError(f"{path!r} is a damaged image: {error}") from None
        if kind not in TAKEN and not prepared:
            raise BadInputError(f"{path!r} is {kind}, which goes out as another format: give prepare: {{format: jpeg}}")
        if is_cut(stream, kind):
            raise BadInputError(f"{path!r} is cut off: its end is missing; copy it again")
        stream.seek(0)
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return FileImage(path, digest, size, width, height)
