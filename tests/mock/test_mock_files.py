"""Images at addresses: opened by the exact spelling, in ranges, until they expire."""

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import pytest


async def url_of(client: Any, prompt: str = "A lamp") -> str:
    """Return the address of an image."""
    answer = await client.generate(prompt, output_format="jpeg", response_format="url")
    url: str = answer.json["data"][0]["url"]
    return url


async def test_the_exact_address_opens(start: Callable[..., Any]) -> None:
    """The signature holds escaped plus, slash and equals, which must come back as they are."""
    client = await start(dialect="apiyi")
    url = await url_of(client)
    assert all(escaped in url for escaped in ("%2B", "%2F", "%3A"))
    answer = await client.get(url)
    assert (answer.status, answer.headers["content-type"], answer.body[:2]) == (200, "image/jpeg", b"\xff\xd8")


SPOILT: dict[str, Callable[[str], str]] = {
    "decoded": unquote,
    "half decoded": lambda url: url.replace("%2B", "+"),
    "other case": lambda url: url.replace("%2F", "%2f"),
    "stripped": lambda url: url.partition("?")[0],
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
async def test_another_spelling_is_denied(start: Callable[..., Any], spoil: Callable[[str], str]) -> None:
    """A query that was decoded, re-encoded or stripped does not open."""
    client = await start(dialect="apiyi")
    assert (await client.get(spoil(await url_of(client)))).status == 403


async def test_an_address_expires(start: Callable[..., Any]) -> None:
    """After its time the same address is denied."""
    client = await start(dialect="apiyi", url_seconds=0.1)
    url = await url_of(client)
    await asyncio.sleep(0.15)
    assert (await client.get(url)).status == 403


@pytest.mark.parametrize(
    ("asked", "status", "first", "last"),
    [("bytes=10-19", 206, 10, 20), ("bytes=100-", 206, 100, None), ("bytes=-5", 206, -5, None)],
)
async def test_a_part_can_be_read(
    start: Callable[..., Any], asked: str, status: int, first: int, last: int | None
) -> None:
    """What was cut off is resumed where it ended."""
    client = await start(dialect="apiyi")
    url = await url_of(client)
    whole = (await client.get(url)).body
    part = await client.get(url, Range=asked)
    assert (part.status, part.body) == (status, whole[first:last])
    assert part.headers["content-range"].endswith(f"/{len(whole)}")


async def test_a_part_beyond_the_end_is_refused(start: Callable[..., Any]) -> None:
    """416 names the size."""
    client = await start(dialect="apiyi")
    assert (await client.get(await url_of(client), Range="bytes=99999999-")).status == 416


@pytest.mark.parametrize("status", ["401", "403", "404", "410", "500", "503"])
async def test_readings_can_fail_at_first(start: Callable[..., Any], status: str) -> None:
    """reads= counts the readings that fail; the next one brings the image."""
    client = await start(dialect="apiyi")
    url = await url_of(client, f"A lamp [[mock: fault=download_{status} reads=2]]")
    assert [(await client.get(url)).status for _ in range(3)] == [int(status), int(status), 200]


async def test_a_reading_can_be_cut_and_resumed(start: Callable[..., Any]) -> None:
    """Half of the bytes, then the rest by range, make the image."""
    import aiohttp

    client = await start(dialect="apiyi")
    url = await url_of(client, "A lamp [[mock: fault=download_short reads=1]]")
    with pytest.raises(aiohttp.ClientPayloadError):
        await client.get(url)
    whole = (await client.get(url)).body
    assert whole.endswith(b"\xff\xd9")


@pytest.mark.parametrize(
    ("fault", "start_of_url"),
    [
        ("url_private", "http://10."),
        ("url_metadata", "http://169.254."),
        ("url_file", "file:"),
        ("url_port", "http://127."),
    ],
)
async def test_an_address_can_point_where_nobody_should_go(
    start: Callable[..., Any], fault: str, start_of_url: str
) -> None:
    """The answer is paid and its address is a trap."""
    client = await start(dialect="apiyi")
    assert (await url_of(client, f"A lamp [[mock: fault={fault}]]")).startswith(start_of_url)


async def test_an_image_can_demand_the_key(start: Callable[..., Any]) -> None:
    """401 without, the image with it."""
    client = await start(dialect="apiyi")
    url = await url_of(client, "A lamp [[mock: fault=download_key]]")
    assert [(await client.get(url, Accept="*/*")).status, (await client.get(url)).status] == [401, 200]


async def test_readings_are_recorded_without_the_key(start: Callable[..., Any]) -> None:
    """Tests see whether a key was sent, and never which."""
    client = await start(dialect="apiyi")
    await client.get(await url_of(client))
    reading = client.server.requests()[-1]
    assert (reading["method"], reading["authorization"]) == ("GET", "Bearer")
    assert "sk-test" not in str(client.server.requests())
