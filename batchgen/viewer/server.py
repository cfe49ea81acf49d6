"""The server: a page, its data, its images by number, what happens, and what people decide."""

import asyncio
import json
import logging
import time
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from io import RawIOBase
from pathlib import PurePosixPath
from secrets import token_urlsafe
from typing import Any, TypeVar
from urllib.parse import quote

from aiohttp import web

from batchgen.errors import BatchgenError, StorageError
from batchgen.viewer.access import HEADERS, TOKEN, Access, refused
from batchgen.viewer.events import Listeners, message
from batchgen.viewer.page_source import Found, Known, News, NoSuchThing, PageSource

T = TypeVar("T")
Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]

LOOK_EVERY = 1.0
PIECE = 256 * 1024
QUIET_FOR = 15.0
"""Seconds after which a silent stream says that it is still there."""
PATIENCE = 10.0
"""Seconds for which a browser may take nothing of what it is sent."""
MOST_BODY = 32 * 1024 * 1024
MOST_LISTENERS = 64
MOST_TICKETS = 16
LOOK_AT_LEAST = 10.0
SHARE = 20
"""A look may take this part of a processor at most: 1 / SHARE. What looks take long at comes more rarely."""
KINDS = {"png": "image/png", "jpeg": "image/jpeg", "jpg": "image/jpeg", "webp": "image/webp", "gif": "image/gif",
         "avif": "image/avif"}  # fmt: skip
"""What a browser only ever paints; an SVG, which it may run, is none of it."""
_OLDEST = (1980, 1, 1, 0, 0, 0)
"""The time of every file in a ZIP file, so that the same images make the same file."""
_SILENT = logging.getLogger("batchgen.viewer")
_SILENT.setLevel(logging.CRITICAL + 1)


class ViewServer:
    """Serves one output to whoever has its address. `files` are the page's own style and script, by path and kind."""

    def __init__(self, source: PageSource, host: str, port: int, files: Mapping[str, tuple[str, bytes]]) -> None:
        self.host, self.port = host, port
        self.access = Access(host)
        self._source = source
        self._files = files
        self._listeners = Listeners()
        self._tickets: dict[str, Sequence[int]] = {}
        self._ended = False
        self._threads = ThreadPoolExecutor(8, "view")
        self._makers = ThreadPoolExecutor(2, "thumbs")
        self._ahead = ThreadPoolExecutor(1, "ahead")

    @property
    def address(self) -> str:
        """Give the address to open, with the token in it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/?{TOKEN}={self.access.token}"

    async def serve(self, announce: Callable[[str], None], end: asyncio.Event) -> None:
        """Serve until told to end; OSError when the port is taken. The address is announced once it is listened at."""
        app = web.Application(client_max_size=MOST_BODY, middlewares=[self._guard])
        app.add_routes(self._routes())
        runner = web.AppRunner(app, access_log=None, logger=_SILENT, shutdown_timeout=1.0)
        await runner.setup()
        try:
            site = web.TCPSite(runner, self.host, self.port)
            await site.start()
            self.port = runner.addresses[0][1]
            looking = asyncio.create_task(self._look())
            announce(self.address)
            self._threads.submit(self._source.page)  # the first one who comes waits less
            await end.wait()
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
        finally:
            self._ended = True
            self._listeners.drop()
            await runner.cleanup()
            for threads in (self._threads, self._makers, self._ahead):
                threads.shutdown(wait=False, cancel_futures=True)

    def _routes(self) -> list[web.RouteDef]:
        own = [web.get(path, self._file) for path in self._files]
        return [
            web.get("/", self._page),
            *own,
            web.get("/favicon.ico", self._icon),
            web.get("/data.json", self._data),
            web.get("/events", self._events),
            web.get(r"/image/{number:\d{1,9}}", self._image),
            web.get(r"/thumb/{number:\d{1,9}}", self._image),
            web.get("/zip/{ticket}", self._zip),
            web.post("/api/zip", self._order_zip),
            web.post("/api/decisions", self._decisions),
            web.post("/api/control", self._control),
        ]

    # ---- who comes in -----------------------------------------------------------------------------------------------

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handle) -> web.StreamResponse:
        """Let in who may come in, and put what browsers must know of it on every answer."""
        response: web.StreamResponse | None = self.access.refusal(request, self.port)
        if response is None:
            try:
                response = await handler(request)
            except web.HTTPException as error:
                response = refused(HTTPStatus(error.status), error.reason.lower())
            except NoSuchThing:
                response = refused(HTTPStatus.NOT_FOUND, "there is no such thing")
            except BatchgenError as error:
                response = web.json_response({"error": str(error)}, status=HTTPStatus.CONFLICT)
        if not response.prepared:
            response.headers.update(HEADERS)
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    async def _ask(self, call: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *args)

    # ---- the page ----------------------------------------------------------------------------------------------------

    async def _page(self, _request: web.Request) -> web.Response:
        return web.Response(text=await self._ask(self._source.page), content_type="text/html")

    async def _file(self, request: web.Request) -> web.Response:
        kind, data = self._files[request.path]
        return web.Response(body=data, content_type=kind, charset="utf-8")

    async def _icon(self, _request: web.Request) -> web.Response:
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def _data(self, _request: web.Request) -> web.Response:
        data = await self._ask(lambda: json.dumps(self._source.data(), separators=(",", ":")).encode())
        response = web.Response(body=data, content_type="application/json")
        response.enable_compression()
        return response

    async def _image(self, request: web.Request) -> web.StreamResponse:
        number = int(request.match_info["number"])
        small = request.path.startswith("/thumb/")
        try:
            if small:  # the first time it is made: whoever waits for anything else does not wait for that
                found = await asyncio.get_running_loop().run_in_executor(self._makers, self._source.thumb, number)
            else:
                found = await self._ask(self._source.image, number)
        except StorageError as error:
            raise NoSuchThing from error
        with found.file:
            return await self._sent(request, found)

    async def _sent(self, request: web.Request, found: Found) -> web.StreamResponse:
        """Send an image as it is read; one that the browser has already is not sent again."""
        kind = KINDS.get(found.format)
        if kind is None:
            raise NoSuchThing
        # A number means another image when the server is started anew: browsers ask each time whether it is the same.
        mark = {"ETag": f'"{found.sha256}"', "Cache-Control": "private, no-cache"}
        if found.sha256 and mark["ETag"] in request.headers.get("If-None-Match", ""):
            return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=mark)
        response = web.StreamResponse(headers={"Content-Type": kind, **mark, **HEADERS})
        if found.name:
            response.headers["Content-Disposition"] = f"inline; filename*=UTF-8''{quote(found.name, errors='replace')}"
        if found.bytes is not None:
            response.content_length = found.bytes
        async with _streamed(request, response):
            while piece := await self._ask(found.file.read, PIECE):
                await asyncio.wait_for(response.write(piece), PATIENCE * 6)
            await response.write_eof()
        return response

    # ---- what happens ------------------------------------------------------------------------------------------------

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """Tell a browser what happens, beginning after what it knows already."""
        if len(self._listeners) >= MOST_LISTENERS:
            return refused(HTTPStatus.SERVICE_UNAVAILABLE, f"{MOST_LISTENERS} windows are listening already")
        since = request.headers.get("Last-Event-ID") or request.query.get("since", "")
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", **HEADERS}
        )
        async with _streamed(request, response), self._listeners.one_more() as listener:
            listener.tell(self._words(await self._ask(self._source.news, since)))
            while words := await listener.next(QUIET_FOR):
                await asyncio.wait_for(response.write(words), PATIENCE)
            _cut(request)  # the server ends, or this browser is too far behind
        return response

    async def _look(self) -> None:
        """While somebody listens, look again and again what is new, and tell it."""
        since, known, cost = "", Known(), 0.0
        while True:
            if not self._listeners:
                since, known = "", Known()
            await self._listeners.came.wait()
            with suppress(BatchgenError):  # a folder that is away for a while comes back
                news, cost = await self._ask(_timed, self._source.news, since, known)
                self._listeners.tell(self._words(news))
                since = news.until
                self._ahead.submit(self._source.ahead, lambda: not self._ended)
            await asyncio.sleep(min(max(LOOK_EVERY, cost * (SHARE - 1)), LOOK_AT_LEAST))

    @staticmethod
    def _words(news: News) -> bytes:
        progress = message("progress", news.progress or {}, "" if news.images else news.until)
        return (message("images", news.images, news.until) if news.images else b"") + progress

    # ---- what people decide ------------------------------------------------------------------------------------------

    async def _decisions(self, request: web.Request) -> web.Response:
        asked = await _object(request)
        listed = asked.get("decisions")
        if not isinstance(listed, list):
            raise web.HTTPBadRequest
        return web.json_response(await self._ask(self._source.decide, listed))

    async def _control(self, request: web.Request) -> web.Response:
        return web.json_response(await self._ask(self._source.control, await _object(request)))

    async def _order_zip(self, request: web.Request) -> web.Response:
        """Remember a choice of images; the answer names the address at which it can be saved, once."""
        asked = (await _object(request)).get("images")
        if not isinstance(asked, list) or not all(type(one) is int for one in asked):
            raise web.HTTPBadRequest
        while len(self._tickets) >= MOST_TICKETS:
            del self._tickets[next(iter(self._tickets))]
        ticket = token_urlsafe(16)
        self._tickets[ticket] = asked
        return web.json_response({"address": f"/zip/{ticket}"})

    async def _zip(self, request: web.Request) -> web.StreamResponse:
        numbers = self._tickets.pop(request.match_info["ticket"], None)
        if numbers is None:
            raise NoSuchThing
        headers = {"Content-Type": "application/zip", "Content-Disposition": 'attachment; filename="images.zip"'}
        response = web.StreamResponse(headers={**headers, "Cache-Control": "no-store", **HEADERS})
        parts = _zipped(self._source.bundle(numbers))
        async with _streamed(request, response):
            while (piece := await self._ask(next, parts, None)) is not None:
                await asyncio.wait_for(response.write(piece), PATIENCE * 6)
            await response.write_eof()
        return response


@asynccontextmanager
async def _streamed(request: web.Request, response: web.StreamResponse) -> AsyncIterator[None]:
    """Send an answer piece by piece. One that breaks off is cut: nobody takes a part for the whole, nor adds to it."""
    await response.prepare(request)
    try:
        yield
    except (BatchgenError, OSError, TimeoutError):
        _cut(request)


def _cut(request: web.Request) -> None:
    if request.transport:
        request.transport.abort()


def _timed(call: Callable[..., T], *args: Any) -> tuple[T, float]:
    """Make a call; says how many seconds of a processor it took."""
    began = time.thread_time()
    return call(*args), time.thread_time() - began


async def _object(request: web.Request) -> Mapping[str, Any]:
    """Read the JSON object of a change; a form of another site cannot send one without being asked first."""
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType
    if (request.content_length or 0) > MOST_BODY:
        raise web.HTTPRequestEntityTooLarge(MOST_BODY, request.content_length or 0)
    try:
        asked = json.loads(await request.read())
    except (ValueError, RecursionError):
        raise web.HTTPBadRequest from None
    if not isinstance(asked, dict):
        raise web.HTTPBadRequest
    return asked


class _Taken(RawIOBase):
    """Keeps what was written since it was last taken."""

    def __init__(self) -> None:
        self._kept = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._kept += data
        return len(data)

    def take(self) -> bytes:
        """Give what was written, and forget it."""
        taken, self._kept = bytes(self._kept), bytearray()
        return taken


def _zipped(images: Iterable[Found]) -> Iterator[bytes]:
    """Go through a ZIP file of these images, which never lies anywhere as a whole; nothing is compressed. Blocks."""
    out = _Taken()
    with zipfile.ZipFile(out, "w") as whole:
        for image in images:
            entry = zipfile.ZipInfo(_harmless(image.name) or image.sha256, _OLDEST)
            entry.external_attr = 0o644 << 16
            with image.file, whole.open(entry, "w", force_zip64=True) as target:
                while piece := image.file.read(PIECE):
                    target.write(piece)
                    yield out.take()
    yield out.take()


def _harmless(name: str) -> str:
    """Return a name that stays below the folder into which somebody unpacks it."""
    return "/".join(part for part in PurePosixPath(name).parts if part not in {"/", ".."})
