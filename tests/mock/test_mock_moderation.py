"""Moderation: refused for one image, silently fewer for several, the same every time."""

from collections.abc import Callable
from typing import Any

import pytest


@pytest.mark.parametrize("prompt", ["A forest by Hayao Miyazaki", "MAKOTO SHINKAI sky", "A [moderated] lamp"])
async def test_one_image_is_refused(start: Callable[..., Any], prompt: str) -> None:
    """400 with the stage, uncharged."""
    client = await start()
    answer = await client.generate(prompt)
    assert (answer.status, answer.error["code"]) == (400, "moderation_blocked")
    assert answer.error["moderation_details"]["moderation_stage"] == "input"
    assert client.server.bill()["total_micro_usd"] == 0


async def test_styles_are_safe(start: Callable[..., Any]) -> None:
    """A style or a dead artist is drawn."""
    client = await start(fixed_bytes=b"x")
    assert (await client.generate("In the style of Studio Ghibli, after Van Gogh")).status == 200


@pytest.mark.parametrize(("n", "came"), [(2, 1), (3, 1), (4, 2), (10, 5)])
async def test_several_images_are_silently_fewer(start: Callable[..., Any], n: int, came: int) -> None:
    """At least half of them are left out, and only what came is charged."""
    client = await start(fixed_bytes=b"x")
    answer = await client.generate("A [moderated] lamp", n=n, quality="low")
    assert (answer.status, len(answer.json["data"])) == (200, came)
    assert answer.json["usage"]["output_tokens"] == 196 * came
    assert client.server.bill()["requests"][0]["pictures"] == came


@pytest.mark.parametrize(("moderated", "gap"), [("null", {"b64_json": None, "url": None}), ("empty", {"b64_json": ""})])
async def test_gaps_can_be_told(start: Callable[..., Any], moderated: str, gap: dict[str, Any]) -> None:
    """Where the list keeps its length, gaps stand in it."""
    from batchgen.mock.config import Moderated

    client = await start(moderated=Moderated(moderated))
    data = (await client.generate("A [moderated] lamp", n=4, output_format="jpeg")).json["data"]
    assert (len(data), data.count(gap)) == (4, 2)


@pytest.mark.parametrize(("stage", "charged"), [("input", False), ("output", True), ("unknown", False)])
async def test_moderation_after_drawing_is_charged(start: Callable[..., Any], stage: str, *, charged: bool) -> None:
    """The stage decides."""
    client = await start()
    answer = await client.generate(f"A lamp [[mock: fault=moderation_{stage}]]")
    assert answer.error["moderation_details"]["moderation_stage"] == stage
    entry = client.server.bill()["requests"][0]
    assert (entry["charged_micro_usd"] > 0, entry["pictures"]) == (charged, 0)


async def test_chance_moderates_prompts_for_good(start: Callable[..., Any]) -> None:
    """The share is about as asked, and asking again changes nothing."""
    client = await start(moderation=0.3, seed=4, fixed_bytes=b"x")
    prompts = [f"lamp {i}" for i in range(100)]
    once = [(await client.generate(p)).status for p in prompts]
    again = [(await client.generate(p)).status for p in prompts]
    assert once == again
    assert 15 < once.count(400) < 45


async def test_chance_brings_fewer_images_now_and_then(start: Callable[..., Any]) -> None:
    """Some calls for several bring fewer, never none, and calls for one are left alone."""
    client = await start(partial=0.5, seed=1, fixed_bytes=b"x")
    came = [len((await client.generate(f"lamp {i}", n=4)).json["data"]) for i in range(60)]
    assert set(came) == {1, 2, 3, 4}
    assert 15 < came.count(4) < 45
    assert len((await client.generate("one")).json["data"]) == 1
