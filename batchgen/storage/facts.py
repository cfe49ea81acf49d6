"""What an image's bytes say of themselves: format, pixels, transparency. Reads headers only, decodes nothing."""

import io
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from batchgen.numerous import numerous

MOST_SEGMENTS = 4096
_HEIF_HEAD = 64 * 1024
_SHORTEST_HEIF = 64


@numerous
@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What the header claims. `alpha` is None where the bytes at hand cannot tell.

    Width and height of an SVG are those that its root says, 0 where it says none; it can be drawn at any size.
    """

    format: str
    width: int
    height: int
    alpha: bool | None

    @property
    def ext(self) -> str:
        """The usual file extension, without dot."""
        return "jpg" if self.format == "jpeg" else self.format


class _TooShortError(Exception):
    """The bytes end before the answer."""


def sniff(head: bytes, path: Path | str | None = None) -> ImageFacts | None:
    """Recognise an image by its first bytes; None when they are no image that is known.

    What the head leaves open (pixels of a JPEG, transparency of a PNG) is read from `path`, if it is given.
    """
    facts = _read(io.BytesIO(head))
    if path is not None and (facts is None or facts.alpha is None):
        with Path(path).open("rb") as file:
            return _read(file) or facts
    return facts


def _read(file: BinaryIO) -> ImageFacts | None:
    try:
        start = file.read(16)
        file.seek(0)
        if start.startswith(b"\x89PNG\r\n\x1a\n"):
            return _png(file)
        if start.startswith(b"\xff\xd8\xff"):
            return _jpeg(file)
        if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
            return _webp(file)
        if start[:6] in {b"GIF87a", b"GIF89a"}:
            return _gif(file)
        if start[4:8] == b"ftyp" and start[8:12] in _BRANDS:
            return _heif(file, _BRANDS[start[8:12]])
        return _svg(file)
    except _TooShortError:
        return None


def _take(file: BinaryIO, count: int) -> bytes:
    data = file.read(count)
    if len(data) < count:
        raise _TooShortError
    return data


def _png(file: BinaryIO) -> ImageFacts | None:
    header = _take(file, 33)
    if header[12:16] != b"IHDR":
        return None
    width, height = struct.unpack(">II", header[16:24])
    colour = header[25]
    alpha = True if colour in {4, 6} else _transparent(file)
    return ImageFacts("png", width, height, alpha)


def _transparent(file: BinaryIO) -> bool | None:
    """Whether a PNG without an alpha channel has a tRNS chunk, which must stand before its pixels."""
    for _ in range(MOST_SEGMENTS):
        start = file.read(8)
        if len(start) < 8:
            return None
        if start[4:] == b"tRNS":
            return True
        if start[4:] in {b"IDAT", b"IEND"}:
            return False
        file.seek(int.from_bytes(start[:4]) + 4, io.SEEK_CUR)
    return None


_SIZED = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def _jpeg(file: BinaryIO) -> ImageFacts | None:
    _take(file, 2)
    for _ in range(MOST_SEGMENTS):
        if _take(file, 1) != b"\xff":
            return None
        marker = _take(file, 1)
        while marker == b"\xff":
            marker = _take(file, 1)
        length = int.from_bytes(_take(file, 2))
        if marker[0] in _SIZED:
            height, width = struct.unpack(">xHH", _take(file, 5))
            return ImageFacts("jpeg", width, height, alpha=False)
        if length < 2 or marker[0] == 0xDA:
            return None
        file.seek(length - 2, io.SEEK_CUR)
    return None


def _webp(file: BinaryIO) -> ImageFacts | None:
    header = _take(file, 30)
    kind = header[12:16]
    if kind == b"VP8X":
        width, height = int.from_bytes(header[24:27], "little") + 1, int.from_bytes(header[27:30], "little") + 1
        return ImageFacts("webp", width, height, alpha=bool(header[20] & 0x10))
    if kind == b"VP8L" and header[20] == 0x2F:
        bits = int.from_bytes(header[21:25], "little")
        return ImageFacts("webp", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, alpha=bool(bits >> 28 & 1))
    if kind == b"VP8 " and header[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", header[26:30])
        return ImageFacts("webp", width & 0x3FFF, height & 0x3FFF, alpha=False)
    return None


def _gif(file: BinaryIO) -> ImageFacts:
    width, height = struct.unpack("<HH", _take(file, 10)[6:])
    return ImageFacts("gif", width, height, alpha=None)


_BRANDS = dict.fromkeys((b"avif", b"avis"), "avif") | dict.fromkeys(
    (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"), "heic"
)
"""Major brands of ISO files that are images. Source: ISO 23008-12, AV1 image file format."""


def _heif(file: BinaryIO, kind: str) -> ImageFacts | None:
    """Return the pixels stand in the largest `ispe` of the file's head; the others are of tiles and thumbnails."""
    head, sizes, at = file.read(_HEIF_HEAD), [(0, 0)], 0
    while (at := head.find(b"ispe", at)) >= 0:
        if len(edges := head[at + 8 : at + 16]) == 8:
            sizes.append(struct.unpack(">II", edges))
        at += 4
    if kind == "heic" and b"avif" in head[16:64]:
        kind = "avif"
    width, height = max(sizes, key=lambda size: size[0] * size[1])
    return ImageFacts(kind, width, height, alpha=None) if len(head) > _SHORTEST_HEIF else None


_SVG_HEAD = 4096
_BEFORE_ROOT = ((b"<?", b"?>"), (b"<!--", b"-->"))
_ROOT = re.compile(rb"<(?:[a-z_][\w.-]*:)?svg(?=[\s/>])[^>]*(>?)", re.IGNORECASE)
_ATTRIBUTE = re.compile(rb"""\s(width|height|viewbox)\s*=\s*["']([^"']{1,200})["']""", re.IGNORECASE)
_LENGTH = re.compile(rb"\s*(\d{1,6}(?:\.\d{1,9})?)(?:px)?\s*")


def _svg(file: BinaryIO) -> ImageFacts | None:
    """Read the root's own tag, and nothing of what stands in it: no entity is ever resolved."""
    root = _ROOT.match(_from_root(file.read(_SVG_HEAD)))
    if root is None:
        return None
    width, height = _svg_size({name.lower(): value for name, value in _ATTRIBUTE.findall(root[0])})
    return ImageFacts("svg", width, height, alpha=True if root[1] else None)


def _from_root(text: bytes) -> bytes:
    """Leave out what may stand before the root element: declarations, comments, a document type."""
    text = text.removeprefix(b"\xef\xbb\xbf").lstrip()
    for _ in range(_SVG_HEAD):
        end = next((end for start, end in _BEFORE_ROOT if text.startswith(start)), b"")
        if not end and text[:13].lower() == b"<!doctype svg":
            inner = text.partition(b">")[0]
            end = b"]>" if b"[" in inner else b">"
        if not end:
            return text
        text = text.partition(end)[2].lstrip()
    return text


def _svg_size(told: Mapping[bytes, bytes]) -> tuple[int, int]:
    """Width and height in pixels, or those of the view; zeros where neither is said in numbers."""
    view = told.get(b"viewbox", b"").replace(b",", b" ").split()[2:]
    lengths = (told.get(b"width", b""), told.get(b"height", b""))
    for pair in (lengths, view):
        numbers = [round(float(found[1])) for one in pair if (found := _LENGTH.fullmatch(one))]
        if len(numbers) == 2 and min(numbers) > 0:
            return numbers[0], numbers[1]
    return 0, 0
