"""Answers hold real images, resolved values and usage."""

import base64
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from PIL import Image


@pytest.mark.parametrize(("output_format", "form"), [("png", "PNG"), ("jpeg", "JPEG"), ("webp", "WEBP")])
@pytest.mark.parametrize("size", ["1024x1024", "1024x1536", "1440x480"])
async def test_images_are_of_the_asked_format_and_size(
    start: Callable[..., Any], output_format: str, form: str, size: str
) -> None:
    """The bytes say what the request said."""
    client = await start()
    answer = await client.generate(output_format=output_format, size=size)
    image = answer.image()
    assert (image.format, f"{image.width}x{image.height}") == (form, size)
    assert (answer.json["output_format"], answer.json["size"]) == (output_format, size)


async def test_auto_is_resolved_in_the_echo(start: Callable[..., Any]) -> None:
    """The model picks medium and a square, and says so."""
    client = await start(fixed_bytes=b"x")
    answer = (await client.generate(size="auto", quality="auto")).json
    assert (answer["size"], answer["quality"], answer["background"]) == ("1024x1024", "medium", "opaque")


@pytest.mark.parametrize("fields", [{"background": "transparent"}, {"prompt": "A hat on a transparent background"}])
@pytest.mark.parametrize("output_format", ["png", "webp"])
async def test_transparency_is_real(start: Callable[..., Any], fields: dict[str, str], output_format: str) -> None:
    """Asked by parameter or in the prompt, the corners can be seen through and the thing cannot."""
    client = await start()
    image = (await client.generate(output_format=output_format, **fields)).image().convert("RGBA")
    assert image.getchannel("A").getextrema() == (0, 255)


async def test_the_same_seed_draws_the_same_image(start: Callable[..., Any]) -> None:
    """Two servers answer alike; the second call of a prompt draws another image."""
    one, two = await start(), await start()
    first = [(await client.generate("A lamp")).json["data"] for client in (one, two)]
    assert first[0] == first[1] != (await one.generate("A lamp")).json["data"]


async def test_a_mask_is_white_on_black(start: Callable[..., Any], png: Callable[..., bytes]) -> None:
    """A prompt that asks for a black-and-white mask gets one."""
    client = await start()
    prompt = "generate a mask delimiting the character, using white where it is and black for the background"
    image = (await client.edit(("image", png(), "a.png", "image/png"), prompt=prompt)).image().convert("L")
    assert (image.getpixel((512, 512)), image.getpixel((5, 5))) == (255, 0)


async def test_an_edit_shows_what_it_was_made_of(start: Callable[..., Any], png: Callable[..., bytes]) -> None:
    """The reference image's colour can be seen in the drawing."""
    client = await start()
    answer = await client.edit(("image", png(), "a.png", "image/png"))
    colours = {colour for _, colour in answer.image().convert("RGB").getcolors(1 << 24) or ()}
    assert (10, 90, 200) in colours


async def test_a_json_edit_reads_data_addresses_and_its_own(
    start: Callable[..., Any], png: Callable[..., bytes]
) -> None:
    """Embedded images and images that lie on the server count by their real size."""
    client = await start(dialect="apiyi")
    url = (await client.generate(size="1024x1536")).json["data"][0]["url"]
    embedded = f"data:image/png;base64,{base64.b64encode(png(512, 512)).decode()}"
    answer = await client.post(
        "/images/edits", model="gpt-image-2", prompt="A", images=[{"image_url": url}, {"image_url": embedded}]
    )
    assert answer.json["usage"]["input_tokens_details"]["image_tokens"] == 1536 + 1024


async def test_usage_adds_up(start: Callable[..., Any]) -> None:
    """The total is the sum of its parts, with details of both sides."""
    client = await start(fixed_bytes=b"x")
    usage = (await client.generate(n=2)).json["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert usage["input_tokens"] == sum(usage["input_tokens_details"].values())
    assert usage["output_tokens"] == usage["output_tokens_details"]["image_tokens"]


async def test_preset_bytes_come_back_in_every_entry(start: Callable[..., Any]) -> None:
    """The fast path sends the bytes it was given, whole, whatever their size."""
    preset = bytes(range(256)) * 4000
    client = await start(fixed_bytes=preset)
    answer = await client.generate(n=3)
    assert [base64.b64decode(entry["b64_json"]) for entry in answer.json["data"]] == [preset] * 3


async def test_every_answer_has_a_request_id(start: Callable[..., Any]) -> None:
    """Good ones and refusals."""
    client = await start(fixed_bytes=b"x")
    answers = [await client.generate(), await client.generate(n=0)]
    assert len({answer.headers["x-request-id"] for answer in answers}) == 2


@pytest.mark.parametrize("prompt", ["日本の庭園", "\x1b[31mred\x00", "x" * 5000, "🦊", "a\u202eb"])
async def test_any_prompt_can_be_drawn(start: Callable[..., Any], prompt: str) -> None:
    """Letters that no font has, control characters and walls of text."""
    client = await start()
    assert (await client.generate(prompt, output_format="jpeg")).image().format == "JPEG"


def test_drawing_an_image_is_quick() -> None:
    """One JPEG of a million pixels takes a few times what packing it takes, the best of a few."""
    import time

    from batchgen.mock.draw import draw
    from batchgen.mock.models import MODELS
    from batchgen.mock.resolved_request import Kind, ResolvedRequest

    resolved = ResolvedRequest(Kind.GENERATE, MODELS["gpt-image-2"], "A lamp", 1, 1, 1024, 1024, "low", "jpeg", "jpeg")
    noise = Image.effect_noise((1024, 1024), 60).convert("RGB")

    def best(work: Callable[[], object]) -> float:
        spans = []
        for _ in range(5):
            began = time.thread_time()
            work()
            spans.append(time.thread_time() - began)
        return min(spans)

    assert best(lambda: draw(resolved, 0)) < 10 * best(lambda: noise.save(BytesIO(), "JPEG"))
