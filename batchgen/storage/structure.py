"""Whether an image has what any image has: pixels above zero, pixel data, an end. Reads markers, decodes nothing."""

import os
from io import BytesIO
from typing import BinaryIO

from batchgen.model import Missing
from batchgen.storage.facts import ImageFacts
from batchgen.storage.spool import PartFacts

MOST_CHUNKS = 65_536
NO_PIXELS = Missing.UNDECODABLE
NO_END = Missing.TRUNCATED


def fault(seen: ImageFacts, part: PartFacts) -> Missing | None:
    """Why an image can be no whole one; None when it has the structure of its format."""
    if seen.format == "svg":
        return None if ends_whole(seen.format, part) else NO_END
    if seen.width <= 0 or seen.height <= 0:
        return NO_PIXELS
    if not ends_whole(seen.format, part):
        return NO_END
    return None if _has_pixels(seen.format, part) else NO_PIXELS


def ends_whole(kind: str, part: PartFacts) -> bool:
    """Whether an image's last bytes are where it ends; a cheap look that finds cut files, not torn ones."""
    match kind:
        case "png":
            return b"IEND" in part.tail
        case "jpeg":
            return b"\xff\xd9" in part.tail
        case "gif":
            return part.tail.rstrip(b"\0").endswith(b"\x3b")
        case "svg":
            return svg_ends(part.tail)
        case "webp":
            return int.from_bytes(part.head[4:8], "little") + 8 <= part.bytes
        case "avif" | "heic":
            with part.path.open("rb") as file:
                return any(kind == b"mdat" for kind, _ in _boxes(file, part.bytes))
        case _:
            return True


def svg_ends(tail: bytes) -> bool:
    """Whether the last bytes of an SVG close its root."""
    return b"svg>" in tail.lower() or tail.rstrip().endswith(b"/>")


def _has_pixels(kind: str, part: PartFacts) -> bool:
    """Whether an image has pixel data; mostly its first bytes tell, and its file need not be opened."""
    if kind not in {"png", "jpeg"}:
        return True
    if _holds_pixels(kind, BytesIO(part.head)):
        return True
    with part.path.open("rb") as file:
        return _holds_pixels(kind, file)


def _holds_pixels(kind: str, file: BinaryIO) -> bool:
    return _png_has(file, b"IDAT") if kind == "png" else _jpeg_has_scan(file)


def _png_has(file: BinaryIO, name: bytes) -> bool:
    file.seek(8)
    for _ in range(MOST_CHUNKS):
        start = file.read(8)
        if len(start) < 8 or start[4:] == b"IEND":
            return False
        length = int.from_bytes(start[:4])
        if start[4:] == name and length:
            return True
        file.seek(length + 4, os.SEEK_CUR)
    return False


def _jpeg_has_scan(file: BinaryIO) -> bool:
    """Whether the markers lead to a scan."""
    file.seek(2)
    for _ in range(MOST_CHUNKS):
        marker = file.read(2)
        if len(marker) < 2 or marker[0] != 0xFF:
            return False
        if marker[1] == 0xDA:
            return True
        if marker[1] == 0xFF:
            file.seek(-1, os.SEEK_CUR)
            continue
        if marker[1] == 0xD9:
            return False
        if marker[1] == 0x01 or 0xD0 <= marker[1] <= 0xD8:
            continue
        length = int.from_bytes(file.read(2))
        if length < 2:
            return False
        file.seek(length - 2, os.SEEK_CUR)
    return False


def _boxes(file: BinaryIO, size: int) -> list[tuple[bytes, int]]:
    """Return the boxes of an ISO file that are whole, by their kinds."""
    found, at = list[tuple[bytes, int]](), 0
    for _ in range(1024):
        file.seek(at)
        start = file.read(16)
        if len(start) < 8:
            break
        length = int.from_bytes(start[:4])
        length = int.from_bytes(start[8:16]) if length == 1 else length or size - at
        if length < 8 or at + length > size:
            break
        found.append((start[4:8], length))
        at += length
    return found
