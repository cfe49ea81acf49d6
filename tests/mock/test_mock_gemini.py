"""Gemini's generateContent: inline images in and out, its ways to end, its usage and its errors."""

import base64
import json
from collections.abc import Callable
from decimal import Decimal
from io import BytesIO
from math import ceil
from typing import Any

import pytest
from PIL import Image

from batchgen.mock.gemini_faults import GEMINI

PRO, FLASH, FIRST = "gemini-3-pro-image", "gemini-3.1-flash-image", "gemini-2.5-flash-image"
KEY = {"x-goog-api-key": "AIza-test-key-0123456789"}
TINY = b"\x89PNG tiny"


@pytest.fixture
def gemini(start: Callable[..., Any]) -> Callable[..., Any]:
    """Return a server of this dialect, and how it is asked."""

    async def make(**settings: Any) -> tuple[Any, Callable[..., Any]]:
        client = await start(dialect="gemini", **settings)

        async def ask(
            prompt: str = "A lamp", model: str = FLASH, *parts: Any, headers: Any = None, body: Any = None, **image: Any
        ) -> Any:
            settings = {"responseModalities": ["IMAGE"], "imageConfig": image}
            asked = {"contents": [{"parts": [{"text": prompt}, *parts]}], "generationConfig": settings}
            path = f"/models/{model}:generateContent"
            return await client.post(path, KEY if headers is None else headers, **(asked if body is None else body))

        return client, ask

    return make


def images(answer: Any) -> list[bytes]:
    """Check that the images of an answer that are no thoughts."""
    parts = answer.json["candidates"][0]["content"].get("parts", [])
    return [base64.b64decode(p["inlineData"]["data"]) for p in parts if "inlineData" in p and not p.get("thought")]


@pytest.mark.parametrize(
    ("model", "image", "size", "tokens", "micro_usd"),
    [
        (FIRST, {}, (1024, 1024), 1290, 1290 * 30),
        (FIRST, {"aspectRatio": "16:9"}, (1344, 768), 1290, 1290 * 30),
        (FLASH, {}, (1024, 1024), 1120, 1120 * 60),
        (FLASH, {"imageSize": "512"}, (512, 512), 747, 747 * 60),
        (FLASH, {"imageSize": "2K", "aspectRatio": "2:3"}, (1696, 2528), 1680, 1680 * 60),
        (FLASH, {"aspectRatio": "1:8"}, (384, 3072), 1120, 1120 * 60),
        (PRO, {}, (1024, 1024), 1120, 1120 * 120 + 240 * 12),
        (PRO, {"imageSize": "4K"}, (4096, 4096), 2000, 2000 * 120 + 240 * 12),
    ],
)
async def test_an_image_is_drawn_and_charged(
    gemini: Callable[..., Any], model: str, image: Any, size: Any, tokens: int, micro_usd: int
) -> None:
    """Of the asked ratio and size, with the tokens in Google's words, at the printed price."""
    client, ask = await gemini()
    answer = await ask(model=model, **image)
    (drawn,) = images(answer)
    assert Image.open(BytesIO(drawn)).size == size
    usage = answer.json["usageMetadata"]
    assert usage["candidatesTokensDetails"] == [{"modality": "IMAGE", "tokenCount": tokens}]
    assert usage["totalTokenCount"] == sum(
        usage.get(name, 0) for name in ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount")
    )
    rate = {PRO: Decimal(2), FLASH: Decimal("0.5"), FIRST: Decimal("0.3")}[model]
    assert client.server.bill()["total_micro_usd"] == ceil(micro_usd + usage["promptTokenCount"] * rate)
    assert answer.json["modelVersion"] == model


@pytest.mark.parametrize("names", [("inlineData", "mimeType"), ("inline_data", "mime_type")])
async def test_reference_images_come_inline(
    gemini: Callable[..., Any], png: Callable[..., bytes], names: tuple[str, str]
) -> None:
    """In both spellings; the ratio follows the first one where none is asked."""
    client, ask = await gemini()
    part = {names[0]: {names[1]: "image/png", "data": base64.b64encode(png(300, 200)).decode()}}
    answer = await ask("Combine", FLASH, part, part)
    assert Image.open(BytesIO(images(answer)[0])).size == (1264, 848)
    assert answer.json["usageMetadata"]["promptTokensDetails"][1] == {"modality": "IMAGE", "tokenCount": 1120}
    assert client.server.bill()["requests"][0]["kind"] == "content"


def asking(**settings: Any) -> dict[str, Any]:
    """Return a good request with these settings."""
    return {"contents": [{"parts": [{"text": "A"}]}], "generationConfig": settings}


WRONG: list[tuple[dict[str, Any], str]] = [
    ({**asking(), "n": 2}, 'Unknown name "n"'),
    ({}, "contents is not specified"),
    (asking(candidateCount=2), "Multiple candidates"),
    (asking(imageConfig={"imageSize": "8K"}), "image_size"),
    (asking(imageConfig={"aspectRatio": "5"}), "aspect_ratio"),
    ({"contents": [{"parts": [{"text": "A"}, {"inlineData": {"mimeType": "image/png"}}]}]}, "inline_data"),
    ({**asking(), "generationConfig": []}, "generationConfig"),
]


@pytest.mark.parametrize(("body", "words"), WRONG)
async def test_a_wrong_request_is_refused_in_googles_words(
    gemini: Callable[..., Any], body: dict[str, Any], words: str
) -> None:
    """400 INVALID_ARGUMENT, and nothing is charged."""
    client, ask = await gemini()
    answer = await ask(body=body)
    assert (answer.status, answer.error["code"], answer.error["status"]) == (400, 400, "INVALID_ARGUMENT")
    assert words in answer.error["message"]
    assert client.server.bill()["total_micro_usd"] == 0


async def test_keys_are_judged_as_google_judges(gemini: Callable[..., Any]) -> None:
    """No key 403, a wrong one 400; a bearer token is none; and no key is recorded."""
    client, ask = await gemini(key=KEY["x-goog-api-key"], fixed_bytes=TINY)
    answers = [
        await ask(headers=h)
        for h in ({}, {"Authorization": f"Bearer {KEY['x-goog-api-key']}"}, {"x-goog-api-key": "no"})
    ]
    assert [(a.status, a.error["status"]) for a in answers] == [
        (403, "PERMISSION_DENIED"),
        (403, "PERMISSION_DENIED"),
        (400, "INVALID_ARGUMENT"),
    ]
    assert answers[2].error["details"][0]["reason"] == "API_KEY_INVALID"
    assert (await ask()).status == 200
    assert KEY["x-goog-api-key"] not in json.dumps([client.server.bill(), client.server.requests()[-1]["headers"]])


async def test_a_limit_is_told_in_the_body_only(gemini: Callable[..., Any]) -> None:
    """RESOURCE_EXHAUSTED with RetryInfo, and no header to wait by."""
    _, ask = await gemini(fixed_bytes=TINY, images_per_minute=1, window_seconds=30)
    await ask()
    answer = await ask("Another lamp")
    assert (answer.status, answer.error["status"]) == (429, "RESOURCE_EXHAUSTED")
    assert 20 < float(answer.error["details"][0]["retryDelay"].removesuffix("s")) <= 30
    assert "retry-after" not in answer.headers


async def test_a_moderated_prompt_has_no_candidates(gemini: Callable[..., Any]) -> None:
    """200 with promptFeedback.blockReason, free."""
    client, ask = await gemini(fixed_bytes=TINY)
    answer = await ask("A lamp [moderated]")
    assert (answer.status, "candidates" in answer.json) == (200, False)
    assert answer.json["promptFeedback"]["blockReason"] == "PROHIBITED_CONTENT"
    assert client.server.bill()["total_micro_usd"] == 0


@pytest.mark.parametrize("name", sorted(GEMINI))
async def test_a_fault_shows_what_its_row_says(gemini: Callable[..., Any], name: str) -> None:
    """Usable ones hold the image, the others none; what usage tells is what is charged."""
    client, ask = await gemini(fixed_bytes=TINY)
    answer = await ask(f"A lamp [[mock: fault={name} wait=2.5]]")
    fault, total = GEMINI[name], client.server.bill()["total_micro_usd"]
    assert (total > 0) == fault.charged
    if answer.status >= 400:
        assert answer.error["code"] == answer.status
        assert (b"2.5s" in answer.body) == (name == "gemini_rate")
        return
    found = answer.body.count(base64.b64encode(TINY))
    assert found == (2 if name == "gemini_two_images" else int(fault.shows.endswith("usable")))
    if usage := answer.json.get("usageMetadata"):
        tokens = usage.get("candidatesTokenCount", 0)
        assert not fault.charged or total == tokens * 60 + -(-usage["promptTokenCount"] // 2)


async def test_faults_of_the_images_api_are_worded_by_google(gemini: Callable[..., Any]) -> None:
    """Refusals and cuts work here too; what changes other answers' shape leaves this one alone."""
    _, ask = await gemini(fixed_bytes=TINY)
    answer = await ask("A lamp [[mock: fault=429_rate wait=1.5]]")
    assert (answer.error["status"], answer.error["details"][0]["retryDelay"]) == ("RESOURCE_EXHAUSTED", "1.5s")
    assert (await ask("A lamp [[mock: fault=status_502_html]]")).body.startswith(b"<html>")
    assert images(await ask("A lamp [[mock: fault=data_empty]]")) == [TINY]
    with pytest.raises(Exception, match=r"payload|disconnected|Connection"):
        await ask("A lamp [[mock: fault=eof_mid_body]]")


async def test_models_are_listed_in_googles_words(gemini: Callable[..., Any]) -> None:
    """With what they can do; another model is NOT_FOUND; a model that was shut down can be refused."""
    client, ask = await gemini(serve_retired=True)
    listed = (await client.get(f"{client.server.base_url}/models", **KEY)).json["models"]
    assert {model["name"] for model in listed} == {f"models/{name}" for name in (PRO, FLASH, FIRST)}
    one = (await client.get(f"{client.server.base_url}/models/{PRO}", **KEY)).json
    assert "generateContent" in one["supportedGenerationMethods"]
    answer = await ask(model="gemini-9")
    assert (answer.status, answer.error["status"]) == (404, "NOT_FOUND")
    assert client.server.base_url.endswith("/v1beta")


async def test_words_alone_can_be_asked(gemini: Callable[..., Any]) -> None:
    """A request for text gets text."""
    client, ask = await gemini()
    body = {"contents": {"parts": {"text": "A lamp"}}, "generationConfig": {"responseModalities": ["TEXT"]}}
    answer = await ask(body=body)
    assert images(answer) == []
    assert client.server.bill()["pictures"] == 0
