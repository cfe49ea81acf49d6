"""Edits from manifest to wire: images of one's own, at addresses, with masks, made smaller on their way."""

import csv
import hashlib
import io
from collections.abc import Callable
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.rehearsal import KEYS, Rehearsal
from tests.script import Script

SAMPLES = Path(__file__).parents[2] / "manifests"
Start = Callable[..., Rehearsal]
LOOK = {"size": "1024x1024", "quality": "low", "output_format": "jpeg"}


def saved(path: Path, size: tuple[int, int] = (64, 48), mode: str = "RGB", colour: Any = "teal", **more: Any) -> Path:
    """Return an image file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path, **more)
    return path


def sent(stage: Rehearsal, call: int = -1) -> list[dict[str, Any]]:
    """Return the parts of a request as the server read them."""
    parts: list[dict[str, Any]] = [r for r in stage.handle.requests() if r.get("parts")][call]["parts"]
    return parts


def files(stage: Rehearsal, call: int = -1) -> list[tuple[str, str, str]]:
    """Name, file name and type of each file of a request."""
    return [(part["name"], part["filename"], part["content_type"]) for part in sent(stage, call) if part["filename"]]


def test_the_sample_of_edits(scene: Start) -> None:
    """One image, three together, both kinds of mask; re-encoded on the way; priced right."""
    stage = scene()
    sample = SAMPLES / "edits.yaml"
    _, estimate = stage.plan(sample)
    ended = stage.run(sample)
    assert ended.exit == 0
    assert ended.charged == stage.billed
    assert estimate.expected == pytest.approx(stage.billed, rel=0.05)
    assert estimate.high >= stage.billed
    by_prompt = {
        next(p["value"] for p in r["parts"] if p["name"] == "prompt"): r["parts"] for r in stage.handle.requests()
    }
    furnished = next(parts for prompt, parts in by_prompt.items() if prompt.startswith("The armchair and"))
    assert [(p["name"], p["filename"]) for p in furnished if p["filename"]] == [
        ("image[]", "room.jpg"),
        ("image[]", "armchair.jpg"),
        ("image[]", "lamp.jpeg"),
    ]
    window = next(parts for prompt, parts in by_prompt.items() if prompt.startswith("Through the window"))
    digest = hashlib.sha256((SAMPLES / "pictures" / "window-mask.png").read_bytes()).hexdigest()
    assert next(p for p in window if p["name"] == "mask")["sha256"] == digest


@pytest.mark.parametrize("count", [1, 2, 16])
def test_one_to_sixteen_images(scene: Start, tmp_path: Path, count: int) -> None:
    """One is `image`, several are `image[]`, in their order; their bytes are the files'."""
    stage = scene()
    paths = [saved(tmp_path / f"p{i}.png", colour=(i, 0, 0)) for i in range(count)]
    ended = stage.run(stage.manifest([{"id": "a", "images": [p.name for p in paths], "prompt": "All", **LOOK}]))
    assert ended.exit == 0
    assert files(stage) == [("image" if count == 1 else "image[]", p.name, "image/png") for p in paths]
    digests = [hashlib.sha256(p.read_bytes()).hexdigest() for p in paths]
    assert [part["sha256"] for part in sent(stage) if part["filename"]] == digests
    assert stage.bill[0]["image_tokens"] == (2 * 64) * (2 * 48) // 32**2 * count  # enlarged at most twice
    assert ended.charged == stage.billed


def test_a_image_from_the_providers_own_address(scene: Start, tmp_path: Path) -> None:
    """Fetched by us and sent as a file; a private address that is not the provider's fails unsent and free."""
    stage = scene(dialect="apiyi")
    own = {"id": "own", "prompt": "A lamp", "size": "1024x1024", "quality": "low"}
    stage.run(stage.manifest([own], "first", provider="apiyi", defaults={"model": "gpt-image-1"}))
    url = stage.handle.requests()[-1]["path"]
    origin = stage.handle.base_url.removesuffix("/v1")
    calls = len(stage.bill)
    jobs = [
        {"id": "near", "images": [f"{origin}{url}"], "prompt": "Again", **LOOK},
        {"id": "private", "images": ["https://10.0.0.1/x.png"], "prompt": "Never", **LOOK},
    ]
    ended = stage.run(stage.manifest(jobs))
    assert ended.exit == 3
    assert [ended.jobs[name]["state"] for name in ("near", "private")] == ["done", "failed"]
    assert [entry["prompt"] for entry in stage.bill[calls:]] == ["Again"]
    assert ended.cost("private") == 0


@pytest.mark.sample(3)
@pytest.mark.parametrize(
    ("name", "mode", "colour", "more"),
    [
        ("m.png", "1", 0, {}),
        ("m.png", "L", 0, {}),
        ("m.png", "RGB", "black", {}),
        ("m.jpg", "L", 0, {}),
        ("m.webp", "RGB", "black", {"lossless": True}),
        ("m.png", "RGBA", (9, 9, 9, 0), {}),
        ("m.webp", "RGBA", (9, 9, 9, 0), {"lossless": True, "exact": True}),
    ],
)
def test_every_kind_of_mask_is_taken(
    scene: Start, tmp_path: Path, name: str, mode: str, colour: Any, more: dict[str, Any]
) -> None:
    """The mock is as strict as the API: PNG with alpha, of the first image's size."""
    stage = scene()
    saved(tmp_path / "a.png")
    saved(tmp_path / name, mode=mode, colour=colour, **more)
    ended = stage.run(stage.manifest([{"id": "a", "image": "a.png", "mask": name, "prompt": "New", **LOOK}]))
    assert ended.exit == 0, ended.jobs
    assert files(stage)[1] == ("mask", "m.png", "image/png")


def test_white_stays_and_black_is_edited(tmp_path: Path, dump: Any) -> None:
    """The alpha of what goes out is the mask's brightness, pixel by pixel."""
    saved(tmp_path / "a.png", (40, 30))
    mask = Image.new("L", (40, 30), 255)
    mask.paste(0, (0, 0, 20, 30))
    mask.save(tmp_path / "m.png")
    parts = dump([{"id": "a", "image": "a.png", "mask": "m.png", "prompt": "New", **LOOK}])
    with Image.open(io.BytesIO(parts["mask"])) as out:
        alpha = out.getchannel("A")
        assert alpha.getpixel((5, 5)) == 0
        assert alpha.getpixel((35, 5)) == 255


@pytest.mark.parametrize(
    ("job", "words"),
    [
        (
            {"image": "a.png", "mask": "small.png"},
            "the mask is 32x24, the first image is 64x48: give both the same size",
        ),
        ({"image": "a.png", "mask": "none.png"}, "there is no file 'none.png'"),
        ({"mask": "a.png"}, "a `mask` belongs to an edit"),
        ({"image": "text.png"}, "is not a PNG, JPEG or WebP image"),
        ({"images": ["a.png"] * 17}, "an edit takes at most 16 images; this one has 17"),
        ({"image": "http://a.example/x.png"}, "a file, an https address or `@id`"),
        ({"image": "a.png", "input_fidelity": "high"}, "takes no input_fidelity (it is always high)"),
        ({"image": "a.png", "moderation": "low"}, "openai takes no moderation on edit"),
        ({"image": "a.png", "operation": "variation", "prompt": None}, "openai closed variation on 2026-05-12"),
        ({"image": "a.png", "operation": "generate"}, "a generation takes no images"),
    ],
)
def test_what_cannot_be_sent_is_an_error_of_check(
    scene: Start, tmp_path: Path, job: dict[str, Any], words: str
) -> None:
    """With its line; nothing is sent."""
    stage = scene()
    saved(tmp_path / "a.png")
    saved(tmp_path / "small.png", (32, 24), "L", 0)
    (tmp_path / "text.png").write_text("no image")
    path = stage.manifest([{"id": "a", "prompt": "New", **LOOK, **job}])
    errors = [str(problem) for problem in stage.check(path).errors]
    assert any(words in error and "scene.yaml:" in error for error in errors), errors
    assert stage.run(path).exit == 2
    assert not stage.bill


def test_a_large_mask_is_doubted_and_a_large_image_refused(scene: Start, tmp_path: Path) -> None:
    """Above 4 MB and 50 MB; made smaller on the way, an image is fine."""
    stage = scene()
    saved(tmp_path / "a.png")
    with (tmp_path / "a.png").open("ab") as file:
        file.truncate(51_000_000)
    saved(tmp_path / "m.png", mode="L", colour=0)
    with (tmp_path / "m.png").open("ab") as file:
        file.truncate(4_200_000)
    job = {"id": "a", "image": "a.png", "mask": "m.png", "prompt": "New", **LOOK}
    told = [problem.message for problem in stage.check(stage.manifest([job])).problems]
    assert any("a.png has 51 MB" in message and "prepare:" in message for message in told)
    assert any("the mask m.png has 4.2 MB" in message for message in told)
    assert not stage.check(stage.manifest([job], prepare={"max_edge": 1536})).errors


def test_uploads_shrink_on_the_way_and_the_key_stays(scene: Start, tmp_path: Path) -> None:
    """Another `prepare` is the same job: nothing is drawn again; the file is untouched."""
    stage = scene()
    data = saved(tmp_path / "a.png", (2000, 1000), "RGBA", (255, 0, 0, 0)).read_bytes()
    job = {"id": "a", "image": "a.png", "prompt": "New", **LOOK}
    first = stage.run(stage.manifest([job], prepare={"max_edge": 500, "format": "jpeg"}))
    assert first.exit == 0
    assert files(stage) == [("image", "a.jpeg", "image/jpeg")]
    assert stage.bill[0]["image_tokens"] == 1024 * 512 // 1024
    assert (tmp_path / "a.png").read_bytes() == data
    assert stage.run(stage.manifest([job])).exit == 0
    assert len(stage.bill) == 1


def test_what_is_transparent_becomes_white(tmp_path: Path, dump: Any) -> None:
    """A cut-out re-encoded as JPEG stands on white, whatever colour hides under its transparency."""
    saved(tmp_path / "a.png", (64, 64), "RGBA", (255, 0, 0, 0))
    job = {"id": "a", "image": "a.png", "prompt": "New", **LOOK}
    parts = dump([job], prepare={"format": "jpeg"})
    with Image.open(io.BytesIO(parts["image"])) as out:
        assert min(out.convert("RGB").crop((30, 30, 31, 31)).tobytes()) > 250


def test_another_file_is_another_job(scene: Start, tmp_path: Path) -> None:
    """The key is the hash of the bytes: a copy under another name is the same, changed bytes are drawn again."""
    stage = scene()
    saved(tmp_path / "a.png")
    job = {"id": "a", "image": "a.png", "prompt": "New", **LOOK}
    stage.run(stage.manifest([job]))
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes())
    assert stage.run(stage.manifest([{**job, "image": "b.png"}])).exit == 0
    assert len(stage.bill) == 1
    saved(tmp_path / "a.png", colour="navy")
    ended = stage.run(stage.manifest([job]))
    assert len(stage.bill) == 2
    assert len(list((ended.folder / "superseded").rglob("*.jpg"))) == 1


def test_fidelity_and_moderation_go_where_they_are_taken(scene: Start, tmp_path: Path) -> None:
    """From defaults they are left out where model or operation lacks them; set on a job that has them they go."""
    stage = scene()
    saved(tmp_path / "a.png", (1024, 1024))
    jobs = [
        {"id": "plain", "prompt": "A lamp"},
        {"id": "later", "image": "a.png", "prompt": "Later"},
        {"id": "first", "image": "a.png", "prompt": "First", "model": "gpt-image-1.5", "input_fidelity": "high"},
    ]
    ended = stage.run(stage.manifest(jobs, defaults={**LOOK, "moderation": "low", "input_fidelity": "low"}))
    assert ended.exit == 0
    by_prompt = {r["prompt"]: r for r in stage.bill}
    names = {
        next(p["value"] for p in sent(stage, c) if p["name"] == "prompt"): {p["name"] for p in sent(stage, c)}
        for c in (0, 1)
    }
    assert "input_fidelity" in names["First"]
    assert not {"input_fidelity", "moderation"} & names["Later"]
    assert by_prompt["First"]["image_tokens"] == 194 + 4160
    (generation,) = [r["fields"] for r in stage.handle.requests() if not r.get("parts")]
    assert generation["moderation"] == "low"
    assert "input_fidelity" not in generation
    assert ended.charged == stage.billed


def test_edits_from_a_csv(scene: Start, tmp_path: Path) -> None:
    """`image` and `mask` columns make an edit of a row; an empty cell makes it a generation."""
    stage = scene()
    saved(tmp_path / "a.png")
    saved(tmp_path / "m.png", mode="L", colour=0)
    path = tmp_path / "scene.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerows([["prompt", "image", "mask", "size", "quality", "output_format"]])
        rows.writerows([["New", "a.png", "m.png", *LOOK.values()], ["Plain", "", "", *LOOK.values()]])
    ended = stage.run(path, provider="openai", max_cost=1_000_000)
    assert ended.exit == 0
    assert sorted((entry["kind"], entry["prompt"]) for entry in stage.bill) == [("edit", "New"), ("generate", "Plain")]


@pytest.fixture
def dump(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run jobs against a server that keeps the bytes of every part; gives the parts of the first request by name."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    started: list[Script] = []

    def run(jobs: Any, **settings: Any) -> dict[str, Any]:
        started.append(Script((400, {}, {"error": {"message": "enough", "code": "invalid_value"}})))
        stage = Rehearsal(tmp_path, started[-1])  # type: ignore[arg-type]
        stage.run(stage.manifest(jobs, provider="openai", **settings))
        (_, body), *_ = started[-1].asked
        boundary = body[2 : body.index(b"\r\n")].decode()
        head = f"Content-Type: multipart/form-data; boundary={boundary}\r\n\r\n".encode()
        message = BytesParser(policy=HTTP).parsebytes(head + body)
        return {p["content-disposition"].params["name"]: p.get_payload(decode=True) for p in message.iter_parts()}

    yield run
    for script in started:
        script.stop()


def test_what_was_drawn_before_does_not_hide_the_price_of_images_sent_along(scene: Start) -> None:
    """Images from words alone cost less than edits: the second plan counts what an edit sends, also of other jobs."""
    stage = scene()
    photo = str(saved(stage.root / "photo.png"))
    words = [{"id": name, "prompt": f"A {name}", **LOOK} for name in ("cat", "hat")]
    assert stage.run(stage.manifest(words)).exit == 0
    edits: list[dict[str, Any]] = [
        {"id": "e", "prompt": "Blue", "images": [photo], **LOOK},
        {"id": "f", "prompt": "Both", **LOOK},
    ]
    edits[1]["images"] = ["@cat", "@hat"]
    manifest = stage.manifest([*words, *edits])
    before = stage.billed
    _, estimate = stage.plan(manifest)
    assert stage.run(manifest).exit == 0
    cost = stage.billed - before
    assert estimate.low <= cost <= estimate.high
    assert estimate.expected == pytest.approx(cost, rel=0.05)
    again = stage.manifest([*words, {**edits[0], "prompt": "Red"}, edits[1]])
    before = stage.billed
    _, estimate = stage.plan(again)
    assert stage.run(again).exit == 0
    assert estimate.expected == pytest.approx(stage.billed - before, rel=0.05)
