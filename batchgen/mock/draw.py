"""Real pictures of the asked size: the prompt in large letters over two colours and a simple shape.

The same order, slot and call give the same bytes. Nothing here may run on an event loop: it costs milliseconds.
"""

import struct
import zlib
from functools import lru_cache
from hashlib import blake2b
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont, UnidentifiedImageError

from batchgen.mock.order import Look, Order, Seen
from batchgen.mock.plan import without_directives

Colour = tuple[int, int, int]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
# Background, second colour and shape, each chosen to look well together and to carry white letters.
PALETTES: tuple[tuple[Colour, Colour, Colour], ...] = (
    ((38, 70, 83), (42, 157, 143), (233, 196, 106)),
    ((61, 64, 91), (129, 178, 154), (242, 204, 143)),
    ((109, 89, 122), (181, 101, 118), (234, 172, 139)),
    ((29, 53, 87), (69, 123, 157), (168, 218, 220)),
    ((53, 80, 112), (109, 89, 122), (229, 107, 111)),
    ((40, 54, 24), (96, 108, 56), (221, 161, 94)),
    ((88, 47, 14), (127, 79, 36), (182, 173, 144)),
    ((20, 33, 61), (72, 86, 150), (252, 163, 17)),
    ((64, 61, 57), (37, 36, 34), (235, 94, 40)),
    ((11, 57, 84), (8, 126, 139), (255, 200, 87)),
)
WHITE: Colour = (255, 255, 255)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><script>alert(1)</script></svg>'


def draw(order: Order, slot: int) -> bytes:
    """The picture in one slot of an order, as a file."""
    match order.look:
        case Look.SVG:
            return SVG
        case Look.HTML:
            return b"<!DOCTYPE html><html><body><script>alert(1)</script></body></html>"
        case Look.BOMB:
            return bomb(20_000, 20_000)
        case Look.TRUNCATED:
            whole = _encoded(_painted(order, slot), order)
            return whole[: len(whole) * 3 // 5]
        case Look.BLANK:
            return _encoded(Image.new("RGB", _pixels(order), WHITE), order)
        case _:
            return _encoded(_painted(order, slot), order)


def bomb(width: int, height: int) -> bytes:
    """A PNG file of few bytes that unpacks to many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    packer = zlib.compressobj(9)
    row = bytes(1 + width // 8)
    data = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def _pixels(order: Order) -> tuple[int, int]:
    return order.pixels or (order.width, order.height)


def _painted(order: Order, slot: int) -> Image.Image:
    prompt = without_directives(order.prompt)
    if _is_mask(prompt):
        return _mask(_pixels(order))
    clear = order.background == "transparent" and order.file_format != "jpeg"
    picture = _scene(order, prompt, slot, clear=clear and order.look is not Look.CHECKERBOARD)
    _write(picture, prompt, f"{order.quality}  {order.size}  #{slot}" + (f"  call {order.call}" if order.call else ""))
    _paste(picture, (*order.images, *((order.mask,) if order.mask else ())))
    return picture


def _is_mask(prompt: str) -> bool:
    words = prompt.lower()
    return all(word in words for word in ("mask", "white", "black"))


def _mask(size: tuple[int, int]) -> Image.Image:
    width, height = size
    picture = Image.new("RGB", size, (0, 0, 0))
    ImageDraw.Draw(picture).ellipse((width * 0.25, height * 0.2, width * 0.75, height * 0.8), fill=WHITE)
    return picture


def _scene(order: Order, prompt: str, slot: int, *, clear: bool) -> Image.Image:
    width, height = _pixels(order)
    mark = blake2b(f"{prompt}|{slot}|{order.call}".encode("utf-8", "replace"), digest_size=4).digest()
    ground = blake2b(prompt.encode("utf-8", "replace"), digest_size=1).digest()[0]
    first, second, third = PALETTES[ground % len(PALETTES)]
    picture = Image.new("RGBA", (width, height), (*first, 0)) if clear else Image.new("RGB", (width, height), first)
    pen = ImageDraw.Draw(picture)
    if order.look is Look.CHECKERBOARD:
        _checker(pen, width, height)
    elif not clear:
        slope = height * mark[0] // 512
        pen.polygon([(0, height // 3 + slope), (width, height * 2 // 3 - slope), (width, height), (0, height)], second)
    edge = min(width, height) * (50 + mark[1] % 30) // 100
    left, top = (width - edge) * mark[2] // 255, (height - edge) * mark[3] // 255
    box = (left, top, left + edge, top + edge)
    if slot % 3 == 1:
        pen.rounded_rectangle(box, edge // 6, fill=third)
    elif slot % 3 == 2:
        pen.regular_polygon((left + edge / 2, top + edge / 2, edge / 2), 3 + mark[1] % 4, fill=third)
    else:
        pen.ellipse(box, fill=third)
    return picture


def _checker(pen: ImageDraw.ImageDraw, width: int, height: int) -> None:
    for top in range(0, height, 32):
        for left in range(32 * (top // 32 % 2), width, 64):
            pen.rectangle((left, top, left + 31, top + 31), fill=(204, 204, 204))


def _write(picture: Image.Image, prompt: str, foot: str) -> None:
    width, height = picture.size
    margin, pen = width // 16, ImageDraw.Draw(picture)
    shown = "".join(c if c.isprintable() else " " for c in prompt)[:400]
    lines, font, step = _fitted(shown, width - 2 * margin, height * 2 // 3)
    top = margin
    for line in lines:
        pen.text((margin + 2, top + 2), line, font=font, fill=(0, 0, 0))
        pen.text((margin, top), line, font=font, fill=WHITE)
        top += step
    small = _font(max(12, width // 40))
    pen.text((margin, height - margin), foot, font=small, fill=WHITE)


@lru_cache(maxsize=256)
def _fitted(text: str, width: int, height: int) -> tuple[tuple[str, ...], Font, int]:
    size = max(12, width // 8)
    while True:
        font, step = _font(size), size * 5 // 4
        lines = _wrapped(text, font, width)
        if len(lines) * step <= height or size <= 12:
            return lines[: max(1, height // step)], font, step
        size = max(12, size * 4 // 5)


def _wrapped(text: str, font: Font, width: int) -> tuple[str, ...]:
    lines: list[str] = []
    line = ""
    for word in text.split():
        longer = f"{line} {word}" if line else word
        if line and font.getlength(longer) > width:
            lines.append(line)
            line = word
        else:
            line = longer
    return (*lines, line)


@lru_cache(maxsize=64)
def _font(size: int) -> Font:
    return ImageFont.load_default(size)


def _paste(picture: Image.Image, inputs: tuple[Seen, ...]) -> None:
    edge = min(picture.width, picture.height) // 5
    left, top = picture.width // 16, picture.height - picture.height // 10 - edge
    for seen in inputs[: max(1, (picture.width - left) // (edge + 8))]:
        small = _thumbnail(seen, edge)
        picture.paste(small, (left, top + edge - small.height))
        left += edge + 8


def _thumbnail(seen: Seen, edge: int) -> Image.Image:
    try:
        with Image.open(BytesIO(seen.upload.data), formats=("PNG", "JPEG", "WEBP")) as opened:
            opened.draft("RGB", (edge * 2, edge * 2))
            opened.thumbnail((edge, edge), Image.Resampling.NEAREST)
            return opened.convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        return Image.new("RGB", (edge, edge), (128, 128, 128))


def _encoded(picture: Image.Image, order: Order) -> bytes:
    out, compression = BytesIO(), order.compression
    match order.file_format:
        case "jpeg":
            picture.convert("RGB").save(out, "JPEG", quality=max(1, min(compression, 85)))
        case "webp":
            picture.save(out, "WEBP", quality=min(compression, 80), method=0)
        case _:
            picture.save(out, "PNG", compress_level=1)
    return out.getvalue()
