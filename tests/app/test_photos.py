"""Images that go out: check and run agree about what they are, upright, in every colour and format."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.rehearsal import Rehearsal

LOOKS = {"size": "1024x1024", "quality": "low"}


def save(path: Path, size: tuple[int, int], mode: str = "RGB", orientation: int = 1) -> None:
    """Write an image in the format of its name."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.new(mode, size, None if mode == "CMYK" else 128)
    if path.suffix == ".jpg":
        image.save(path, exif=exif)
    else:
        image.save(path)


CASES: dict[str, tuple[dict[str, Any], str | None, dict[str, Any] | None, bool]] = {
    # what goes out, the mask, prepare, and whether it can be sent
    "a photo on its side, the mask upright": ({"a.jpg": ((64, 32), "RGB", 6)}, "32x64", None, True),
    "the same, made smaller": ({"a.jpg": ((64, 32), "RGB", 8)}, "32x64", {"max_edge": 16}, True),
    "the same, as another format": ({"a.jpg": ((64, 32), "RGB", 5)}, "32x64", {"format": "png"}, True),
    "a mask as the sensor saw it": ({"a.jpg": ((64, 32), "RGB", 6)}, "64x32", None, False),
    "the same, made smaller, too": ({"a.jpg": ((64, 32), "RGB", 6)}, "64x32", {"max_edge": 16}, False),
    "upside down": ({"a.jpg": ((64, 32), "RGB", 3)}, "64x32", {"max_edge": 16}, True),
    "a mask half as large": ({"a.jpg": ((64, 32), "RGB", 1)}, "32x16", None, False),
    "a mask half as large, scaled": ({"a.jpg": ((64, 32), "RGB", 1)}, "32x16", {"max_edge": 16}, True),
    "CMYK as PNG": ({"a.jpg": ((64, 32), "CMYK", 1)}, None, {"format": "png"}, True),
    "TIFF as JPEG": ({"a.tiff": ((64, 32), "RGB", 1)}, None, {"format": "jpeg"}, True),
    "BMP, made smaller": ({"a.bmp": ((64, 32), "RGB", 1)}, None, {"max_edge": 16}, True),
    "AVIF as WebP": ({"a.avif": ((64, 32), "RGB", 1)}, None, {"format": "webp"}, True),
    "TIFF as it is": ({"a.tiff": ((64, 32), "RGB", 1)}, None, None, False),
    "AVIF as it is": ({"a.avif": ((64, 32), "RGB", 1)}, None, None, False),
    "four images at once": (
        {"a.jpg": ((64, 32), "CMYK", 6), "b.tiff": ((64, 32), "RGB", 1), "c.png": ((9, 9), "L", 1),
         "d.avif": ((9, 9), "RGB", 1)},
        "32x64", {"max_edge": 32, "format": "png"}, True,
    ),
}  # fmt: skip


@pytest.mark.sample(6)
@pytest.mark.parametrize("name", CASES)
def test_what_check_takes_the_run_sends_and_nothing_else(scene: Rehearsal, name: str) -> None:
    """Either an error with its place before anything is sent, or one call that the provider takes."""
    images, mask, prepare, can = CASES[name]
    for file, (size, mode, orientation) in images.items():
        save(scene.root / file, size, mode, orientation)
    job: dict[str, Any] = {"id": "a", "prompt": "Whiter", "images": list(images)}
    if mask:
        width, height = map(int, mask.split("x"))
        Image.new("L", (width, height), 255).save(scene.root / "mask.png")
        job["mask"] = "mask.png"
    settings: dict[str, Any] = {"prepare": prepare} if prepare else {}
    manifest = scene.manifest([job], defaults=LOOKS, **settings)
    assert bool(scene.check(manifest).errors) is not can
    ended = scene.run(manifest)
    assert (ended.exit, len(scene.bill)) == ((0, 1) if can else (2, 0)), ended.why
