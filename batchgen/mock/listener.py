"""The edge of the wire: every fault of a request ends in JSON with a status of 4xx, and nothing is written to a log."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from batchgen.mock.reply import Reply, error

Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]
QUIET = logging.getLogger("batchgen.mock")
QUIET.setLevel(logging.CRITICAL + 1)


class Protocol(web.RequestHandler):
    """One connection: what is no HTTP is answered as JSON too."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - aiohttp's own words are not shown
    ) -> web.StreamResponse:
        """Answer what aiohttp could not read, or what nobody foresaw."""
        if request.writer.output_size > 0:
            raise ConnectionError("a part of another answer has been sent already")
        response = as_response(_failure(status, exc))
        response.force_close()
        return response


async def listen(runner: web.AppRunner, host: str, port: int) -> asyncio.Server:
    """Begin to take connections; OSError when the port is taken."""
    loop = asyncio.get_running_loop()
    server = runner.server
    assert server is not None, "the runner has been set up"
    settings: dict[str, Any] = {"loop": loop, "access_log": None, "logger": QUIET}
    return await loop.create_server(partial(Protocol, server, **settings), host, port, backlog=1024)


@web.middleware
async def in_json(request: web.Request, handler: Handle) -> web.StreamResponse:
    """Answer in JSON what aiohttp refuses on its own, such as a body that is too large."""
    try:
        return await handler(request)
    except web.HTTPException as refused:
        return as_response(_failure(refused.status, None))
    except (web.RequestPayloadError, HttpProcessingError):
        return as_response(_failure(HTTPStatus.BAD_REQUEST, None))


async def expected(request: web.Request) -> web.StreamResponse | None:
    """Take `Expect: 100-continue`, and refuse any other expectation."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        if request.transport:
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return None
    return as_response(_failure(HTTPStatus.EXPECTATION_FAILED, None))


def as_response(reply: Reply) -> web.Response:
    """Build the whole response of a reply."""
    return web.Response(status=reply.status, body=reply.body, headers=[("Content-Type", reply.kind), *reply.headers])


def _failure(status: int, why: BaseException | None) -> Reply:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return error(status, f"The mock itself failed: {why!r}", "mock_failure", kind="server_error")
    phrase: Any = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Refused"
    return error(status, f"The request could not be read: {phrase}.", "bad_request")
