"""Answers as the Images API gives them, as large as asked for: real PNG files of 1024 x 1024 pixels in base64."""

import base64
import json
import random
import struct
import zlib
from dataclasses import dataclass

SIDE = 1024
ROW = 1 + 3 * SIDE
OUTPUT_TOKENS = 439
"""What gpt-image-2.5-flare counts for an image of this size at medium quality."""


@dataclass(frozen=True)
class Payload:
    """So many images of so many bytes in one answer; one answer for all calls."""

    name: str
    n: int
    image_bytes: int

    def body(self) -> bytes:
        """Write the JSON of the answer."""
        images = [base64.b64encode(png(self.image_bytes, seed)).decode() for seed in range(self.n)]
        return json.dumps(
            {
                "created": 1790000000,
                "data": [{"b64_json": image} for image in images],
                "output_format": "png",
                "quality": "medium",
                "size": f"{SIDE}x{SIDE}",
                "usage": {
                    "input_tokens": 12,
                    "input_tokens_details": {"image_tokens": 0, "text_tokens": 12},
                    "output_tokens": OUTPUT_TOKENS * self.n,
                    "total_tokens": OUTPUT_TOKENS * self.n + 12,
                },
            }
        ).encode()


PAYLOADS = {
    payload.name: payload
    for payload in (
        Payload("tiny", 1, 48 << 10),  # any smaller, and it would be decoded, to see whether it is blank
        Payload("p1", 1, 1536 << 10),
        Payload("p4", 4, 1536 << 10),
        Payload("p10", 10, 2048 << 10),
    )
}


def png(size: int, seed: int) -> bytes:
    """Draw noise over as many rows as bring the file to about `size` bytes, and nothing below them."""
    noisy = min(SIDE, size // ROW)
    chance = random.Random(seed)
    rows = [b"\0" + chance.randbytes(ROW - 1) for _ in range(noisy)] + [bytes(ROW)] * (SIDE - noisy)
    head = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"".join(rows), 1)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


HEAD_BYTES = 33
"""What stands before the second chunk of a PNG file: a multiple of three, so that base64 can be cut there."""


def remark(number: int) -> bytes:
    """Return a chunk that makes a file another one and not its image, in base64; it may stand after `HEAD_BYTES`."""
    return base64.b64encode(_chunk(b"tEXt", b"n\0%07d" % (number % 10_000_000)))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
