"""Images that go into requests: opened whatever they are, upright, as check and run both see them."""

import io
from contextlib import suppress
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import IO, TYPE_CHECKING

from batchgen.imaging.measures import WHITE, laid_on

if TYPE_CHECKING:
    from PIL.Image import Image

SENDABLE = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "GIF": "image/gif"}
"""Formats that go out as they are, with their content types."""
CONVERTIBLE = ("AVIF", "HEIF", "TIFF", "BMP")
"""Formats that go out as one of those, with `prepare`."""
MASK_SLACK = 2
"""Pixels by which the sides of a mask may miss the shape of its image, times the longer side."""
_TURNED = frozenset({5, 6, 7, 8})
_ORIENTATION = 0x0112
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"})


class UnreadableError(ValueError):
    """Bytes that are no image which can be read here; the sentence says what to do."""


def opened(source: Path | IO[bytes]) -> "Image":
    """Open an image without decoding it; UnreadableError for what is none, or needs a library that is not here."""
    from PIL import Image, UnidentifiedImageError

    _know_heif()
    try:
        return Image.open(source, formats=(*SENDABLE, *(name for name in CONVERTIBLE if name in Image.OPEN)))
    except UnidentifiedImageError:
        if is_heif(source):
            raise UnreadableError("is HEIC, which needs a library: pip install 'batchgen-images[heic]'") from None
        raise


def is_heif(source: Path | IO[bytes]) -> bool:
    """Whether bytes begin as HEIC does."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            return is_heif(file)
    source.seek(0)
    head = source.read(12)
    return head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS


def is_cut(stream: IO[bytes], kind: str) -> bool:
    """Whether a PNG, JPEG or WebP has lost its end; what follows the end, as phones append, is nothing amiss."""
    with mmap(stream.fileno(), 0, access=ACCESS_READ) as data:
        match kind:
            case "PNG":
                return data.rfind(b"IEND") < 0
            case "JPEG":
                return data.find(b"\xff\xd9", _scan(data)) < 0
            case "WEBP":
                return int.from_bytes(data[4:8], "little") + 8 > len(data)
            case _:
                return False


def _scan(data: mmap) -> int:
    """Find where the pixels of a JPEG begin: behind its segments, one of which may hold a small JPEG."""
    at = 2
    while data[at : at + 1] == b"\xff" and data[at + 1 : at + 2] != b"\xda":
        filled = data[at + 1 : at + 2] == b"\xff"
        at += 1 if filled else 2 + int.from_bytes(data[at + 2 : at + 4])
    return at


def orientation(image: "Image") -> int:
    """Say how an image is kept that is shown upright: 1 as it is shown, 5 to 8 on its side, as phones do."""
    found: object = 1
    with suppress(Exception):  # what stands in EXIF is anybody's
        found = image.getexif().get(_ORIENTATION)
    return found if isinstance(found, int) and 1 <= found <= max(_TURNED) else 1


def upright_size(image: "Image") -> tuple[int, int]:
    """Width and height as people, and the provider, see an image."""
    width, height = image.size
    return (height, width) if orientation(image) in _TURNED else (width, height)


def fits(mask: tuple[int, int], image: tuple[int, int], *, scaled: bool) -> bool:
    """Whether a mask lies on an image, both upright: of one size, or of one shape where it is scaled to the image."""
    if not scaled:
        return mask == image
    return abs(mask[0] * image[1] - mask[1] * image[0]) <= max(image) * MASK_SLACK


def encoded(image: "Image", kind: str) -> bytes:
    """Write an image in a format that can be sent, in colours that it has."""
    out = io.BytesIO()
    _with_colours(image, kind).save(out, kind, **({"quality": 90} if kind in {"JPEG", "WEBP"} else {}))
    return out.getvalue()


def has_alpha(mode: str, info: object) -> bool:
    """Whether a Pillow mode (and a palette's transparency) can be transparent."""
    return mode in {"RGBA", "LA", "PA", "La", "RGBa"} or (isinstance(info, dict) and "transparency" in info)


def _with_colours(image: "Image", kind: str) -> "Image":
    """Turn CMYK, floats and the like into colours that a format has; what is transparent is white in a JPEG."""
    clear = has_alpha(image.mode, image.info)
    if kind != "JPEG":
        known = {"RGB", "RGBA", "L", "LA", "P", "1"} if kind == "PNG" else {"RGB", "RGBA"}
        return image if image.mode in known else image.convert("RGBA" if clear else "RGB")
    if not clear:
        return image.convert("RGB")
    return laid_on(image.convert("RGBA"), WHITE)


def _know_heif() -> None:
    """Let Pillow read HEIC where the library for it is installed."""
    from PIL import Image

    if "HEIF" not in Image.OPEN:
        with suppress(ImportError):
            import pillow_heif

            pillow_heif.register_heif_opener()
