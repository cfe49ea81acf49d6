"""Input images: files with their hash and pixels, addresses, and images of other jobs."""

import hashlib
import io
import os
from typing import Any

import pytest
from PIL import Image

from batchgen.errors import Problem
from batchgen.manifest import check, load
from batchgen.manifest.inputs import BadInputError, Inputs
from batchgen.model import FileImage, JobImage, UrlImage


def test_a_file_is_known_by_its_bytes(context: Any) -> None:
    """Hash, size and pixels are the file's; the path is found from the manifest's folder."""
    path = context.image("photos/a.png", size=(40, 30))
    found = Inputs(context.folder).image("photos/a.png")
    data = path.read_bytes()
    assert found == FileImage(str(path), hashlib.sha256(data).hexdigest(), len(data), 40, 30)


def test_a_file_is_read_again_only_when_it_changed(context: Any) -> None:
    """Same time and size: remembered. Changed: read again."""
    inputs = Inputs(context.folder)
    path = context.image("a.png", "red")
    first = inputs.image("a.png")
    assert inputs.image("a.png") is first
    context.image("a.png", "blue", (9, 9))
    os.utime(path, ns=(1, 1))
    assert inputs.image("a.png") != first


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("https://a.example/x.png?sig=%2B", UrlImage("https://a.example/x.png?sig=%2B")),
        ("@cat", JobImage("cat")),
        ("@cat[0]", JobImage("cat", 0)),
        ("@a b-[x]", JobImage("a b-[x]")),
        ("@e\u0301", JobImage("\u00e9")),
    ],
)
def test_other_words_are_addresses_and_jobs(context: Any, word: str, expected: object) -> None:
    """An address is kept byte for byte; a reference may name one slot."""
    assert Inputs(context.folder).image(word) == expected


@pytest.mark.parametrize(
    "word", ["http://a.example/x.png", "ftp://a/x", "file:///etc/passwd", "data:image/png;base64,AA", "@", "a\0b", "."]
)
def test_what_is_no_image_is_refused(context: Any, word: str) -> None:
    """Only files, https and references."""
    with pytest.raises(BadInputError):
        Inputs(context.folder).image(word)


def test_a_file_that_is_no_image_is_refused(context: Any) -> None:
    """Text, a damaged image and another format are told apart from images."""
    context.write("text.png", "hello")
    context.write("cut.png", context.image("a.png").read_bytes()[:20])
    context.write("anim.gif", b"GIF89a\x01\x00\x01\x00\x00\x00\x00;")
    for name in ("text.png", "cut.png", "anim.gif"):
        with pytest.raises(BadInputError):
            Inputs(context.folder).image(name)


@pytest.mark.parametrize(("name", "kind"), [("a.png", "PNG"), ("a.jpg", "JPEG"), ("a.webp", "WEBP")])
def test_an_image_that_is_cut_off_is_no_image(context: Any, name: str, kind: str) -> None:
    """A copy that broke off would be paid for; what a phone appends behind the end changes nothing."""
    preview = io.BytesIO()
    Image.new("RGB", (16, 16)).save(preview, "JPEG")
    exif = Image.Exif()
    exif[0x010E] = preview.getvalue().decode("latin-1")
    path = context.folder / name
    Image.effect_noise((200, 200), 90).convert("RGB").save(path, kind, exif=exif.tobytes())
    whole = path.read_bytes()
    for cut in (len(whole) - 9, len(whole) // 2):
        path.write_bytes(whole[:cut])
        with pytest.raises(BadInputError, match=r"is (cut off|a damaged image)"):
            Inputs(context.folder).image(name)
    path.write_bytes(whole + b"\xff\xda a film of two seconds")
    assert isinstance(Inputs(context.folder).image(name), FileImage)
    path.write_bytes(b"")
    with pytest.raises(BadInputError, match="is empty"):
        Inputs(context.folder).image(name)


def test_a_image_that_may_never_end_is_not_begun(context: Any) -> None:
    """Pipes and devices are no images; asking for one would wait, or read, for ever."""
    os.mkfifo(context.folder / "pipe.png")
    for name in ("pipe.png", "/dev/zero"):
        with pytest.raises(BadInputError, match="not an ordinary file"):
            Inputs(context.folder).image(name)


def test_a_missing_image_is_a_problem_with_its_row(context: Any) -> None:
    """The row says which file is not there, and which one is."""
    context.image("photos/chair.png")
    items = context.items("prompt,image\np,photos/chiar.png\n", "m.csv")
    assert isinstance(items[0], Problem)
    assert str(items[0]).endswith(
        "m.csv:2:1: error: images: there is no file 'photos/chiar.png'; did you mean `chair.png`?"
    )


def test_a_cell_may_name_several_images(context: Any) -> None:
    """Semicolons separate the images of an `images` cell; `image` stands before them."""
    for name in "abc":
        context.image(f"{name}.png", size=(ord(name), 1))
    job = context.jobs("prompt,image,images\np,a.png,b.png; c.png;\n", "m.csv")[0]
    assert [image.width for image in job.request.images] == [ord(name) for name in "abc"]


def test_a_wrong_image_is_told_where_it_is_named(context: Any) -> None:
    """`images`, `image` or `mask` of a job or of `defaults`; what a row names, at the row; `@id` alike."""
    context.image("here.png")
    context.write("rows.csv", "p\ngone.png\n")
    text = """\
defaults: {image: gone.png}
jobs:
  - {prompt: a, images: [here.png, gone.png]}
  - {prompt: b, image: gone.png}
  - {prompt: c, images: [here.png], mask: gone.png}
  - {prompt: d}
  - {prompt: e, images: [here.png, '{{ p }}'], rows: rows.csv}
  - {prompt: f, images: [here.png, '{{ p }}'], matrix: {p: [gone.png]}}
  - {prompt: g, images: [here.png, '@gone']}
  - {prompt: h, images: [here.png], mask: '@gone'}
"""
    found = [str(item.place).rpartition("/")[2] for item in context.items(text) if isinstance(item, Problem)]
    assert found == ["m.yaml:3:25", "m.yaml:4:24", "m.yaml:5:43", "m.yaml:1:19", "rows.csv:2:1", "m.yaml:8:25"]
    chained = "\n".join(line for line in text.splitlines() if "gone.png" not in line and "{{ p }}" not in line)
    problems = check(load(context.write("m.yaml", chained))).problems
    assert [str(problem.place).rpartition("/")[2] for problem in problems] == ["m.yaml:3:25", "m.yaml:4:43"]
