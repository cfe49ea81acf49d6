"""A running mock server, and clients that see exactly what it puts on the wire."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import aiohttp
import pytest
from openai import AsyncOpenAI
from PIL import Image

from batchgen.mock import MockConfig
from batchgen.mock.server import MockServer
from batchgen.runtime.clock import Clock
from tests.patience import PATIENCE

MODEL = "gpt-image-2.5-flare"
KEY = {"Authorization": "Bearer sk-test-key-0123456789"}


@dataclass
class Answer:
    """One answer read by a well-behaved client."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        error: dict[str, Any] = self.json["error"]
        return error

    def image(self, slot: int = 0) -> Image.Image:
        """Return the image in a slot, decoded."""
        image = Image.open(BytesIO(base64.b64decode(self.json["data"][slot]["b64_json"], validate=True)))
        image.load()
        return image


class Client:
    """Asks a mock server for things."""

    def __init__(self, server: MockServer, session: aiohttp.ClientSession) -> None:
        self.server, self.session = server, session

    async def post(self, path: str, headers: dict[str, str] | None = None, **fields: Any) -> Answer:
        """POST fields as JSON."""
        async with self.session.post(
            self.server.base_url + path, json=fields, headers=KEY if headers is None else headers, allow_redirects=False
        ) as response:
            return await _read(response)

    async def generate(self, prompt: str = "A lamp", **fields: Any) -> Answer:
        """Ask for images."""
        return await self.post("/images/generations", **{"model": MODEL, "prompt": prompt, **fields})

    async def edit(self, *parts: tuple[str, bytes, str, str], **fields: Any) -> Answer:
        """Ask for an edit as a form: parts are name, bytes, file name and type."""
        form = aiohttp.FormData()
        for name, value in {"model": MODEL, "prompt": "A lamp", **fields}.items():
            form.add_field(name, str(value))
        for name, data, filename, kind in parts:
            form.add_field(name, data, filename=filename, content_type=kind)
        async with self.session.post(self.server.base_url + "/images/edits", data=form, headers=KEY) as response:
            return await _read(response)

    async def get(self, url: str, **headers: str) -> Answer:
        """GET an address as it stands."""
        import yarl

        async with self.session.get(
            yarl.URL(url, encoded=True), headers=headers or KEY, allow_redirects=False
        ) as response:
            return await _read(response)

    async def raw(self, prompt: str, seconds: float = PATIENCE, **fields: Any) -> tuple[bytes, str]:
        """Ask over a bare socket: all bytes that come, and whether the end was eof, reset or timeout."""
        host, port = self.server.origin.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=1 << 24)
        body = json.dumps({"model": MODEL, "prompt": prompt, "output_format": "jpeg", **fields}).encode()
        head = f"POST /v1/images/generations HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer k\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        got, end = b"", "eof"
        try:
            async with asyncio.timeout(seconds):
                while part := await reader.read(1 << 20):
                    got += part
        except ConnectionResetError:
            end = "reset"
        except TimeoutError:
            end = "timeout"
        finally:
            writer.close()
        return got, end


async def _read(response: aiohttp.ClientResponse) -> Answer:
    return Answer(response.status, {k.lower(): v for k, v in response.headers.items()}, await response.read())


@pytest.fixture
async def start() -> AsyncIterator[Callable[..., Any]]:
    """Start a server with these settings and get a client for it; both end with the test."""
    import contextlib

    async with contextlib.AsyncExitStack() as stack:

        async def begin(clock: Clock | None = None, **settings: Any) -> Client:
            server = await stack.enter_async_context(MockServer(MockConfig(**settings), clock))
            session = await stack.enter_async_context(aiohttp.ClientSession())
            return Client(server, session)

        yield begin


@pytest.fixture
def png() -> Callable[..., bytes]:
    """Return a PNG file of a size; with alpha when asked."""

    def make(width: int = 1024, height: int = 1024, *, alpha: bool = False, form: str = "PNG") -> bytes:
        out = BytesIO()
        mode = "RGBA" if alpha else "RGB"
        Image.new(mode, (width, height), (10, 90, 200, 0)[: len(mode)]).save(out, form)
        return out.getvalue()

    return make


@pytest.fixture
async def sdk(start: Callable[..., Any]) -> AsyncIterator[Callable[..., Any]]:
    """Return the SDK's client for a server with these settings."""
    opened: list[AsyncOpenAI] = []

    async def make(retries: int = 0, **settings: Any) -> tuple[AsyncOpenAI, Any]:
        client = await start(**settings)
        opened.append(AsyncOpenAI(api_key="sk-test", base_url=client.server.base_url, max_retries=retries))
        return opened[-1], client.server

    yield make
    for client in opened:
        await client.close()
