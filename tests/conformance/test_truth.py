"""What an image really is, whatever was said of it: told, kept as it came, and never dangerous to look at."""

import base64
import hashlib
import io
import struct
import zlib
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from batchgen.app.output import maintain
from tests.process.kit import watched
from tests.process.launcher import Launcher
from tests.rehearsal import KEYS, QUICK, Ended, Rehearsal, rehearsal
from tests.script import Script

pytestmark = pytest.mark.sample(3)

LOOK = {"size": "1024x1024", "quality": "low", "output_format": "png"}


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rehearsal]:
    """Return a mock server that draws."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with rehearsal(tmp_path, {"provider": "openai", "defaults": LOOK, "retry": QUICK}) as stage:
        yield stage


@pytest.fixture
def gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., tuple[Script, Rehearsal]]]:
    """Return a server whose every answer holds these bytes as its image."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    started: list[Script] = []

    def start(data: bytes) -> tuple[Script, Rehearsal]:
        started.append(Script(holding(data)))
        return started[-1], Rehearsal(tmp_path, started[-1], {"provider": "openai"})  # type: ignore[arg-type]

    yield start
    for script in started:
        script.stop()


def holding(data: bytes) -> tuple[int, dict[str, str], Any]:
    """Return an answer with an image."""
    usage = {"input_tokens": 8, "input_tokens_details": {"text_tokens": 8, "image_tokens": 0}, "output_tokens": 196}
    return 200, {}, {"data": [{"b64_json": base64.b64encode(data).decode()}], "usage": {**usage, "total_tokens": 204}}


# ---- what is not as asked ------------------------------------------------------------------------------------------

ODD = [
    ("wrong_format", {}, "format"),
    ("wrong_dimensions", {}, "size"),
    ("blank_picture", {}, "blank"),
    ("blank_picture", {"output_format": "jpeg"}, "blank"),
    ("blank_picture", {"output_format": "webp"}, "blank"),
    ("checkerboard", {"background": "transparent"}, "alpha"),
]


@pytest.mark.parametrize(("fault", "look", "flag"), ODD)
def test_what_is_not_as_asked_is_kept_and_told(stage: Rehearsal, fault: str, look: dict[str, str], flag: str) -> None:
    """The default: stored, not drawn again, flagged in images.csv and named on the page."""
    job = {"id": "a", "prompt": f"A lamp [[mock: fault={fault}]]", **look}
    ended = stage.run(stage.manifest([job]))
    assert ended.exit == 0
    (image,) = ended.images("a")
    assert image["flags"] == f"not_as_asked:{flag}"
    assert (len(stage.bill), ended.charged) == (1, stage.billed)
    assert flag in (ended.folder / "report" / "report.html").read_text("utf-8")


def test_what_lacks_its_end_is_paid_asked_once_more_and_told(stage: Rehearsal) -> None:
    """No such file is stored; the reason stands in images.csv, and a later run does not buy it again."""
    path = stage.manifest([{"id": "a", "prompt": "A lamp [[mock: fault=truncated_picture]]"}])
    ended = stage.run(path)
    assert ended.exit == 3
    (image,) = ended.images("a")
    assert (image["state"], image["path"]) == ("failed", "")
    assert "truncated" in image["reason"]
    assert (len(stage.bill), ended.charged) == (2, stage.billed)
    stage.run(path)
    assert len(stage.bill) == 2


@pytest.mark.parametrize("size", [(512, 512), (1024, 1024)])
def test_by_address_as_well(gives: Any, size: tuple[int, int]) -> None:
    """Size, format and emptiness of a fetched image are told like those of any other."""
    out = io.BytesIO()
    Image.new("RGB", size, "navy").save(out, "PNG")
    script, stage = gives(b"")
    status, headers, answer = script.answers[0]
    script.answers[0] = (status, headers, {**answer, "data": [{"url": f"{script.base_url}/p.png"}]})
    script.image = out.getvalue()
    ended = stage.run(stage.manifest([{"id": "a", "prompt": "A lamp", **LOOK, "output_format": "webp"}]))
    assert ended.exit == 0
    told = ["size"] * (size != (1024, 1024)) + ["format", "blank"]
    assert sorted(ended.images("a")[0]["flags"].split()) == sorted(f"not_as_asked:{flag}" for flag in told)
    assert ended.images("a")[0]["path"].endswith(".png")


def test_a_small_image_of_something_is_not_blank(gives: Any) -> None:
    """Few bytes are no proof: one dot is an image."""
    image = Image.new("RGB", (1024, 1024), "navy")
    image.putpixel((700, 300), (255, 255, 255))
    out = io.BytesIO()
    image.save(out, "PNG")
    _, stage = gives(out.getvalue())
    ended = stage.run(stage.manifest([{"id": "a", "prompt": "A lamp", **LOOK}]))
    assert ended.images("a")[0]["flags"] == ""


@pytest.mark.parametrize(
    ("policy", "times", "exit_status", "calls", "state"),
    [
        ("keep", "", 0, 1, "stored"),
        ("fail", "", 3, 1, "failed"),
        ("retry-once", "times=1", 0, 2, "stored"),
        ("retry-once", "", 0, 2, "stored"),
    ],
)
def test_what_happens_to_what_is_not_as_asked(
    stage: Rehearsal, policy: str, times: str, exit_status: int, calls: int, state: str
) -> None:
    """Kept, failed, or drawn once more; each call is on the bill and in the books."""
    job = {"id": "a", "prompt": f"A lamp [[mock: fault=wrong_dimensions {times}]]"}
    path = stage.manifest([job], on_mismatch=policy)
    ended = stage.run(path)
    assert ended.exit == exit_status
    assert len(stage.bill) == calls
    assert ended.images("a")[0]["state"] == state
    assert ended.charged == stage.billed
    assert (ended.images("a")[0]["flags"] == "") == bool(times)
    stage.run(path)
    assert len(stage.bill) == calls


def test_an_image_at_an_address_that_is_not_as_asked_is_asked_for_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`retry-once` holds for results that are addresses too, and not a second time."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    defaults = {"model": "gpt-image-2", "size": "1024x1024", "quality": "low"}
    with rehearsal(tmp_path, {"provider": "apiyi", "defaults": defaults}, dialect="apiyi") as scene:
        jobs = [
            {"id": "once", "prompt": "A lamp [[mock: fault=wrong_dimensions times=1]]"},
            {"id": "ever", "prompt": "A chair [[mock: fault=wrong_dimensions]]"},
        ]
        ended = scene.run(scene.manifest(jobs, on_mismatch="retry-once"))
        assert ended.exit == 0
        assert len(scene.bill) == 4
        assert ended.charged == scene.billed
        assert ended.images("once")[0]["flags"] == ""
        assert ended.images("ever")[0]["flags"] != ""


# ---- bombs -------------------------------------------------------------------------------------------------------


def chunk(kind: bytes, data: bytes) -> bytes:
    """One piece of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(edge: int) -> bytes:
    """Return a PNG of so many pixels by so many in few bytes."""
    packer = zlib.compressobj(1)
    rows = bytes((1 + edge // 8) * 1000)
    data = b"".join(packer.compress(rows) for _ in range(edge // 1000)) + packer.flush()
    head = struct.pack(">IIBBBBB", edge, edge, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def frames(kind: str, count: int) -> bytes:
    """Return an animation of so many small frames."""
    out = io.BytesIO()
    images = [Image.new("RGB", (64, 64), (i % 256, i // 256, 9)) for i in range(count)]
    images[0].save(out, kind, save_all=True, append_images=images[1:])
    return out.getvalue()


def many_frames(count: int) -> bytes:
    """Check that an APNG that says it has so many frames of one pixel."""
    pixel = zlib.compress(b"\x00\x00\x00\x00")
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)) + chunk(b"acTL", struct.pack(">II", count, 0))
    control = struct.pack(">IIIIHHBB", 1, 1, 0, 0, 1, 10, 0, 0)
    body = [chunk(b"fcTL", struct.pack(">I", 0) + control), chunk(b"IDAT", pixel)]
    for i in range(1, count):
        body += [
            chunk(b"fcTL", struct.pack(">I", 2 * i - 1) + control),
            chunk(b"fdAT", struct.pack(">I", 2 * i) + pixel),
        ]
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(body) + chunk(b"IEND", b"")


BOMBS = {
    "png 20000": lambda: bomb(20_000),
    "png 60000": lambda: bomb(60_000),
    "apng 10000 frames": lambda: many_frames(10_000),
    "webp 300 frames": lambda: frames("WEBP", 300),
    "gif 300 frames": lambda: frames("GIF", 300),
}


@pytest.mark.sample(1)
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_kept_and_not_set_off(gives: Any, tmp_path: Path, launcher: Launcher, name: str) -> None:
    """Run, report and verify: bytes as they came, a flag for too many pixels, no crash, little memory."""
    data = BOMBS[name]()
    script, _ = gives(data)
    manifest = {"name": "m", "limits": {"max_cost": 1}, "jobs": [{"id": "a", "prompt": "A lamp"}]}
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(manifest), "utf-8")
    child = launcher.start("run", "m.yaml", "--base-url", script.base_url, "--output", "out", cwd=tmp_path)
    most = watched(child)
    assert child.wait() == 0, child.said
    ended = Ended(0, {}, tmp_path / "out")
    assert hashlib.sha256(ended.image("a").read_bytes()).digest() == hashlib.sha256(data).digest()
    assert ended.images("a")[0]["flags"] == ("not_as_asked:pixels" if name.startswith("png") else "")
    assert most < 300 * 1024, f"{most // 1024} MB"
    checked = maintain.verify(tmp_path / "out")
    assert [why.split(":")[0] for _, why in checked.damaged] == (
        ["too large to decode"] if name.startswith("png") else []
    )


@pytest.fixture(scope="module")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    """Return starts real processes in no time."""
    launcher = Launcher(tmp_path_factory.mktemp("said"))
    launcher.open()
    yield launcher
    launcher.close()


# ---- what is no image ----------------------------------------------------------------------------------------

SCRIPT = b"<script>alert(1)</script>"
NO_IMAGES = {
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg">' + SCRIPT + b"</svg>",
    "svg after a declaration": b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg">' + SCRIPT + b"</svg>",
    "svg after a mark": b'\xef\xbb\xbf  <svg onload="alert(1)"/>',
    "html": b"<!DOCTYPE html><html><body>" + SCRIPT + b"</body></html>",
    "text": b"not an image",
    "nothing of a png": b"\x89PNG\r\n\x1a\n",
}


class Tags(HTMLParser):
    """Collects what a page is made of."""

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize("name", NO_IMAGES)
@pytest.mark.parametrize("address", [False, True])
def test_what_is_no_image_is_never_published(gives: Any, name: str, *, address: bool) -> None:
    """By its bytes, whatever was said: kept aside or never fetched, no file in images/, nothing of it on the page."""
    data = NO_IMAGES[name]
    script, stage = gives(data)
    if address:
        script.image = data
        status, headers, answer = script.answers[0]
        script.answers[0] = (status, headers, {**answer, "data": [{"url": f"{script.base_url}/p.png"}]})
    path = stage.manifest([{"id": "a", "prompt": "A lamp", **LOOK}], retry={**QUICK, "base_seconds": 0.0005})
    ended = stage.run(path)
    assert ended.exit == 3
    assert not list((ended.folder / "images").rglob("*.*"))
    assert ended.charged > 0
    if not address:
        kept = [file.read_bytes() for file in (ended.folder / "quarantine").rglob("*.part")]
        assert any(data in one for one in kept)
    page, html = Tags(), (ended.folder / "report" / "report.html").read_text("utf-8")
    page.feed(html)
    assert data not in html.encode()
    assert [tag for tag, _ in page.found].count("script") == 2  # the page's own: its data, and what works on them
    assert not [tag for tag, _ in page.found if tag in {"iframe", "object", "embed", "image", "use", "foreignobject"}]
    assert not [name for _, attributes in page.found for name in attributes if name.startswith("on")]
