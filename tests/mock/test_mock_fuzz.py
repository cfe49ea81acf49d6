"""No request makes the server fail: the answer is JSON with a status of its own, never 500, and nothing is logged."""

import asyncio
import base64
import json
import logging
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from batchgen.runtime.clock import SystemClock
from tests.patience import PATIENCE

pytestmark = pytest.mark.sample(8)

IMAGES = ("/images/generations", "/images/generations", "/images/edits", "/images/variations", "/chat/completions")
FILES = ("/files", "/batches", "/files/x", "/files/x/content", "/batches/x/cancel", "/tasks/x")
PAGES = ("/files?limit=-1", "/batches?limit=99999999999&after=x", "/files?purpose=%00&order=up")
PATHS = {
    "openai": [f"/v1{path}" for path in (*IMAGES, *FILES, *PAGES)],
    "laozhang": [*IMAGES, "/v1/models", "/models/x", "/files/x"],
    "gemini": [f"/v1beta/models/{name}:generateContent" for name in ("gemini-3-pro-image", "gemini-3-pro-image", "x")],
    "azure": [f"/openai/deployments/gpt-image-2{path}?api-version=1" for path in IMAGES] + ["/openai/v1/images/edits"],
}
ODD_PATHS = (
    "/nowhere",
    "/%00",
    "/%ff%fe",
    "//",
    "/v1/../bill",
    "/v1/models/%2e%2e",
    "?x=1",
    "/v1beta/models",
    "/v1/models",
)
METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "get", "A" * 300]
VALUES: tuple[Any, ...] = (
    None, True, -1, 10**400, 1e308, "", "x" * 100_000, "\ud800", "\x00", [], {}, [[]], [{}], {"a": {}},
    "auto", "1024x1024", "999999999x1", "gpt-image-2", "gpt-image-1", [{"image_url": 3}], [{"file_id": None}],
    [{"image_url": "data:,x"}], {"image_url": "data:image/png;base64,AAAA"}, [{"role": "user", "content": "A lamp"}],
    "[[mock: fault=]]", "[[mock: fault=status_500 times=x delay=-1]]", "[[mock: =]] [[mock:]]",
)  # fmt: skip
TEXTS = tuple(value for value in VALUES if isinstance(value, str) and value)
NAMES = (
    *("prompt", "model", "n", "size", "quality", "background", "output_format", "output_compression", "stream"),
    *("partial_images", "user", "moderation", "complexity", "input_fidelity", "images", "image", "mask", "style"),
    *("response_format", "reference_image", "messages", "x", "endpoint", "input_file_id", "metadata"),
    *("contents", "generationConfig", "parts"),
)
CONTENT = ("contents", "generationConfig", "safetySettings", "tools")
HEADERS = (
    "Authorization: Bearer k", "Authorization: bearer", "Authorization: Basic eDp5", "Authorization: \xff\xfe",
    "Content-Type: application/json", "Content-Type: application/json; charset=utf-7", "Content-Type: text/plain",
    "Content-Type: multipart/form-data", "Content-Type: multipart/form-data; boundary=b", "Content-Type: \xe9",
    "Content-Encoding: gzip", "Content-Encoding: br", "Content-Encoding: nonsense", "Expect: 100-continue",
    "Expect: the unexpected", "Range: bytes=9-1", "Transfer-Encoding: nonsense", "Accept: text/html", "X-Empty:",
    "Cookie: " + "a=b; " * 200, "Host: [::1", "Connection: upgrade", "Upgrade: websocket", "Content-Length: -1",
)  # fmt: skip
DEEP = b'{"prompt": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"
PARTS = (
    b'--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nA lamp\r\n',
    b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\nContent-Type: image/png\r\n\r\nno\r\n',
    b"--b\r\nContent-Disposition: form-data\r\n\r\nnameless\r\n",
    b"--b\r\n\r\nbare\r\n",
    b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\ninner\r\n--c--\r\n",
    b'--b\r\nContent-Disposition: form-data; name="n"\r\nContent-Transfer-Encoding: base64\r\n\r\n!!\r\n',
    b'--b\r\nContent-Disposition: form-data; name="n"\r\nContent-Encoding: gzip\r\n\r\n\xff\r\n',
    b"--b\r\nbroken header\r\n\r\nx\r\n",
    b'--b\r\nContent-Disposition: form-data; name="model"\r\nContent-Type: text/plain; charset=x\r\n\r\n\xff\r\n',
    b"garbage between parts\r\n",
    b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n',
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="../x\x00"\r\n\r\n{"body": []}\r\n',
)


def body(chance: Random) -> bytes:
    """Something that is sent as a body."""
    fields = {name: chance.choice(VALUES) for name in chance.sample(NAMES, chance.randint(0, 6))}
    good = {"model": "gpt-image-2", "prompt": "A lamp", "output_format": "jpeg", "quality": "low"}
    part = {chance.choice(["text", "inlineData", "inline_data"]): chance.choice(VALUES)}
    content = {"contents": [{"parts": [{"text": "A lamp"}, part]}], "generationConfig": {"imageConfig": fields}}
    return chance.choice(
        [
            b"", b"{", b"null", b"\xff\xfe\x00", DEEP, b"9" * 10_000, chance.randbytes(200),
            json.dumps(fields).encode(),
            json.dumps({**good, **fields}).encode(),
            *[json.dumps({**good, chance.choice(NAMES): chance.choice(VALUES)}).encode() for _ in range(5)],
            *[json.dumps({**content, chance.choice(CONTENT): chance.choice(VALUES)}).encode() for _ in range(2)],
            json.dumps(content).encode(),
            *[json.dumps({**good, "prompt": chance.choice(TEXTS), "n": chance.choice([1, 2])}).encode()] * 3,
            json.dumps({**good, **fields}).encode("utf-16"),
            b"".join(chance.choices(PARTS, k=4)) + chance.choice([b"--b--\r\n", b""]),
        ]
    )  # fmt: skip


def request(chance: Random, dialect: str) -> bytes:
    """Bytes that are nearly a request."""
    sent = body(chance)
    target = chance.choice(PATHS[dialect]) if chance.random() < 0.9 else chance.choice([*ODD_PATHS, "/" + "a" * 20_000])
    version = chance.choice(["HTTP/1.1"] * 20 + ["HTTP/1.0", "HTTP/9.9", "", "ICY"])
    start = f"{chance.choice(METHODS + ['POST'] * 30)} {target} {version}"
    headers = [
        "Authorization: Bearer k",
        "x-goog-api-key: k",
        *chance.sample(HEADERS, chance.choice([0, 0, 0, 1, 2, 4])),
    ]
    length = len(sent) if chance.random() < 0.9 else chance.choice([0, len(sent) // 2, 10**30])
    waits = ["X-Note: half-sent"] if length > len(sent) else []
    lines = [start, "Host: x", *waits, *headers, f"Content-Length: {length}", "Connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1") + sent


async def told(origin: str, sent: bytes) -> bytes:
    """All that a server answers to these bytes."""
    host, port = origin.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1 << 24)
    got = b""
    try:
        writer.write(sent)
        async with asyncio.timeout(0.3 if b"half-sent" in sent else PATIENCE):
            got = await reader.read()
    except (ConnectionError, TimeoutError):
        assert b"half-sent" in sent or b"xpect: 100" in sent or got, sent[:400]
    finally:
        writer.close()
    return got


@pytest.mark.sample(4)
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("dialect", ["openai", "laozhang", "gemini", "azure"])
async def test_no_request_makes_the_server_fail(
    start: Callable[..., Any], caplog: pytest.LogCaptureFixture, dialect: str, seed: int
) -> None:
    """Whatever is sent: 2xx or 4xx, refusals as JSON with words, no 500, no log, and the server goes on."""
    client = await start(dialect=dialect, fixed_bytes=b"x")
    chance = Random(f"{dialect} {seed}")
    with caplog.at_level(logging.DEBUG):
        for _ in range(60):
            sent = request(chance, dialect)
            for answer in _answers(await told(client.server.origin, sent)):
                status, kind, text = answer
                assert 200 <= status < 500 or status in {501, 505} or b"fault=status_500" in sent, (sent[:400], text)
                if status >= 400 and text:
                    assert kind.startswith(("application/json", "application/xml")), (sent[:400], answer)
                    assert kind.startswith("application/xml") or json.loads(text)["error"]["message"]
    assert dialect == "gemini" or (await client.generate("A lamp")).status == 200
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING and record.name != "asyncio"]
    assert (await client.get(f"{client.server.origin}/bill")).json["calls"] > 0
    assert (await client.get(f"{client.server.origin}/requests")).json["requests"]


def _answers(got: bytes) -> list[tuple[int, str, bytes]]:
    """Check that the first answer that is final, if any."""
    head, _, rest = got.partition(b"\r\n\r\n")
    if head.startswith(b"HTTP/1.1 100"):
        return _answers(rest)
    if not head.startswith(b"HTTP/1."):
        return []
    lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    if headers.get("transfer-encoding") == "chunked":
        return []
    return [(int(lines[0].split()[1]), headers.get("content-type", ""), rest[: int(headers.get("content-length", 0))])]


@pytest.mark.parametrize("path", ["/v1/images/generations", "/v1/images/edits", "/v1/files", "/v1/batches"])
@pytest.mark.parametrize("packing", ["gzip", "deflate", "br"])
async def test_a_body_that_does_not_unpack_is_refused(start: Callable[..., Any], path: str, packing: str) -> None:
    """As a bad request, on every path that takes a body."""
    client = await start(fixed_bytes=b"x")
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\nContent-Encoding: {packing}\r\n"
    sent = f"{head}Content-Type: application/json\r\nContent-Length: 9\r\nConnection: close\r\n\r\nno packer".encode()
    ((status, kind, text),) = _answers(await told(client.server.origin, sent))
    assert (status, kind.partition(";")[0]) == (400, "application/json"), text


async def test_answers_are_dated_by_the_clock_that_was_passed_in(start: Callable[..., Any]) -> None:
    """`created` is what the mock's clock says, in plain answers and in events."""

    class Later(SystemClock):
        def now(self) -> Any:
            return super().now().replace(year=2099)

    client = await start(clock=Later(), fixed_bytes=b"x")
    created = [(await client.generate()).json["created"], (await client.generate("B", fixed="")).status]
    assert created == [pytest.approx(Later().now().timestamp(), abs=60), 400]
    events = (await client.generate("C", stream=True)).body.decode()
    assert f'"created_at": {str(created[0])[:6]}' in events


async def test_an_image_of_any_size_on_paper_is_refused_in_words(start: Callable[..., Any]) -> None:
    """A reference image that claims a billion pixels is no reason to fail."""
    client = await start(fixed_bytes=b"x")
    huge = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + b"\x7f\xff\xff\xff" * 2 + b"\x08\x02\x00\x00\x00" + b"\x00" * 4
    embedded = f"data:image/png;base64,{base64.b64encode(huge).decode()}"
    answer = await client.post("/images/edits", model="gpt-image-2", prompt="A", images=[{"image_url": embedded}])
    assert (answer.status, answer.error["code"]) == (400, "invalid_image_file")
