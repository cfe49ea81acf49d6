"""The mock as an HTTP server on loopback: routes, free endpoints and life cycle."""

import asyncio
import json
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from typing import Any, Self

from aiohttp import web

from batchgen.errors import InputError
from batchgen.mock import files_endpoint
from batchgen.mock.batch_api import BatchApi
from batchgen.mock.config import MockConfig
from batchgen.mock.dialects import DIALECTS, Dialect
from batchgen.mock.faults import EVERY
from batchgen.mock.handler import Handler, origin_of
from batchgen.mock.listener import as_response, expected, in_json, listen
from batchgen.mock.models import MockModel, text_tokens
from batchgen.mock.moderation import judge
from batchgen.mock.organization_api import OrganizationApi
from batchgen.mock.plan import Faults
from batchgen.mock.reply import Refused, Reply, as_json, error, no_model, no_version
from batchgen.mock.resolved_request import Kind
from batchgen.runtime.clock import Clock, SystemClock

ROUTES = {
    "/images/generations": Kind.GENERATE,
    "/images/edits": Kind.EDIT,
    "/images/variations": Kind.VARIATION,
    "/chat/completions": Kind.CHAT,
}
MOST_BODY = 1 << 30
CONSOLE = Reply(
    200,
    b'<!doctype html><html><head><title>Console</title></head><body><div id="root"></div></body></html>',
    "text/html; charset=utf-8",
)
Route = tuple[str, str, Any]


class MockServer:
    """`async with MockServer(config) as server:` serves on `server.base_url` until the end of the block.

    InputError when the dialect or a fault is unknown, or the port is taken.
    """

    def __init__(self, config: MockConfig | None = None, clock: Clock | None = None) -> None:
        self.config = config or MockConfig()
        if self.config.dialect not in DIALECTS:
            raise InputError(f"the mock speaks no dialect {self.config.dialect!r}; it speaks {', '.join(DIALECTS)}")
        if unknown := {name for rule in self.config.rules for name in rule.names()} - EVERY.keys() - {"ok"}:
            raise InputError(f"the mock knows no fault {', '.join(sorted(unknown))}")
        self._clock = clock or SystemClock()
        self._listener: asyncio.Server | None = None
        self._runner: web.AppRunner | None = None
        self._handler: Handler | None = None
        self._port = self.config.port

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"http://{self.config.host}:{self._port}"

    @property
    def base_url(self) -> str:
        """What a client takes as its base URL."""
        return f"{self.origin}{DIALECTS[self.config.dialect].base}"

    @property
    def faults(self) -> Faults:
        """The fault plan, which may be changed at any time."""
        return self._open.faults

    def bill(self) -> dict[str, Any]:
        """Tell what was charged: totals, limits, and every request in order."""
        return {**self._account(), "requests": [entry.as_dict() for entry in tuple(self._open.bill.entries)]}

    def plant(self, **told: Any) -> Decimal:
        """Put something on the organisation's books that nobody here did; returns their sum in micro-dollars."""
        self._open.organization.plant(told)
        return self._open.organization.total()

    def requests(self) -> list[dict[str, Any]]:
        """List the latest requests as they arrived: headers (never the key), JSON fields, multipart parts."""
        return self._open.record.all()

    async def start(self) -> None:
        """Begin to listen."""
        text_tokens("the vocabulary is loaded before the first request is timed")
        self._handler = Handler(self.config, self._clock)
        self._runner = web.AppRunner(self._application(), handler_cancellation=True, shutdown_timeout=0.2)
        await self._runner.setup()
        try:
            self._listener = await listen(self._runner, self.config.host, self.config.port)
        except OSError as taken:
            await self.stop()
            raise InputError(f"cannot listen on {self.config.host}:{self.config.port}: {taken.strerror}") from taken
        self._port = self._listener.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Let go of every connection, also of stalled ones."""
        if self._listener:
            self._listener.close()
            self._listener = None
        if self._runner:
            await self._runner.cleanup()
            self._runner = None
            self._open.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def _open(self) -> Handler:
        if self._handler is None:
            raise RuntimeError("the mock server has not been started")
        return self._handler

    def _application(self) -> web.Application:
        app = web.Application(client_max_size=MOST_BODY, middlewares=[in_json])
        for method, path, serve in self._routes():
            app.router.add_route(method, path, serve, expect_handler=expected)
        return app

    def _routes(self) -> Iterator[Route]:
        handler = self._open
        match handler.dialect.name:
            case "gemini":
                yield from self._gemini_routes(handler)
            case "azure":
                yield from self._azure_routes(handler)
            case _:
                yield from self._image_routes(handler, handler.dialect.base)
                if not self.config.console:
                    yield from self._image_routes(handler, "")
        if handler.dialect.batches and handler.dialect.name != "azure":
            yield from BatchApi(handler).routes("/v1")
            yield from OrganizationApi(handler).routes("/v1")
            yield "POST", "/v1/moderations", handler.free(judge)
        yield "GET", "/files/{name}", partial(files_endpoint.serve, handler)
        yield "GET", "/bill", self._bill
        yield "GET", "/requests", self._requests
        yield "POST", "/reset", self._reset
        yield "*", "/{path:.*}", self._nowhere

    def _image_routes(self, handler: Handler, prefix: str) -> Iterator[Route]:
        for path, kind in ROUTES.items():
            yield "POST", prefix + path, partial(handler.serve, kind=kind)
        yield from self._model_routes(prefix)
        yield "GET", f"{prefix}/tasks/{{id}}", handler.free(self._task, own_words=True)

    def _model_routes(self, prefix: str) -> Iterator[Route]:
        free = partial(self._open.free, own_words=True)
        yield "GET", f"{prefix}/models", free(self._models)
        yield "GET", f"{prefix}/models/{{name}}", free(self._model)

    def _gemini_routes(self, handler: Handler) -> Iterator[Route]:
        yield "POST", "/v1beta/models/{model}:generateContent", partial(handler.serve, kind=Kind.CONTENT)
        yield from self._model_routes("/v1beta")

    def _azure_routes(self, handler: Handler) -> Iterator[Route]:
        for path, kind in ROUTES.items():
            yield "POST", f"/openai/v1{path}", partial(handler.serve, kind=kind)
            for prefix in ("/openai", "/openai/v1"):
                yield "POST", f"{prefix}/deployments/{{model}}{path}", _versioned(partial(handler.serve, kind=kind))
        yield from BatchApi(handler).routes("/openai/v1")
        for method, path, serve in BatchApi(handler).routes("/openai"):
            yield method, path, _versioned(serve)
        yield from self._model_routes("/openai/v1")
        yield from self._model_routes("/openai")

    def _account(self) -> dict[str, Any]:
        hidden = {"hidden": self._open.hidden.account()} if self.config.hidden_per_minute else {}
        return {**self._open.bill.account(), "limits": {**self._open.gate.account(), **hidden}}

    async def _models(self, _request: web.Request) -> web.StreamResponse:
        dialect = self._open.dialect
        models = [_described(model, dialect) for model in dialect.models(self.config)]
        told = {"models": models} if dialect.name == "gemini" else {"object": "list", "data": models}
        return as_response(as_json(200, told))

    async def _model(self, request: web.Request) -> web.StreamResponse:
        name, dialect = request.match_info["name"], self._open.dialect
        served = {model.name: model for model in dialect.models(self.config)}
        if name not in served:
            raise Refused(no_model(name))
        return as_response(as_json(200, _described(served[name], dialect)))

    async def _task(self, request: web.Request) -> web.StreamResponse:
        told = await self._open.tasks.poll(request.match_info["id"], origin_of(request))
        return as_response(told)

    async def _bill(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        await response.write(json.dumps(self._account()).encode()[:-1] + b', "requests": [')
        for start in range(0, len(entries := tuple(self._open.bill.entries)), 200):
            lines = ",\n".join(json.dumps(entry.as_dict()) for entry in entries[start : start + 200])
            await response.write((",\n" if start else "\n").encode() + lines.encode("utf-8", "replace"))
        await response.write(b"]}\n")
        return response

    async def _requests(self, _request: web.Request) -> web.Response:
        return as_response(as_json(200, {"requests": self.requests()}))

    async def _reset(self, _request: web.Request) -> web.Response:
        self._open.forget()
        return as_response(as_json(200, {"reset": True}))

    async def _nowhere(self, request: web.Request) -> web.Response:
        self._open.record.note(request)
        if self.config.console and not request.path.startswith(f"{self._open.dialect.base}/"):
            return as_response(CONSOLE)
        return as_response(self._open.worded(error(404, f"Invalid URL ({request.method} {request.path})")))


def _versioned(serve: Any) -> Any:
    async def checked(request: web.Request) -> web.StreamResponse:
        if not request.query.get("api-version"):
            return as_response(no_version())
        response: web.StreamResponse = await serve(request)
        return response

    return checked


def _described(model: MockModel, dialect: Dialect) -> dict[str, Any]:
    if dialect.name == "gemini":
        methods = {"supportedGenerationMethods": ["generateContent", "countTokens"]}
        return {"name": f"models/{model.name}", "displayName": model.name, "inputTokenLimit": 65_536, **methods}
    end = {"shutdown_date": model.shutdown} if model.shutdown else {}
    return {"id": model.name, "object": "model", "created": 1_745_366_400, "owned_by": "mock", **end}
