"""Azure: deployments in the path, api-version, its own key header, and its own refusals."""

import base64
from collections.abc import AsyncIterator, Callable
from io import BytesIO
from typing import Any

import openai
import pytest
from openai import AsyncAzureOpenAI
from PIL import Image

MODEL = "gpt-image-2"
KEY = "azure-key-0123456789"
TINY = b"\x89PNG tiny"


@pytest.fixture
async def azure(start: Callable[..., Any]) -> AsyncIterator[Callable[..., Any]]:
    """Return the SDK's own client for Azure, and the server it talks to."""
    opened: list[AsyncAzureOpenAI] = []

    async def make(key: str = KEY, **settings: Any) -> tuple[AsyncAzureOpenAI, Any]:
        client = await start(dialect="azure", key=KEY, **settings)
        opened.append(
            AsyncAzureOpenAI(
                api_key=key, azure_endpoint=client.server.origin, api_version="2025-04-01-preview", max_retries=0
            )
        )
        return opened[-1], client

    yield make
    for client in opened:
        await client.close()


async def test_the_sdk_for_azure_gets_its_images(azure: Callable[..., Any], png: Callable[..., bytes]) -> None:
    """Generations and edits by the name of a deployment."""
    client, http = await azure()
    answer = await client.images.generate(model=MODEL, prompt="A lamp", size="1536x1024", quality="low", n=2)
    assert Image.open(BytesIO(base64.b64decode(answer.data[1].b64_json))).size == (1536, 1024)
    await client.images.edit(model=MODEL, prompt="A lamp", image=("a.png", png(), "image/png"))
    paths = [entry["path"].partition("?")[0] for entry in http.server.bill()["requests"]]
    assert paths == [f"/openai/deployments/{MODEL}/images/{kind}" for kind in ("generations", "edits")]
    assert http.server.bill()["charged_calls"] == 2


async def test_the_next_api_needs_no_version(start: Callable[..., Any]) -> None:
    """`/openai/v1` takes the model in the body, and the key in either header."""
    client = await start(dialect="azure", key=KEY, fixed_bytes=TINY)
    assert client.server.base_url.endswith("/openai/v1")
    for headers in ({"api-key": KEY}, {"Authorization": f"Bearer {KEY}"}):
        answer = await client.post("/images/generations", headers, model=MODEL, prompt="A lamp")
        assert answer.status == 200
        assert not answer.json["data"][0]["content_filter_results"]["sexual"]["filtered"]
    assert KEY not in str(client.server.requests()) + str(client.server.bill())
    assert (await client.get(f"{client.server.base_url}/models", **{"api-key": KEY})).status == 200


async def test_a_deployment_needs_a_version(start: Callable[..., Any]) -> None:
    """Without api-version the path does not exist."""
    client = await start(dialect="azure", fixed_bytes=TINY)
    path = f"{client.server.origin}/openai/deployments/{MODEL}/images/generations"
    for query, status in (("", 404), ("?api-version=2025-04-01-preview", 200)):
        async with client.session.post(path + query, json={"prompt": "A"}, headers={"api-key": KEY}) as answer:
            assert answer.status == status


async def test_a_moderated_prompt_is_a_content_filter(azure: Callable[..., Any]) -> None:
    """400 contentFilter with what was found."""
    client, http = await azure(fixed_bytes=TINY)
    with pytest.raises(openai.BadRequestError) as refused:
        await client.images.generate(model=MODEL, prompt="A lamp [moderated]")
    assert refused.value.code == "contentFilter"
    body: Any = refused.value.body
    assert body["inner_error"]["content_filter_results"]["sexual"]["filtered"]
    assert http.server.bill()["total_micro_usd"] == 0


async def test_refusals_are_azures(azure: Callable[..., Any]) -> None:
    """A wrong key, a deployment that is none, and a limit."""
    client, _ = await azure(key="wrong")
    with pytest.raises(openai.AuthenticationError) as wrong:
        await client.images.generate(model=MODEL, prompt="A lamp")
    assert wrong.value.code == "401"
    client, _ = await azure(fixed_bytes=TINY, requests_per_minute=1)
    with pytest.raises(openai.NotFoundError) as none:
        await client.images.generate(model="nobody", prompt="A lamp")
    assert none.value.code == "DeploymentNotFound"
    await client.images.generate(model=MODEL, prompt="A lamp")
    with pytest.raises(openai.RateLimitError) as limit:
        await client.images.generate(model=MODEL, prompt="A lamp")
    assert limit.value.code == "429"
    assert "retry after" in str(limit.value)
    assert int(limit.value.response.headers["retry-after"]) > 30
