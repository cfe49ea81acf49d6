"""The server's life: bill and records over HTTP, embedded in a thread, in the foreground, errors by chance."""

import asyncio
import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from batchgen.errors import InputError
from batchgen.mock import MockConfig
from batchgen.mock.embedded import start_embedded
from tests.patience import PATIENCE, until

SERVE = "from batchgen.mock.embedded import serve; from batchgen.mock import MockConfig; serve(MockConfig())"


async def test_the_bill_is_the_same_over_http(start: Callable[..., Any]) -> None:
    """Totals, limits and every request in order."""
    client = await start(fixed_bytes=b"x")
    await client.generate("first", n=2)
    await client.generate("second", n=0)
    told = (await client.get(f"{client.server.origin}/bill")).json
    assert told == json.loads(json.dumps(client.server.bill()))
    assert [(e["prompt"], e["n"], e["pictures"], e["status"]) for e in told["requests"]] == [
        ("first", 2, 2, 200),
        ("", 0, 0, 400),
    ]
    assert told["total_micro_usd"] == sum(e["charged_micro_usd"] for e in told["requests"]) > 0
    assert (told["calls"], told["charged_calls"], told["pictures"]) == (2, 1, 2)


async def test_the_bill_keeps_the_headers_of_attempts(start: Callable[..., Any]) -> None:
    """Ids that a client sends with its attempts can be found again."""
    client = await start(fixed_bytes=b"x")
    headers = {"Authorization": "Bearer k", "X-Client-Request-Id": "attempt-7", "Idempotency-Key": "i-7"}
    await client.post("/images/generations", headers, model="gpt-image-2", prompt="A lamp")
    kept = client.server.bill()["requests"][0]["headers"]
    assert (kept["X-Client-Request-Id"], kept["Idempotency-Key"]) == ("attempt-7", "i-7")
    assert "Authorization" not in kept


async def test_requests_show_every_part(start: Callable[..., Any], png: Callable[..., bytes]) -> None:
    """Name, file name, type, length and hash of each part, in order."""
    client = await start(fixed_bytes=b"x")
    await client.edit(("image", png(), "cat.png", "image/png"), size="1024x1024")
    parts = (await client.get(f"{client.server.origin}/requests")).json["requests"][0]["parts"]
    assert [part["name"] for part in parts] == ["model", "prompt", "size", "image"]
    assert (parts[3]["filename"], parts[3]["content_type"], parts[3]["bytes"]) == ("cat.png", "image/png", len(png()))


async def test_a_reset_forgets_everything(start: Callable[..., Any]) -> None:
    """Bill, limits, counts and records start anew."""
    client = await start(fixed_bytes=b"x", requests_per_minute=1)
    await client.generate()
    assert (await client.generate()).status == 429
    async with client.session.post(f"{client.server.origin}/reset") as response:
        assert response.status == 200
    assert (client.server.bill()["calls"], client.server.requests()) == (0, [])
    assert (await client.generate()).status == 200


async def test_the_version_prefix_may_be_missing(start: Callable[..., Any]) -> None:
    """A base URL without /v1 works too."""
    client = await start(fixed_bytes=b"x")
    url = f"{client.server.origin}/images/generations"
    body = {"model": "gpt-image-2", "prompt": "A lamp"}
    async with client.session.post(url, json=body, headers={"Authorization": "Bearer k"}) as response:
        assert response.status == 200


async def test_a_console_stands_where_the_prefix_is_missing(start: Callable[..., Any]) -> None:
    """A web page with 200 for any method, while the true paths work; nothing is charged for a page."""
    client = await start(fixed_bytes=b"x", console=True)
    url = f"{client.server.origin}/images/generations"
    async with client.session.post(url, json={"prompt": "A"}, headers={"Authorization": "Bearer k"}) as response:
        assert (response.status, response.content_type) == (200, "text/html")
    assert (await client.get(f"{client.server.origin}/models")).headers["content-type"].startswith("text/html")
    assert client.server.bill()["calls"] == 0
    assert (await client.generate()).status == 200
    assert (await client.get(f"{client.server.base_url}/nowhere")).status == 404


async def test_errors_by_chance_are_never_charged(start: Callable[..., Any]) -> None:
    """429, 500 and 503 in about the asked share; the bill counts only what was delivered."""
    client = await start(errors=0.3, seed=3, fixed_bytes=b"x")
    statuses = [(await client.generate(f"lamp {i}", quality="low")).status for i in range(150)]
    assert set(statuses) == {200, 429, 500, 503}
    assert 20 < 150 - statuses.count(200) < 70
    entries = client.server.bill()["requests"]
    assert [e["charged_micro_usd"] > 0 for e in entries] == [status == 200 for status in statuses]


async def test_chance_follows_the_prompt_and_not_the_order(start: Callable[..., Any]) -> None:
    """Side by side or one after the other, every prompt meets the same fate."""
    one, two = [await start(errors=0.4, seed=5, fixed_bytes=b"x") for _ in range(2)]
    prompts = [f"lamp {i}" for i in range(40)]
    serial = [(await one.generate(p)).status for p in prompts]
    parallel = [a.status for a in await asyncio.gather(*(two.generate(p) for p in prompts))]
    assert serial == parallel


async def test_latency_holds_answers_back(start: Callable[..., Any]) -> None:
    """By setting, or by the prompt."""
    client = await start(latency=(0.1, 0.2), fixed_bytes=b"x")
    began = asyncio.get_running_loop().time()
    await client.generate()
    assert asyncio.get_running_loop().time() - began >= 0.1
    began = asyncio.get_running_loop().time()
    await client.generate("A lamp [[mock: latency=0.4]]")
    assert asyncio.get_running_loop().time() - began >= 0.4


async def test_a_price_factor_reaches_usage_and_bill(start: Callable[..., Any]) -> None:
    """Three times the tokens, three times the money."""
    plain, dear = await start(fixed_bytes=b"x"), await start(fixed_bytes=b"x", price_factor=Decimal(3))
    usages = [(await client.generate()).json["usage"]["total_tokens"] for client in (plain, dear)]
    assert usages[1] == 3 * usages[0]
    assert dear.server.bill()["total_micro_usd"] == 3 * plain.server.bill()["total_micro_usd"]


async def test_a_stop_does_not_wait_for_stalled_calls(start: Callable[..., Any]) -> None:
    """The server lets go at once."""
    client = await start(stall_seconds=2 * PATIENCE)
    call = asyncio.ensure_future(client.raw("A lamp [[mock: fault=stall_before_headers]]"))
    await until(lambda: client.server.bill()["requests"])
    await client.server.stop()
    _, end = await call
    assert end != "timeout"


async def test_an_embedded_server_has_its_own_thread_and_loop() -> None:
    """It listens when it is returned, can be asked for its bill, and stops once and for all."""
    handle = start_embedded(MockConfig(fixed_bytes=b"x"))
    try:
        body = json.dumps({"model": "gpt-image-2", "prompt": "A lamp"}).encode()
        request = urllib.request.Request(f"{handle.base_url}/images/generations", body, {"Authorization": "Bearer k"})
        with await asyncio.to_thread(urllib.request.urlopen, request) as answer:
            assert answer.status == 200
        assert handle.bill()["calls"] == 1
    finally:
        handle.stop()
    handle.stop()
    assert handle.bill()["total_micro_usd"] > 0


def test_a_taken_port_is_an_input_error() -> None:
    """The second server says so in the caller's thread."""
    handle = start_embedded(MockConfig())
    port = int(handle.base_url.rpartition(":")[2].partition("/")[0])
    try:
        with pytest.raises(InputError, match=str(port)):
            start_embedded(MockConfig(port=port))
    finally:
        handle.stop()


@pytest.mark.sample(1)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_foreground_server_stops_cleanly(number: signal.Signals) -> None:
    """It says its base URL at once on stdout, and a signal ends it without a word."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:")
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (0, "", "")
