"""A raw HTTP server that does exactly what a test tells it, and an executor that talks to it over a real socket."""

import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from batchgen.executor.local import LocalExecutor, Wires
from batchgen.executor.protocol import Setup
from batchgen.executor.proxies import DIRECT, Proxies
from batchgen.model import Attempt, ImageRequest, Job, Operation, Prepare, Provider, Quote, Stems
from batchgen.money import ZERO
from batchgen.runtime.clock import SystemClock
from batchgen.runtime.event_loop import loop
from batchgen.storage import LocalStore, Workspace
from tests.offloading import in_place

KEY = "sk-CANARY-0123456789abcdef"


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Let all tests of executors run in the loop of a run."""
    return {"run": loop}


@dataclass
class Seen:
    """One request as the server read it."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


Reply = Callable[[asyncio.StreamWriter, Seen], Awaitable[None]]


@dataclass
class RawServer:
    """Reads whole requests and lets `reply` write whatever it likes."""

    reply: Reply
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0
    server: asyncio.Server | None = None
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def start(self) -> None:
        """Listen on a free port of the loopback address."""
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    @property
    def port(self) -> int:
        """The port that was free."""
        assert self.server
        return int(self.server.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        """The base URL of the API."""
        return f"http://127.0.0.1:{self.port}/v1"

    async def stop(self) -> None:
        """Close everything."""
        assert self.server
        self.server.close()
        for writer in self.writers:
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            method, target, _ = lines[0].split(" ")
            headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:] if line)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            seen = Seen(method, target, headers, body)
            self.seen.append(seen)
            await self.reply(writer, seen)
            if writer.can_write_eof():
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


def image(width: int = 64, height: int = 48, kind: str = "PNG", mode: str = "RGB", colour: Any = "red") -> bytes:
    """Return a small image."""
    out = io.BytesIO()
    Image.new(mode, (width, height), colour).save(out, kind)
    return out.getvalue()


def answer(*images: bytes | None, **more: Any) -> bytes:
    """Return a Images API answer with these images; None is a null entry."""
    data = [None if p is None else {"b64_json": base64.b64encode(p).decode()} for p in images]
    usage = {
        "input_tokens": 9,
        "input_tokens_details": {"text_tokens": 9, "image_tokens": 0},
        "output_tokens": 196 * len(images),
        "total_tokens": 9 + 196 * len(images),
    }
    return json.dumps({"created": 1, "data": data, "usage": usage, "size": "64x48", **more}).encode()


def response(body: bytes, status: str = "200 OK", length: int | None = None, **headers: str) -> bytes:
    """Return a whole HTTP/1.1 response."""
    fields = {"Content-Type": "application/json", "X-Request-Id": "req_1"}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    fields["Content-Length"] = str(len(body) if length is None else length)
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


def sends(data: bytes, piece: int = 0) -> Reply:
    """Return a reply of these bytes, in pieces if told, then a close."""

    async def reply(writer: asyncio.StreamWriter, _: Seen) -> None:
        if not piece:
            writer.write(data)
            return
        for start in range(0, len(data), piece):
            writer.write(data[start : start + piece])
            await writer.drain()
            await asyncio.sleep(0)

    return reply


@dataclass
class World:
    """Everything one test needs: server, executor, output folder."""

    server: RawServer
    root: Path
    provider: Provider
    executor: LocalExecutor | None = None
    count: int = 0
    key: str = KEY
    sessions: AsyncExitStack = field(default_factory=AsyncExitStack)

    def attempt(
        self,
        n: int = 1,
        *,
        model: str = "gpt-image-2.5-flare",
        prompt: str = "a red dot",
        operation: Operation = Operation.GENERATE,
        deadline: float = 10.0,
        slots: tuple[int, ...] | None = None,
        replaces: str | None = None,
        **request: Any,
    ) -> Attempt:
        """Return a new attempt for `n` images."""
        self.count += 1
        params = tuple(sorted(request.pop("params", {}).items()))
        job = Job(
            id="dot",
            key="ab" * 32,
            request=ImageRequest(operation, prompt, model, params, **request),
            n=n,
            stems=Stems(("dot-*",)),
        )
        quote = Quote(ZERO, ZERO, ZERO)
        chosen = slots if slots is not None else tuple(range(n))
        asked = (job.key, job.id, job.request, job.stems)
        here = (f"a{self.count}", "run", *asked, model, "raw", chosen, quote)
        return Attempt(*here, deadline=deadline, replaces=replaces)

    async def execute(self, attempt: Attempt, reply: Reply | bytes | None = None) -> Any:
        """Make an attempt, with what the server answers."""
        if reply is not None:
            self.server.reply = sends(reply) if isinstance(reply, bytes) else reply
        (came,) = await (await self.opened()).execute([attempt])
        return came

    async def opened(
        self, wires: Wires | None = None, prepare: Prepare | None = None, proxies: Proxies = DIRECT
    ) -> LocalExecutor:
        """Return the executor, in a session."""
        if self.executor is None:
            setup = Setup(
                self.provider,
                self.key,
                Workspace(self.root),
                LocalStore(self.root),
                clock=SystemClock(),
                offload=in_place,
                prepare=prepare or Prepare(),
                proxies=proxies,
            )
            self.executor = LocalExecutor(setup, wires or Wires())
            await self.sessions.enter_async_context(self.executor.session())
        return self.executor

    def like(self, **changes: Any) -> None:
        """Change the provider before the executor starts."""
        self.provider = replace(self.provider, **changes)

    def file(self, relative: str) -> bytes:
        """Return a file in the output folder."""
        return (self.root / relative).read_bytes()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Check that a server, and an executor that is made when first used."""
    server = RawServer(sends(response(answer(image()))))
    await server.start()
    provider = Provider("raw", server.url, "RAW_KEY", "gpt-image-2.5-flare")
    world = World(server, tmp_path / "out", provider)
    yield world
    await world.sessions.aclose()
    await server.stop()


@pytest.fixture
def kit() -> Any:
    """Return the makers of images, answers and replies."""

    class Kit:
        image = staticmethod(image)
        answer = staticmethod(answer)
        response = staticmethod(response)
        sends = staticmethod(sends)
        key = KEY

    return Kit
