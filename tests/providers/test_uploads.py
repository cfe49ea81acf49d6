"""Images on their way out: masks become alpha masks, images shrink when asked, files stay as they are."""

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from batchgen.model import FileImage, Prepare, UrlImage
from batchgen.providers.uploads import Upload, UploadError, gather, laid, shrunk, size_of_upload

PLAIN = Prepare()


def saved(path: Path, mode: str = "RGB", size: tuple[int, int] = (40, 20), colour: Any = 0, kind: str = "PNG") -> Path:
    """Return an image file."""
    Image.new(mode, size, colour).save(path, kind)
    return path


def file_image(path: Path) -> FileImage:
    """Return the file as the manifest knows it."""
    return FileImage(str(path), "0" * 64, path.stat().st_size, 40, 20)


def opened(upload: Upload) -> Image.Image:
    """Say what goes out."""
    return Image.open(upload.data if isinstance(upload.data, Path) else io.BytesIO(upload.data))


def test_a_black_and_white_mask_becomes_an_alpha_mask(tmp_path: Path) -> None:
    """White stays (opaque), black is edited (transparent)."""
    mask = Image.new("L", (40, 20), 255)
    mask.paste(0, (0, 0, 20, 20))
    mask.save(tmp_path / "m.png")
    upload = laid(tmp_path / "m.png", "mask", (40, 20))
    out = opened(upload)
    assert (upload.name, upload.content_type, out.mode) == ("m.png", "image/png", "RGBA")
    assert out.getpixel((5, 5)) == (0, 0, 0, 0)
    assert out.getpixel((35, 5)) == (255, 255, 255, 255)


@pytest.mark.parametrize(("mode", "kind"), [("1", "PNG"), ("RGB", "PNG"), ("RGB", "JPEG"), ("P", "PNG"), ("L", "WEBP")])
def test_masks_of_any_kind_are_converted(tmp_path: Path, mode: str, kind: str) -> None:
    """Whatever a mask was saved as, it goes out as PNG with alpha."""
    out = opened(laid(saved(tmp_path / "m", mode, kind=kind), "mask", (40, 20)))
    assert (out.format, out.mode) == ("PNG", "RGBA")


def test_an_alpha_mask_goes_out_as_it_is(tmp_path: Path) -> None:
    """Its bytes are not touched."""
    path = saved(tmp_path / "m.png", "RGBA", colour=(1, 2, 3, 0))
    assert laid(path, "mask", (40, 20)).data == path


def test_a_mask_follows_its_image_and_no_other_shape(tmp_path: Path) -> None:
    """Shrunk with the image, refused when it was drawn for another one."""
    path = saved(tmp_path / "m.png", "L")
    assert opened(laid(path, "mask", (20, 10))).size == (20, 10)
    with pytest.raises(UploadError, match="40x20"):
        laid(path, "mask", (40, 40))


def test_images_go_out_as_they_are(tmp_path: Path) -> None:
    """Without a wish nothing is decoded into other bytes."""
    for kind, content in (("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp")):
        path = saved(tmp_path / f"a.{kind.lower()}", kind=kind)
        assert shrunk(path, PLAIN) == Upload(path.name, content, path)


@pytest.mark.parametrize(
    ("prepare", "size", "kind"),
    [
        (Prepare(max_edge=20), (20, 10), "PNG"),
        (Prepare(max_edge=20, format="jpeg"), (20, 10), "JPEG"),
        (Prepare(format="webp"), (40, 20), "WEBP"),
        (Prepare(max_edge=400, format="jpg"), (40, 20), "JPEG"),
    ],
)
def test_images_shrink_when_asked(tmp_path: Path, prepare: Prepare, size: tuple[int, int], kind: str) -> None:
    """The longer edge and the format are as wished; nothing grows."""
    out = opened(shrunk(saved(tmp_path / "a.png", "RGBA", colour=(9, 9, 9, 99)), prepare))
    assert (out.size, out.format) == (size, kind)


@pytest.mark.parametrize("data", [b"", b"not an image", b"<svg/>", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_image_is_named(tmp_path: Path, data: bytes) -> None:
    """The sentence names the file."""
    (tmp_path / "bad.png").write_bytes(data)
    with pytest.raises(UploadError, match=r"bad\.png"):
        shrunk(tmp_path / "bad.png", PLAIN)


def test_addresses_are_passed_on_or_taken_from_our_copies(tmp_path: Path) -> None:
    """A provider that takes addresses gets them; the others get the bytes."""
    path, web = saved(tmp_path / "a.png"), UrlImage("https://x.example/a.png")
    passed = gather((file_image(path), web), web, PLAIN)
    assert passed.images[1].url == web.url
    assert passed.mask
    assert passed.mask.url == web.url
    copied = gather((web,), web, PLAIN, {web.url: path})
    assert copied.images[0].data == path
    assert copied.mask
    assert opened(copied.mask).mode == "RGBA"
    with pytest.raises(UploadError):
        gather((web,), None, PLAIN, {})


def photo(path: Path, size: tuple[int, int] = (40, 20), orientation: int = 6) -> Path:
    """Return a photo as phones keep it: on its side, with a note which way is up."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", size, "teal").save(path, exif=exif)
    return path


@pytest.mark.parametrize("kind", ["AVIF", "TIFF", "BMP", "HEIF"])
@pytest.mark.parametrize(
    ("prepare", "sent"),
    [(Prepare(format="png"), "PNG"), (Prepare(format="webp"), "WEBP"), (Prepare(max_edge=20), "JPEG")],
)
def test_what_cannot_be_sent_goes_out_as_another_format(tmp_path: Path, kind: str, prepare: Prepare, sent: str) -> None:
    """With `prepare`; without it the sentence says so."""
    if kind == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    path = saved(tmp_path / f"a.{kind.lower()}", size=(64, 32), kind=kind)
    out = opened(shrunk(path, prepare))
    assert (out.format, out.size) == (sent, (20, 10) if prepare.max_edge else (64, 32))
    with pytest.raises(UploadError, match="prepare"):
        shrunk(path, PLAIN)


@pytest.mark.parametrize("mode", ["CMYK", "F", "I;16", "YCbCr", "LAB"])
@pytest.mark.parametrize("to", ["png", "webp", "jpeg"])
def test_every_colour_is_turned_into_one_that_the_format_has(tmp_path: Path, mode: str, to: str) -> None:
    """CMYK of print, floats and depths of sixteen bits."""
    kind = "JPEG" if mode in {"CMYK", "YCbCr"} else "TIFF"
    out = opened(shrunk(saved(tmp_path / "a.img", mode, kind=kind), Prepare(format=to)))
    assert out.format == to.upper()
    out.load()


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize(
    "prepare", [PLAIN, Prepare(max_edge=20), Prepare(format="png"), Prepare(max_edge=20, format="webp")]
)
def test_a_mask_lies_on_a_photo_as_it_is_seen(tmp_path: Path, orientation: int, prepare: Prepare) -> None:
    """A photo on its side is turned upright before sizes are compared, whatever becomes of it on the way."""
    path = photo(tmp_path / "p.jpg", orientation=orientation)
    seen = (20, 40) if orientation in {6, 8} else (40, 20)
    mask = saved(tmp_path / "m.png", "L", seen, 255)
    sent = gather((file_image(path),), file_image(mask), prepare)
    assert sent.mask
    assert opened(sent.mask).size == size_of_upload(sent.images[0])
    if seen == (20, 40):
        with pytest.raises(UploadError, match="40x20"):
            gather((file_image(path),), file_image(saved(tmp_path / "raw.png", "L")), prepare)
