"""The vendor's own Python package works against the mock."""

import base64
import time
from collections.abc import Callable
from io import BytesIO
from typing import Any

import openai
import pytest
from PIL import Image

MODEL = "gpt-image-2.5-flare"


def decoded(image: Any) -> Image.Image:
    """Return an image of an answer."""
    return Image.open(BytesIO(base64.b64decode(image.b64_json)))


async def test_the_sdk_gets_one_image_of_the_asked_size(sdk: Callable[..., Any]) -> None:
    """One image comes as base64, of the asked size and format, with usage and the echoed parameters."""
    client, server = await sdk()
    answer = await client.images.generate(
        model=MODEL, prompt="A lamp", size="1536x1024", quality="low", output_format="webp"
    )
    assert (decoded(answer.data[0]).size, decoded(answer.data[0]).format) == ((1536, 1024), "WEBP")
    assert (answer.size, answer.quality, answer.output_format) == ("1536x1024", "low", "webp")
    assert answer.usage.output_tokens == 158
    assert server.bill()["total_micro_usd"] == 158 * 30 + answer.usage.input_tokens * 5


async def test_the_sdk_gets_three_images(sdk: Callable[..., Any]) -> None:
    """Three images differ from each other, and the input is counted three times."""
    client, _ = await sdk()
    one = await client.images.generate(model=MODEL, prompt="A lamp", quality="low")
    three = await client.images.generate(model=MODEL, prompt="A lamp", quality="low", n=3)
    assert len({image.b64_json for image in three.data}) == 3
    assert three.usage.input_tokens == 3 * one.usage.input_tokens
    assert three.usage.output_tokens == 3 * one.usage.output_tokens


async def test_the_sdk_sees_a_moderated_prompt(sdk: Callable[..., Any]) -> None:
    """A living artist's name ends in a 400 with the code, and costs nothing."""
    client, server = await sdk()
    with pytest.raises(openai.BadRequestError) as refused:
        await client.images.generate(model=MODEL, prompt="A forest by Hayao Miyazaki")
    assert refused.value.code == "moderation_blocked"
    assert server.bill()["total_micro_usd"] == 0


async def test_the_sdk_sees_a_bad_size(sdk: Callable[..., Any]) -> None:
    """A size that the model refuses names the parameter."""
    client, _ = await sdk()
    with pytest.raises(openai.BadRequestError) as refused:
        await client.images.generate(model=MODEL, prompt="A lamp", size="1920x1080")
    assert (refused.value.code, refused.value.param) == ("invalid_value", "size")


async def test_the_sdk_waits_out_a_rate_limit(sdk: Callable[..., Any]) -> None:
    """The SDK obeys the wait of a 429 and then gets its image."""
    client, server = await sdk(retries=2, requests_per_minute=1, window_seconds=1.5, fixed_bytes=b"image")
    await client.images.generate(model=MODEL, prompt="A lamp")
    began = time.monotonic()
    await client.images.generate(model=MODEL, prompt="Another lamp")
    assert time.monotonic() - began > 0.3
    assert [entry["status"] for entry in server.bill()["requests"]] == [200, 429, 200]


@pytest.mark.parametrize("count", [1, 2])
async def test_the_sdk_edits_images(sdk: Callable[..., Any], png: Callable[..., bytes], count: int) -> None:
    """One image goes as `image`, several as `image[]`; each counts its tokens by its own size."""
    client, server = await sdk()
    files = [(f"{i}.png", png(1024, 1024), "image/png") for i in range(count)]
    answer = await client.images.edit(model=MODEL, prompt="Combine", image=files[0] if count == 1 else files)
    assert answer.usage.input_tokens_details.image_tokens == 1024 * count
    names = [part["name"] for part in server.requests()[0]["parts"] if part["filename"]]
    assert names == (["image"] if count == 1 else ["image[]", "image[]"])


async def test_the_sdk_edits_behind_a_mask(sdk: Callable[..., Any], png: Callable[..., bytes]) -> None:
    """A mask with alpha and the image's size is taken."""
    client, _ = await sdk()
    image, mask = ("a.png", png(), "image/png"), ("m.png", png(alpha=True), "image/png")
    answer = await client.images.edit(model=MODEL, prompt="Repaint", image=image, mask=mask, size="1024x1024")
    assert decoded(answer.data[0]).size == (1024, 1024)


async def test_the_sdk_streams_partial_images(sdk: Callable[..., Any]) -> None:
    """A streamed call brings its partial images, then the whole one with usage that counts them."""
    client, _ = await sdk()
    stream = await client.images.generate(model=MODEL, prompt="A lamp", quality="low", stream=True, partial_images=2)
    events = [event async for event in stream]
    assert [event.type.rpartition(".")[2] for event in events] == ["partial_image", "partial_image", "completed"]
    assert events[-1].usage.output_tokens == 196 + 200


async def test_the_sdk_lists_models_with_their_end(sdk: Callable[..., Any]) -> None:
    """Models that are going away say when."""
    client, _ = await sdk()
    models = {model.id: model async for model in client.models.list()}
    assert models["gpt-image-1.5"].shutdown_date == "2026-12-01"
    assert (await client.models.retrieve("gpt-image-2")).id == "gpt-image-2"
