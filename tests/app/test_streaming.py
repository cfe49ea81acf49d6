"""`stream: true`: answers as events with one partial, which costs tokens and is never an image."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from batchgen.catalog import provider
from batchgen.catalog.prices import flat
from batchgen.mock import Rule
from batchgen.model import ImageRequest, Operation, Price, Settings
from batchgen.pricing import PriceList
from tests.rehearsal import rehearsal

PARTIAL = 100
JOBS: list[dict[str, Any]] = [
    {"id": "one", "prompt": "A lamp"},
    {"id": "four", "prompt": "A chair", "n": 4},
    {"id": "edit", "prompt": "Whiter", "images": "lamp.png", "n": 2},
]
OUTPUT = 196 + PARTIAL
IMAGES = 7


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a reference image."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-streams-0123456789")
    Image.new("RGB", (64, 64), "teal").save(tmp_path / "lamp.png")
    return tmp_path


def streaming(folder: Path, *rules: Rule, **more: Any) -> Any:
    """Return a scene whose manifest asks for events."""
    settings = {"provider": "openai", "defaults": {"quality": "low", "size": "1024x1024"}, "stream": True, **more}
    return rehearsal(folder, settings, rules=rules)


def test_events_bring_the_images_and_the_partial_is_paid_and_dropped(folder: Path) -> None:
    """One call as ever; reserved and booked with a hundred tokens more an image, to the micro-dollar."""
    with streaming(folder) as scene:
        manifest = scene.manifest(JOBS)
        _, estimate = scene.plan(manifest)
        ended = scene.run(manifest)
        assert (ended.exit, ended.summary["images"]["stored"], len(scene.bill)) == (0, IMAGES, 3)
        sent = [one["fields"] for one in scene.handle.requests() if one["method"] == "POST"]
        assert {(str(one["stream"]).lower(), str(one["partial_images"])) for one in sent} == {("true", "1")}
        assert ended.money["confirmed_micro_usd"] == scene.billed
        assert scene.billed >= IMAGES * OUTPUT * 30
        assert estimate.low <= scene.billed <= estimate.high
        again = scene.run(scene.manifest(JOBS, stream=False))
        assert (again.exit, len(scene.bill)) == (0, 3)  # it is no part of a job's key


@pytest.mark.parametrize(("fault", "stored", "exit_status"), [
    ("stream_no_usage", 1, 0), ("stream_partial_only", 0, 3), ("stream_error_late", 0, 7), ("ok", 1, 0),
])  # fmt: skip
def test_what_is_booked_covers_the_bill_whatever_the_events_say(
    folder: Path, fault: str, stored: int, exit_status: int
) -> None:
    """Without usage the table's figure has the partial in it; a partial alone is no image."""
    with streaming(folder, Rule(fault)) as scene:
        ended = scene.run(scene.manifest(JOBS[:1]))
        assert (ended.exit, ended.summary["images"]["stored"]) == (exit_status, stored)
        assert scene.billed <= ended.charged + ended.money["at_risk_micro_usd"]


@pytest.mark.parametrize(
    ("where", "params", "more"),
    [("openai", (), PARTIAL), ("openai", (("output_format", "svg"),), 0), ("gemini", (), 0)],
)
def test_only_what_can_be_streamed_is(where: str, params: tuple[tuple[str, str], ...], more: int) -> None:
    """Over the endpoints of the Images API, for still images."""
    own = ((provider("openai").default_model, Price(per_image=flat(Decimal("0.5")))),) if params else ()
    price = {asked: PriceList(provider(where), Settings("s", stream=asked, prices=own)) for asked in (True, False)}
    request = ImageRequest(Operation.GENERATE, "A lamp", None, params)
    assert price[True].streams(request) is bool(more)
    quotes = {asked: one.quote(request, 2) for asked, one in price.items()}
    assert quotes[True].output_tokens - quotes[False].output_tokens == 2 * more
