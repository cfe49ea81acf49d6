"""Images made for a measure or a recipe: an object of one colour on a ground of another."""

from collections.abc import Callable
from io import BytesIO

import pytest
from PIL import Image, ImageDraw

from batchgen.imaging.render import Original

Drawn = Callable[..., Image.Image]


def drawn(
    size: tuple[int, int] = (400, 400),
    box: tuple[float, float, float, float] | None = (0.25, 0.25, 0.75, 0.75),
    ground: str = "#ffffff",
    ink: str = "#803020",
    mode: str = "RGB",
) -> Image.Image:
    """Draw a rectangle; `box` is in shares of width and height."""
    image = Image.new(mode, size, ground)
    if box:
        (width, height), (left, top, right, bottom) = size, box
        corners = [
            left * width,
            top * height,
            max(left, right - 1 / width) * width,
            max(top, bottom - 1 / height) * height,
        ]
        ImageDraw.Draw(image).rectangle(corners, fill=ink)
    return image


def original(image: Image.Image, kind: str = "PNG", **told: object) -> Original:
    """Encode an image and read it as a stored one."""
    return Original(BytesIO(encoded(image, kind, **told)))


def encoded(image: Image.Image, kind: str = "PNG", **told: object) -> bytes:
    """Encode an image."""
    out = BytesIO()
    image.save(out, kind, **told)
    return out.getvalue()


@pytest.fixture
def noise() -> Image.Image:
    """Return an image that hardly compresses."""
    return Image.effect_noise((512, 512), 90).convert("RGB")
