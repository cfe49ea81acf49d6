"""Files that are not what they should be: PNGs that lack a part, and formats that few programs read."""

import struct
import zlib
from collections.abc import Iterable
from types import MappingProxyType

from batchgen.mock.data import bytes_of
from batchgen.mock.resolved_request import Look

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, data: bytes) -> bytes:
    """Build one piece of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, packed: Iterable[bytes], depth: int = 8) -> bytes:
    """Build a grey PNG file of packed rows; its claims about itself are not checked."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0))
    return SIGNATURE + head + b"".join(chunk(b"IDAT", data) for data in packed) + chunk(b"IEND", b"")


def grey(width: int, height: int, shade: int = 128) -> bytes:
    """Build a whole PNG file with a gradient, so that no reader calls it blank."""
    rows = b"".join(b"\x00" + bytes((shade + x + y) % 256 for x in range(width)) for y in range(height))
    return png(width, height, [zlib.compress(rows)])


def bomb(width: int, height: int) -> bytes:
    """Build a PNG file of few bytes that unpacks to many pixels."""
    packer = zlib.compressobj(9)
    row = bytes(1 + width // 8)
    packed = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    return png(width, height, [packed], depth=1)


# What some servers stream before the image: a whole image, and not the one that was asked for.
PREVIEW = grey(64, 64)
_WHOLE = grey(256, 256, 7)
BROKEN: MappingProxyType[Look, bytes] = MappingProxyType(
    {
        Look.ZERO: png(0, 0, [zlib.compress(b"")]),
        Look.NO_WIDTH: png(0, 64, [zlib.compress(bytes(64))]),
        Look.NO_DATA: png(1024, 1024, []),
        Look.NO_END: _WHOLE[:-12],
        Look.CUT: _WHOLE[: len(_WHOLE) // 2],
        Look.HEAD_ONLY: _WHOLE[:33],
        # Two small squares, as real encoders write them: 64 x 64 pixels.
        Look.AVIF: bytes_of("square.avif"),
        Look.HEIC: bytes_of("square.heic"),
    }
)
