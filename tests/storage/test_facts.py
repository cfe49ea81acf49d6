"""Laws of what an image's bytes say."""

import io
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen.storage import decode_check, sniff
from tests.storage.conftest import drawn


@pytest.mark.parametrize(
    ("data", "facts"),
    [
        (drawn("PNG"), ("png", 40, 30, False)),
        (drawn("PNG", "RGBA"), ("png", 40, 30, True)),
        (drawn("PNG", "LA"), ("png", 40, 30, True)),
        (drawn("PNG", "P", transparency=0), ("png", 40, 30, True)),
        (drawn("JPEG"), ("jpeg", 40, 30, False)),
        (drawn("JPEG", progressive=True, size=(300, 200)), ("jpeg", 300, 200, False)),
        (drawn("WEBP"), ("webp", 40, 30, False)),
        (drawn("WEBP", lossless=True), ("webp", 40, 30, False)),
        (drawn("WEBP", "RGBA", lossless=True), ("webp", 40, 30, True)),
        (drawn("WEBP", "RGBA", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0"), ("webp", 40, 30, True)),
        (drawn("GIF", "P"), ("gif", 40, 30, None)),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', ("svg", 0, 0, True)),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- --><svg/>', ("svg", 0, 0, True)),
        (b"<svg width='640px' height=\"480.4\"></svg>", ("svg", 640, 480, True)),
        (b'<SVG width="100%" height="auto" viewBox="0 0 24,32"></SVG>', ("svg", 24, 32, True)),
        (b'<svg width="10cm" height="-4"></svg>', ("svg", 0, 0, True)),
        (b"<?xml version='1.0'?><!-- " + b"drawn " * 90 + b'--><svg:svg width="7" height="8"/>', ("svg", 7, 8, True)),
        (
            b'<!DOCTYPE svg [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><svg width="5" height="6">&b;</svg>',
            ("svg", 5, 6, True),
        ),
        (b"<svg " + b"a='b' " * 2000 + b"/>", ("svg", 0, 0, None)),
    ],
)
def test_images_are_recognised(tmp_path: Path, data: bytes, facts: tuple[object, ...]) -> None:
    """Format, pixels and transparency, from the header alone."""
    path = tmp_path / "picture"
    path.write_bytes(data)
    found = sniff(data[:64], path)
    assert found is not None
    assert (found.format, found.width, found.height, found.alpha) == facts
    assert found.ext == {"jpeg": "jpg"}.get(found.format, found.format)


def test_the_head_is_enough_for_most(tmp_path: Path) -> None:
    """Only what it leaves open needs the file."""
    found = sniff(drawn("PNG", "RGBA")[:64])
    assert found is not None
    assert (found.width, found.alpha) == (40, True)
    assert sniff(drawn("JPEG")[:64]) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<!doctype html><html>",
        b"\x89PNG",
        b"\x89PNG\r\n\x1a\n" + b"\0" * 40,
        b"RIFF\0\0\0\0WEBPxxxx",
        b"{}",
        b"<!-- <svg> --><html><svg></svg></html>",
        b"<svgs/>",
        b"<?xml version='1.0'?><html/>",
        b"<!doctype svg [",
        b"\xff\xd8\xff",
    ],
)
def test_what_is_no_image_is_not_taken_for_one(tmp_path: Path, data: bytes) -> None:
    """HTML, JSON, torn headers."""
    path = tmp_path / "picture"
    path.write_bytes(data)
    assert sniff(data[:64], path) is None


@given(
    st.binary(max_size=200), st.sampled_from([drawn(f) for f in ("PNG", "JPEG", "WEBP", "GIF")]), st.integers(0, 100)
)
def test_no_bytes_break_the_look(noise: bytes, image: bytes, cut: int) -> None:
    """Whatever a server sends."""
    sniff(noise)
    sniff(image[:cut] + noise)


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP", "GIF"])
def test_whole_images_pass_and_torn_ones_do_not(format_: str) -> None:
    """Cut at ten places each."""
    data = drawn(format_, "RGB" if format_ != "GIF" else "L", size=(120, 90))
    assert decode_check(io.BytesIO(data)) is None
    for tenth in range(1, 10):
        assert decode_check(io.BytesIO(data[: len(data) * tenth // 10])) is not None


def test_an_svg_is_whole_when_its_root_is_closed() -> None:
    """Nothing of it is read by a parser, so that nothing in it can do harm."""
    hostile = b'<!DOCTYPE svg [<!ENTITY a "a"><!ENTITY b "&a;&a;">]><svg onload="alert(1)">&b;<script/></svg>\n'
    assert decode_check(io.BytesIO(hostile)) is None
    assert decode_check(io.BytesIO(b"<svg/>")) is None
    assert decode_check(io.BytesIO(hostile[:-9])) == "damaged: it is cut off"


def test_what_cannot_be_decoded_is_said_in_words() -> None:
    """A page, nothing at all, a bomb."""
    for data in (b"<html>", b""):
        assert str(decode_check(io.BytesIO(data))).startswith("no image")
    bomb = b"".join(map(chunk, (b"IHDR" + BOMB, b"IDAT" + zlib.compress(b"\0"), b"IEND")))
    assert str(decode_check(io.BytesIO(b"\x89PNG\r\n\x1a\n" + bomb))).startswith("too large to decode")


BOMB = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)


def chunk(content: bytes) -> bytes:
    """Make one chunk of a PNG: length, name and data, checksum."""
    return struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))
