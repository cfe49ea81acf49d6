"""Real images of the asked size: the product of the prompt in plain shapes on a plain background, its name below.

The same request, slot and call give the same bytes. Nothing here may run on an event loop: it costs milliseconds.
"""

from functools import lru_cache
from hashlib import blake2b
from html import escape
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont, UnidentifiedImageError

from batchgen.mock.broken import BROKEN, bomb
from batchgen.mock.plan import without_directives
from batchgen.mock.resolved_request import InputImage, Look, ResolvedRequest
from batchgen.mock.shapes import Colour, colour_of, draw_strokes, name_of, strokes_of, tones

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
WHITE: Colour = (255, 255, 255)
INK: Colour = (58, 60, 66)
SMALL_PRINT: Colour = (120, 124, 132)
GROUNDS: tuple[Colour, ...] = ((244, 242, 238), (238, 241, 244), (242, 244, 238), (245, 240, 240))
"""Backgrounds, unless a prompt wants it white."""
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><script>alert(1)</script></svg>'


def draw(resolved: ResolvedRequest, slot: int) -> bytes:
    """Draw the image in one slot of a request, as a file."""
    if broken := BROKEN.get(resolved.look):
        return broken
    match resolved.look:
        case Look.SVG:
            return SVG
        case Look.FINE if resolved.file_format == "svg":
            return _lines(resolved, slot)
        case Look.HTML:
            return b"<!DOCTYPE html><html><body><script>alert(1)</script></body></html>"
        case Look.BOMB:
            return bomb(20_000, 20_000)
        case Look.TRUNCATED:
            whole = _encoded(_painted(resolved, slot), resolved)
            return whole[: len(whole) * 3 // 5]
        case Look.BLANK:
            return _encoded(Image.new("RGB", _pixels(resolved), WHITE), resolved)
        case _:
            return _encoded(_painted(resolved, slot), resolved)


def _pixels(resolved: ResolvedRequest) -> tuple[int, int]:
    return resolved.pixels or (resolved.width, resolved.height)


def _painted(resolved: ResolvedRequest, slot: int) -> Image.Image:
    prompt = without_directives(resolved.prompt)
    if _is_mask(prompt):
        return _mask(_pixels(resolved))
    clear = resolved.background == "transparent" and resolved.file_format != "jpeg"
    image = _scene(resolved, prompt, slot, clear=clear and resolved.look is not Look.CHECKERBOARD)
    _write(
        image,
        prompt,
        f"{resolved.quality}  {resolved.size}  #{slot}" + (f"  call {resolved.call}" if resolved.call else ""),
    )
    _paste(image, (*resolved.images, *filter(None, (resolved.mask, resolved.markup))))
    return image


def _is_mask(prompt: str) -> bool:
    words = prompt.lower()
    return all(word in words for word in ("mask", "white", "black"))


def _mask(size: tuple[int, int]) -> Image.Image:
    width, height = size
    image = Image.new("RGB", size, (0, 0, 0))
    ImageDraw.Draw(image).ellipse((width * 0.25, height * 0.2, width * 0.75, height * 0.8), fill=WHITE)
    return image


def _scene(resolved: ResolvedRequest, prompt: str, slot: int, *, clear: bool) -> Image.Image:
    width, height = _pixels(resolved)
    mark = blake2b(f"{prompt}|{slot}|{resolved.call}".encode("utf-8", "replace"), digest_size=4).digest()
    number = blake2b(prompt.encode("utf-8", "replace"), digest_size=1).digest()[0]
    ground = WHITE if "white background" in prompt.casefold() else GROUNDS[(number + slot) % len(GROUNDS)]
    image = Image.new("RGBA", (width, height), (*ground, 0)) if clear else Image.new("RGB", (width, height), ground)
    pen = ImageDraw.Draw(image)
    if resolved.look is Look.CHECKERBOARD:
        _checker(pen, width, height)
    edge = min(width, height) * (46 + mark[0] % 18) // 100
    left, top = (width - edge) // 2 + (mark[1] % 25 - 12) * edge // 100, (height * 84 // 100 - edge) // 2
    shadow = tuple(part * 92 // 100 for part in ground)
    pen.ellipse((left, top + edge * 86 // 100, left + edge, top + edge * 98 // 100), fill=shadow)
    draw_strokes(pen, strokes_of(prompt), (left, top, edge), tones(colour_of(prompt, number), ground))
    return image


def _checker(pen: ImageDraw.ImageDraw, width: int, height: int) -> None:
    for top in range(0, height, 32):
        for left in range(32 * (top // 32 % 2), width, 64):
            pen.rectangle((left, top, left + 31, top + 31), fill=(204, 204, 204))


def _write(image: Image.Image, prompt: str, foot: str) -> None:
    width, height = image.size
    margin, pen = width // 16, ImageDraw.Draw(image)
    shown = "".join(c if c.isprintable() else " " for c in name_of(prompt))
    lines, font, step = _fitted(shown, width - 2 * margin, height // 7)
    top = height * 90 // 100 - len(lines) * step
    for line in lines:
        pen.text((width / 2, top), line, font=font, fill=INK, anchor="ma")
        top += step
    pen.text((width / 2, height * 92 // 100), foot, font=_font(max(10, width // 48)), fill=SMALL_PRINT, anchor="ma")


@lru_cache(maxsize=256)
def _fitted(text: str, width: int, height: int) -> tuple[tuple[str, ...], Font, int]:
    size = max(12, width // 15)
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


def _paste(image: Image.Image, inputs: tuple[InputImage, ...]) -> None:
    edge = min(image.width, image.height) // 6
    left, top = image.width // 32, image.height // 32
    for seen in inputs[: max(1, (image.width - left) // (edge + 8))]:
        small = _thumbnail(seen, edge)
        image.paste(small, (left, top))
        left += edge + 8


def _thumbnail(seen: InputImage, edge: int) -> Image.Image:
    try:
        with Image.open(BytesIO(seen.upload.data), formats=("PNG", "JPEG", "WEBP")) as opened:
            opened.draft("RGB", (edge * 2, edge * 2))
            opened.thumbnail((edge, edge), Image.Resampling.NEAREST)
            return opened.convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        return Image.new("RGB", (edge, edge), (128, 128, 128))


def _lines(resolved: ResolvedRequest, slot: int) -> bytes:
    """Draw an SVG: a disc in the colour of the prompt, with its words."""
    width, height = _pixels(resolved)
    prompt = without_directives(resolved.prompt)
    words = escape("".join(c if c.isprintable() else " " for c in f"{name_of(prompt)} #{slot}"))
    red, green, blue = colour_of(prompt, slot)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        f'<circle cx="{width // 2}" cy="{height // 2}" r="{min(width, height) // 4}" fill="rgb({red},{green},{blue})"/>'
        f'<text x="{width // 2}" y="{height * 9 // 10}" text-anchor="middle">{words}</text></svg>'
    ).encode("utf-8", "replace")


def _frames(image: Image.Image, count: int, milliseconds: int, out: BytesIO) -> None:
    """Write an animation: a bar that grows below the image."""
    still, frames = image.convert("P"), list[Image.Image]()
    for at in range(count):
        frame = still.copy()
        ImageDraw.Draw(frame).rectangle((0, 0, image.width * (at + 1) // count, max(2, image.height // 64)), fill=0)
        frames.append(frame)
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=milliseconds, loop=0)


def _encoded(image: Image.Image, resolved: ResolvedRequest) -> bytes:
    out, compression = BytesIO(), resolved.compression
    match resolved.file_format:
        case "jpeg":
            image.convert("RGB").save(out, "JPEG", quality=max(1, min(compression, 85)))
        case "gif":
            _frames(image, resolved.frames, resolved.frame_ms, out)
        case "webp":
            image.save(out, "WEBP", quality=min(compression, 80), method=0)
        case _:
            image.save(out, "PNG", compress_level=1)
    return out.getvalue()
