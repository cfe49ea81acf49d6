"""Every provider has its own defaults, refusals, answers and prices."""

import base64
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from batchgen.errors import InputError
from batchgen.mock import MockConfig
from batchgen.mock.dialects import DIALECTS
from batchgen.mock.server import MockServer


@pytest.mark.parametrize(
    ("dialect", "answers"),
    [("openai", "b64_json"), ("apiyi", "url"), ("laozhang", "url"), ("aihubmix", "b64_json"), ("yescale", "b64_json")],
)
async def test_a_provider_answers_in_its_own_way(start: Callable[..., Any], dialect: str, answers: str) -> None:
    """Addresses or base64, and gpt-image-1 behind each of them."""
    client = await start(dialect=dialect)
    answer = await client.generate(model="gpt-image-1")
    assert list(answer.json["data"][0]) == [answers]


@pytest.mark.parametrize("dialect", ["apiyi", "laozhang", "yescale"])
@pytest.mark.parametrize("wanted", ["url", "b64_json"])
async def test_a_gateway_answers_as_asked(start: Callable[..., Any], dialect: str, wanted: str) -> None:
    """response_format decides where it is taken."""
    client = await start(dialect=dialect)
    assert list((await client.generate(response_format=wanted)).json["data"][0]) == [wanted]


@pytest.mark.parametrize("dialect", ["openai", "aihubmix"])
async def test_response_format_is_unknown_elsewhere(start: Callable[..., Any], dialect: str) -> None:
    """It is an error, not ignored."""
    client = await start(dialect=dialect)
    assert (await client.generate(response_format="url")).error["code"] == "unknown_parameter"


@pytest.mark.parametrize(
    ("dialect", "fields", "param"),
    [
        ("aihubmix", {"size": "auto"}, "size"),
        ("yescale", {"size": "auto"}, "size"),
        ("yescale", {"size": "2048x1152"}, "size"),
        ("yescale", {"quality": "auto"}, "quality"),
        ("apiyi", {"prompt": "x" * 1001}, "prompt"),
        ("laozhang", {"model": "gpt-image-2", "size": "1024x1024"}, "size"),
        ("laozhang", {"model": "gpt-image-2.6-flare-vip", "quality": "max"}, "quality"),
        ("apiyi", {"style": "vivid"}, "style"),
        ("apiyi", {"model": "gpt-image-2.6-all", "n": 5}, "n"),
        ("yescale", {"negative_prompt": "people"}, "negative_prompt"),
    ],
)
async def test_a_provider_refuses_what_it_does_not_take(
    start: Callable[..., Any], dialect: str, fields: dict[str, Any], param: str
) -> None:
    """The parameter is named."""
    client = await start(dialect=dialect)
    answer = await client.generate(**fields)
    assert (answer.status, answer.error["param"]) == (400, param)


@pytest.mark.parametrize(
    ("dialect", "status"), [("openai", 400), ("aihubmix", 400), ("apiyi", 200), ("laozhang", 200), ("yescale", 200)]
)
async def test_moderation_on_edits_is_refused_where_it_is_unknown(
    start: Callable[..., Any], png: Callable[..., bytes], dialect: str, status: int
) -> None:
    """Some providers pass it on."""
    client = await start(dialect=dialect, fixed_bytes=b"x")
    assert (await client.edit(("image", png(), "a.png", "image/png"), moderation="low")).status == status


async def test_yescale_draws_high_when_nothing_is_said(start: Callable[..., Any]) -> None:
    """Its default is the dear one."""
    client = await start(dialect="yescale", fixed_bytes=b"x")
    assert (await client.generate(model="gpt-image-1")).json["usage"]["output_tokens"] == 4160


async def test_laozhang_takes_its_own_words(start: Callable[..., Any], png: Callable[..., bytes]) -> None:
    """hd, style, negative_prompt and a reference image; one image a call whatever n says."""
    client = await start(dialect="laozhang")
    answer = await client.generate(
        model="gpt-image-1",
        quality="hd",
        style="photographic",
        negative_prompt="people",
        reference_image=base64.b64encode(png()).decode(),
        n=2,
    )
    assert (answer.status, len(answer.json["data"]), answer.json["quality"]) == (200, 1, "high")
    assert answer.json["usage"]["input_tokens_details"]["image_tokens"] == 194


@pytest.mark.parametrize(
    ("dialect", "code", "kind"),
    [
        ("openai", "moderation_blocked", "image_generation_user_error"),
        ("apiyi", "moderation_blocked", "shell_api_error"),
        ("laozhang", "content_policy_violation", "invalid_request_error"),
        ("aihubmix", "moderation_blocked", "user_error"),
        ("yescale", "moderation_blocked", "image_generation_user_error"),
    ],
)
async def test_a_provider_has_its_own_words_for_moderation(
    start: Callable[..., Any], dialect: str, code: str, kind: str
) -> None:
    """As the gateways' own pages show them."""
    client = await start(dialect=dialect)
    answer = await client.generate("A [moderated] lamp")
    assert (answer.status, answer.error["code"], answer.error["type"]) == (400, code, kind)


@pytest.mark.parametrize("fault", ["moderation_input", "status_503_json"])
async def test_aihubmix_charges_what_was_sent(start: Callable[..., Any], fault: str) -> None:
    """A failed drawing is billed there and not elsewhere; a refused request never is."""
    charges, spares = await start(dialect="aihubmix"), await start(dialect="openai")
    for client in (charges, spares):
        await client.generate(f"A lamp [[mock: fault={fault}]]")
        await client.generate(n=0)
        await client.generate("A lamp [[mock: fault=429_rate]]")
    assert [e["charged_micro_usd"] > 0 for e in charges.server.bill()["requests"]] == [True, False, False]
    assert spares.server.bill()["total_micro_usd"] == 0


@pytest.mark.parametrize(("dialect", "served"), [("openai", False), ("apiyi", True), ("yescale", True)])
async def test_variations_are_served_by_gateways(
    start: Callable[..., Any], png: Callable[..., bytes], dialect: str, *, served: bool
) -> None:
    """Where the endpoint lives on it takes an image and no prompt; a setting overrules the provider."""
    import aiohttp

    for settings, wanted in (({}, served), ({"variations": True}, True), ({"variations": False}, False)):
        client = await start(dialect=dialect, **settings)
        form = aiohttp.FormData({"model": "gpt-image-1", "n": "2", "response_format": "b64_json"})
        form.add_field("image", png(), filename="a.png", content_type="image/png")
        url = f"{client.server.base_url}/images/variations"
        async with client.session.post(url, data=form, headers={"Authorization": "Bearer k"}) as response:
            assert (response.status == 200) == wanted
            if wanted:
                assert len((await response.json())["data"]) == 2


@pytest.mark.parametrize(("marker", "size"), [("【3:2】", (1536, 1024)), ("[2:3]", (1024, 1536)), ("", (1024, 1024))])
async def test_chat_draws_in_the_ratio_of_the_marker(
    start: Callable[..., Any], marker: str, size: tuple[int, int]
) -> None:
    """One call, one price, a markdown link to the image."""
    client = await start(dialect="apiyi")
    messages = [{"role": "user", "content": f"A lamp {marker}"}]
    answer = await client.post("/chat/completions", model="sora_image", messages=messages)
    text = answer.json["choices"][0]["message"]["content"]
    url = text.partition("](")[2].partition(")")[0]
    image = Image.open(BytesIO((await client.get(url)).body))
    assert image.size == size
    assert client.server.bill()["total_micro_usd"] == 10_000


async def test_chat_can_answer_without_an_address(start: Callable[..., Any]) -> None:
    """A data: address, or words only."""
    client = await start(dialect="laozhang")
    texts = []
    for fault in ("chat_data_url", "chat_no_link"):
        messages = [{"role": "user", "content": [{"type": "text", "text": f"A lamp [[mock: fault={fault}]]"}]}]
        answer = await client.post("/chat/completions", model="sora_image", messages=messages)
        texts.append(answer.json["choices"][0]["message"]["content"])
    answer = await client.post(
        "/chat/completions",
        model="sora_image",
        messages=[{"role": "user", "content": "A lamp [[mock: fault=chat_images]]"}],
    )
    message = answer.json["choices"][0]["message"]
    assert (message["content"], message["images"][0]["image_url"]["url"][:22]) == ("", "data:image/png;base64,")
    assert "](data:image/png;base64," in texts[0]
    assert "](" not in texts[1]


@pytest.mark.parametrize(
    ("dialect", "model"), [("openai", "sora_image"), ("apiyi", "gpt-image-2"), ("yescale", "sora_image")]
)
async def test_chat_draws_only_where_it_is_sold(start: Callable[..., Any], dialect: str, model: str) -> None:
    """Elsewhere the model is not found."""
    client = await start(dialect=dialect)
    messages = [{"role": "user", "content": "A lamp"}]
    answer = await client.post("/chat/completions", model=model, messages=messages)
    assert (answer.status, answer.error["code"]) == (404, "model_not_found")


async def test_models_are_listed_by_provider(start: Callable[..., Any]) -> None:
    """Gateways resell routes that the vendor does not know."""
    listed = {}
    for dialect in DIALECTS.keys() - {"gemini", "azure"}:
        client = await start(dialect=dialect)
        answer = await client.get(f"{client.server.base_url}/models")
        listed[dialect] = {model["id"] for model in answer.json["data"]}
    assert "gpt-image-2.6-all" in listed["apiyi"]
    assert "gpt-image-2-vip" in listed["laozhang"]
    assert listed["openai"] == listed["aihubmix"] == listed["yescale"]


def test_an_unknown_dialect_is_an_input_error() -> None:
    """The known ones are listed."""
    with pytest.raises(InputError, match="apiyi"):
        MockServer(MockConfig(dialect="klingon"))
