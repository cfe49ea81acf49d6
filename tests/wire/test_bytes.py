"""Stored bytes are the bytes received, whatever they are; the extension tells what they are, not what was asked."""

import hashlib
import io
from pathlib import Path

import pytest
from PIL import Image

from tests.wire.scene import dot, scene

pytestmark = pytest.mark.sample(6)


def made(mode: str, kind: str, **how: object) -> bytes:
    """Return an image in some mode and file format."""
    out = io.BytesIO()
    Image.new(mode, (64, 48)).save(out, kind, **how)
    return out.getvalue()


def frames(kind: str) -> bytes:
    """Return an image that moves."""
    out = io.BytesIO()
    images = [Image.new("RGB", (64, 48), colour) for colour in ("red", "blue")]
    images[0].save(out, kind, save_all=True, append_images=images[1:])
    return out.getvalue()


FILES = {
    "jpeg": (dot(), "jpg"),
    "png": (dot(kind="PNG"), "png"),
    "webp": (dot(kind="WEBP"), "webp"),
    "cmyk": (made("CMYK", "JPEG"), "jpg"),
    "16-bit": (made("I;16", "PNG"), "png"),
    "palette": (made("P", "PNG"), "png"),
    "alpha": (made("RGBA", "PNG"), "png"),
    "grey": (made("L", "JPEG"), "jpg"),
    "animated png": (frames("PNG"), "png"),
    "animated webp": (frames("WEBP"), "webp"),
    "trailing junk": (dot(kind="PNG") + b"\x00junk" * 20, "png"),
    "exif": (dot()[:2] + b"\xff\xe1\x00\x10Exif\x00\x00MM\x00*\x00\x00\x00\x08" + dot()[2:], "jpg"),
    "another size": (dot(17, 33, "PNG"), "png"),
}
CUT = {"jpeg": dot()[: len(dot()) * 3 // 4], "png": dot(kind="PNG")[:-20]}


@pytest.mark.parametrize("asked", ["png", "webp"])
@pytest.mark.parametrize("kind", sorted(FILES))
def test_bytes_are_kept_as_received(place_of_work: Path, kind: str, asked: str) -> None:
    """What the server sent lies on the disk, hash and size are those of the bytes, and nothing is paid again."""
    data, extension = FILES[kind]
    with scene(place_of_work, fixed_bytes=data) as here:
        seen = here.run(here.manifest([{"id": "dot", "prompt": "A dot", "n": 2, "output_format": asked}]))
        rows = seen.table("images.csv")
        assert [row["state"] for row in rows] == ["stored", "stored"]
        for row in rows:
            path = seen.folder / row["path"]
            assert path.read_bytes() == data
            assert row["sha256"] == hashlib.sha256(data).hexdigest()
            assert (int(row["bytes"]), path.suffix) == (len(data), f".{extension}")
        assert len(here.bill()) == 1
        assert not list(seen.folder.rglob("*.part"))


@pytest.mark.parametrize("kind", sorted(CUT))
def test_what_lacks_its_end_is_no_image_and_is_kept_as_received(place_of_work: Path, kind: str) -> None:
    """It is not stored though paid, it is asked for once more, and every byte of it lies in quarantine."""
    data = CUT[kind]
    with scene(place_of_work, fixed_bytes=data) as here:
        seen = here.run(here.manifest([{"id": "dot", "prompt": "A dot", "n": 2}]))
        assert [row["state"] for row in seen.table("images.csv")] == ["failed", "failed"]
        calls = len(here.bill())
        assert calls == 2
        kept = [path.read_bytes() for path in (seen.folder / "quarantine").rglob("*.part")]
        assert kept.count(data) == 2 * calls
        assert here.billed == seen.charged
