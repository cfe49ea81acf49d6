"""Gemini's generateContent, a second protocol: what is sent, what it costs, and what its answers mean."""

import base64
import io
from collections.abc import Callable, Iterator, Mapping
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from batchgen.app.preview.doctor import examine
from batchgen.mock import Rule
from batchgen.mock.models import text_tokens
from tests.counting import Answered, Counting, Heard
from tests.rehearsal import KEYS, Rehearsal, rehearsal

pytestmark = pytest.mark.sample(4)

PRO, FLASH, FIRST = "gemini-3-pro-image", "gemini-3.1-flash-image", "gemini-2.5-flash-image"
KEY = "AIza-gemini-0123456789"
PROMPT = "A lamp of brass"
Scene = Callable[..., Rehearsal]


@pytest.fixture
def gemini(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """Return a maker of a server that speaks it, with faults."""
    for name, value in {**KEYS, "GEMINI_API_KEY": KEY}.items():
        monkeypatch.setenv(name, value)
    made = []

    def make(*rules: Rule, **config: Any) -> Rehearsal:
        scene = rehearsal(tmp_path, {"provider": "gemini"}, dialect="gemini", key=KEY, rules=rules, **config)
        made.append(scene)
        return scene.__enter__()

    yield make
    for scene in made:
        scene.__exit__(None, None, None)


def job(**more: Any) -> dict[str, Any]:
    """Return one job."""
    return {"id": "a", "prompt": PROMPT, **more}


@pytest.mark.parametrize(
    ("asked", "hand"),
    [
        # 1,120 tokens of an image at $120, 240 of thoughts at $12 and the prompt at $2 per million
        ({"model": PRO, "image_size": "2K", "aspect_ratio": "16:9"}, lambda words: 1120 * 120 + 240 * 12 + words * 2),
        # 2,520 tokens at $60 and the prompt at $0.50, three times: n images are n calls
        ({"image_size": "4K", "n": 3}, lambda words: 3 * ceil(2520 * 60 + words * 0.5)),
        # 1,120 tokens at $60, the prompt and 560 tokens of a reference image at $0.50
        ({"image_size": "1K", "images": ["lamp.png"]}, lambda words: ceil(1120 * 60 + (560 + words) * 0.5)),
    ],
    ids=["pro 2K", "flash 4K, n=3", "flash edit"],
)
def test_what_is_booked_is_the_bill_and_the_arithmetic_of_the_price_list(
    gemini: Scene, tmp_path: Path, asked: Mapping[str, Any], hand: Callable[[int], int]
) -> None:
    """Confirmed by the usage of each answer, to the micro-dollar, and within what was reserved."""
    Image.new("RGB", (640, 480), "olive").save(tmp_path / "lamp.png")
    scene = gemini()
    manifest = scene.manifest([job(**asked)])
    _, estimate = scene.plan(manifest)
    ended = scene.run(manifest)
    assert ended.exit == 0, ended.summary
    assert ended.money["confirmed_micro_usd"] == scene.billed == hand(text_tokens(PROMPT))
    assert ended.money["estimated_micro_usd"] == ended.money["at_risk_micro_usd"] == 0
    assert estimate.low <= scene.billed <= estimate.high
    assert len(ended.images("a")) == asked.get("n", 1)


def drawn(_: Heard) -> Answered:
    """Answer with one image."""
    out = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(out, "PNG")
    part = {"inlineData": {"mimeType": "image/png", "data": base64.b64encode(out.getvalue()).decode()}}
    return 200, {"candidates": [{"content": {"parts": [part]}, "finishReason": "STOP"}]}


def test_parameters_and_images_stand_where_the_protocol_has_them(gemini: Scene, tmp_path: Path) -> None:
    """One user message of a prompt and its images, settings beside it, the key in a header of its own."""
    Image.new("RGB", (64, 48), "olive").save(tmp_path / "lamp.png")
    asked = job(images=["lamp.png"], aspect_ratio="21:9", image_size="512", seed=7, temperature=0.5)
    scene = gemini()
    with Counting(drawn) as server:
        assert scene.run(scene.manifest([asked]), base_url=server.base_url).exit == 0
        (call,) = server.posts
    ((message,), settings) = call.body["contents"], call.body["generationConfig"]
    words, image = message["parts"]
    assert words == {"text": PROMPT}
    assert image["inlineData"]["mimeType"] == "image/png"
    assert base64.b64decode(image["inlineData"]["data"]) == (tmp_path / "lamp.png").read_bytes()
    assert settings == {
        "responseModalities": ["IMAGE"],
        "imageConfig": {"aspectRatio": "21:9", "imageSize": "512"},
        "seed": 7,
        "temperature": 0.5,
    }
    assert call.path.endswith(f"/models/{FLASH}:generateContent")
    assert call.headers["x-goog-api-key"] == KEY
    assert "authorization" not in call.headers


@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize(
    "fault",
    [
        "gemini_image_safety",
        "gemini_image_prohibited",
        "gemini_prohibited",
        "gemini_safety",
        "gemini_recitation",
        "gemini_blocked",
    ],
)
def test_what_its_filters_stop_is_moderated(gemini: Scene, fault: str, n: int) -> None:
    """Whether a prompt was blocked or an image withheld; nothing is booked below the bill."""
    scene = gemini(Rule(fault))
    ended = scene.run(scene.manifest([job(n=n)]))
    assert (ended.exit, ended.summary["images"]["moderated"]) == (3, n), ended.summary
    assert ended.charged + ended.money["at_risk_micro_usd"] >= scene.billed


@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize(
    "fault", ["gemini_thought", "gemini_words", "gemini_snake_case", "gemini_no_usage", "gemini_two_images"]
)
def test_images_are_found_whatever_stands_beside_them(gemini: Scene, fault: str, n: int) -> None:
    """A drawing of its thoughts is no image; one more than was asked is put aside."""
    scene = gemini(Rule(fault))
    ended = scene.run(scene.manifest([job(n=n)]))
    assert (ended.exit, ended.summary["images"]["stored"]) == (0, n), ended.summary
    assert ended.charged >= scene.billed
    for row in ended.images("a"):
        with Image.open(ended.folder / row["path"]) as image:
            assert image.size == (1024, 1024)


@pytest.mark.parametrize(
    "fault", ["gemini_no_image", "gemini_other", "gemini_text_only", "gemini_empty", "gemini_null"]
)
def test_an_answer_without_an_image_is_charged_and_asked_once_more(gemini: Scene, fault: str) -> None:
    """It is an answer, and no word of a filter."""
    scene = gemini(Rule(fault, times=1))
    ended = scene.run(scene.manifest([job()]))
    assert (ended.exit, ended.summary["images"]["stored"]) == (0, 1), ended.summary
    assert len(scene.bill) == 2
    assert ended.charged + ended.money["at_risk_micro_usd"] >= scene.billed


def test_a_rate_limit_waits_as_its_retry_delay_says(gemini: Scene) -> None:
    """RESOURCE_EXHAUSTED that names a wait is no lack of money, whatever its message says."""
    scene = gemini(Rule("gemini_rate", times=2))
    ended = scene.run(scene.manifest([job()]))
    assert (ended.exit, ended.summary["images"]["stored"]) == (0, 1), ended.summary
    assert ended.money["at_risk_micro_usd"] == 0


@pytest.mark.parametrize(
    ("fault", "exit_status"), [("gemini_rate_day", 5), ("gemini_billing", 5), ("gemini_denied", 5)]
)
def test_a_refusal_of_the_account_stops_the_run(gemini: Scene, fault: str, exit_status: int) -> None:
    """Nothing is drawn, nothing is charged, and no job is held against it."""
    scene = gemini(Rule(fault))
    ended = scene.run(scene.manifest([job(), job(id="b", prompt="A chair")]))
    assert ended.exit == exit_status, ended.summary
    assert ended.summary["images"]["failed"] == 0
    assert ended.money["at_risk_micro_usd"] == scene.billed == 0


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"size": "1536x1024"}, "leave size out"),
        ({"quality": "high"}, "leave quality out"),
        ({"aspect_ratio": "7:5"}, "aspect_ratio is 1:1, 2:3"),
        ({"model": PRO, "image_size": "512"}, "image_size is 1K, 2K, 4K"),
        ({"model": FIRST, "image_size": "2K"}, "image_size is 1K"),
        ({"images": ["lamp.png"], "mask": "lamp.png"}, "takes no mask"),
    ],
)
def test_check_knows_what_it_does_not_take(gemini: Scene, tmp_path: Path, asked: Mapping[str, Any], said: str) -> None:
    """With the place and what to do."""
    Image.new("RGBA", (64, 64)).save(tmp_path / "lamp.png")
    scene = gemini()
    found = scene.check(scene.manifest([job(**asked)])).errors
    assert said in " ".join(problem.message for problem in found)
    assert all(problem.place for problem in found)


def test_the_doctor_asks_in_its_words(gemini: Scene, tmp_path: Path) -> None:
    """List of models, key and the refusal of an empty request."""
    scene = gemini()
    said = {finding.name: finding.text for finding in examine("gemini", scene.handle.base_url)}
    assert said["model"] == f"{FLASH} is visible"
    assert said["key accepted"] == "yes"
    assert said["dialect"] == "answers like Gemini's generateContent"


def test_a_refused_key_ends_the_run_as_such(gemini: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its word for it is 400 with a reason among the details."""
    scene = gemini()
    monkeypatch.setenv("GEMINI_API_KEY", "AIza-another-0123456789")
    ended = scene.run(scene.manifest([job()]))
    assert ended.exit == 5, ended.summary
