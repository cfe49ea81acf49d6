"""Limits are strict sliding windows, told in headers and bodies."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen.mock.limits import Gate, Window
from batchgen.mock.reply import Refused, duration


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(1, 10)), max_size=60))
def test_no_window_ever_holds_more_than_the_limit(calls: list[tuple[float, int]]) -> None:
    """In any stretch of a minute, wherever it starts, at most the limit passes."""
    now, passed = 0.0, []
    window = Window(60, 20)
    for pause, weight in calls:
        now += pause
        if window.wait(now, weight) == 0:
            window.add(now, weight)
            passed.append((now, weight))
    for start, _ in passed:
        assert sum(weight for at, weight in passed if start <= at < start + 60) <= 20
    assert window.peak <= 20


@given(st.lists(st.integers(1, 10), min_size=1, max_size=20), st.integers(1, 10))
def test_after_the_told_wait_the_call_fits(weights: list[int], weight: int) -> None:
    """Nobody is sent away twice when alone."""
    window = Window(60, 10)
    for at, used in enumerate(weights):
        if window.wait(at, used) == 0:
            window.add(at, used)
    now = float(len(weights))
    assert window.wait(now + window.wait(now, weight), weight) == 0


def test_a_call_passes_every_limit_or_none() -> None:
    """What one limit refuses does not use up another."""
    gate = Gate({"requests": 10, "images": 4}, 60, lambda: 0.0)
    gate.admit({"requests": 1, "images": 4}, "m")
    with pytest.raises(Refused):
        gate.admit({"requests": 1, "images": 1}, "m")
    assert gate.account()["requests"]["passed"] == 1
    assert gate.account()["images"]["refused"] == 1


async def test_a_limited_call_is_told_how_long_to_wait(start: Callable[..., Any]) -> None:
    """429 with the bucket's name, both headers and a sentence; waiting so long is enough."""
    client = await start(images_per_minute=4, window_seconds=0.4, fixed_bytes=b"x")
    first = await client.generate(n=3)
    assert first.headers["x-ratelimit-limit-images"] == "4"
    assert first.headers["x-ratelimit-remaining-images"] == "1"
    refused = await client.generate(n=2)
    assert (refused.status, refused.error["code"], refused.error["type"]) == (429, "rate_limit_exceeded", "images")
    assert "Limit 4, Used 3, Requested 2. Please try again in" in refused.error["message"]
    assert refused.headers["retry-after"] == "1"
    await asyncio.sleep(int(refused.headers["retry-after-ms"]) / 1000)
    assert (await client.generate(n=2)).status == 200
    assert client.server.bill()["limits"]["images"] == {"limit": 4, "peak": 3, "passed": 5, "refused": 2}


async def test_reference_images_have_a_limit_of_their_own(start: Callable[..., Any], png: Callable[..., bytes]) -> None:
    """Each of them weighs one."""
    client = await start(input_images_per_minute=2, fixed_bytes=b"x")
    parts = [("image[]", png(64, 64), f"{i}.png", "image/png") for i in range(2)]
    assert (await client.edit(*parts)).status == 200
    assert (await client.edit(*parts)).error["type"] == "input-images"


async def test_tokens_are_limited(start: Callable[..., Any]) -> None:
    """Input and output tokens weigh together."""
    client = await start(tokens_per_minute=500, fixed_bytes=b"x")
    assert (await client.generate(quality="medium")).status == 200
    assert (await client.generate(quality="medium")).error["type"] == "tokens"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.12, "120ms"), (1, "1s"), (58.891, "58.891s"), (360, "6m0s"), (61.5, "1m1.5s"), (0, "0ms")]
)
def test_durations_are_written_as_in_the_headers(seconds: float, text: str) -> None:
    """As Go writes them."""
    assert duration(seconds) == text
