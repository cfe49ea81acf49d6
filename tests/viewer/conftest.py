"""A server over real sockets, whose output is a few lists in memory."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from aiohttp import ClientResponse, ClientSession, CookieJar

from batchgen.errors import StorageError
from batchgen.viewer import Found, News, NoSuchThing, ViewServer
from batchgen.viewer.page_source import Known

PNG = b"\x89PNG and more"
FORMATS = ("png", "svg", "webp")


@dataclass
class ListSource:
    """Three images, and whatever is to be told."""

    told: list[News] = field(default_factory=list)
    decided: list[Any] = field(default_factory=list)
    ordered: list[Any] = field(default_factory=list)
    asked_since: list[str] = field(default_factory=list)
    image_bytes: bytes = PNG
    away: bool = False

    def page(self) -> str:
        return "<!doctype html>"

    def data(self) -> Mapping[str, Any]:
        return {"count": len(FORMATS)}

    def news(self, since: str, known: Known | None = None) -> News:
        self.asked_since.append(since)
        if self.away:
            raise StorageError("the disk is away")
        if known is None or not self.told:
            return News({"state": "drawing"}, None, "t0")
        return self.told.pop(0)

    def image(self, number: int) -> Found:
        if number >= len(FORMATS):
            raise NoSuchThing
        return Found(BytesIO(self.image_bytes), FORMATS[number], f"{number}" * 64, "a\r\nb/<>.png")

    def thumb(self, number: int) -> Found:
        return self.image(number)

    def ahead(self, goes_on: Callable[[], bool]) -> None:
        """Make nothing."""

    def bundle(self, numbers: Sequence[int]) -> Iterator[Found]:
        return (Found(BytesIO(PNG), "png", "0", f"../shop/{number}.png") for number in numbers)

    def decide(self, decisions: Sequence[Any]) -> Mapping[str, Any]:
        self.decided += decisions
        return {"taken": len(decisions), "left_out": [""] * len(decisions)}

    def control(self, order: Mapping[str, Any]) -> Mapping[str, Any]:
        self.ordered.append(order)
        return {"taken": True}


@dataclass
class Visitor:
    """Somebody in front of a browser that has the cookie, or not."""

    server: ViewServer
    client: ClientSession

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    def get(self, path: str, **more: Any) -> Any:
        return self.client.get(f"{self.origin}{path}", allow_redirects=False, **more)

    def post(self, path: str, value: Any, **headers: str) -> Any:
        return self.client.post(f"{self.origin}{path}", json=value, headers=headers)

    async def enter(self) -> ClientResponse:
        """Open the address that the server printed."""
        return await self.client.get(self.server.address)


@asynccontextmanager
async def served(source: ListSource, host: str = "127.0.0.1") -> AsyncIterator[Visitor]:
    """Serve a source; the visitor has not entered yet."""
    server = ViewServer(source, host, 0, {"/page.js": ("text/javascript", b"1")})
    ready, end = asyncio.Event(), asyncio.Event()
    serving = asyncio.create_task(server.serve(lambda _address: ready.set(), end))
    await ready.wait()
    try:
        async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as client:
            yield Visitor(server, client)
    finally:
        end.set()
        await serving
