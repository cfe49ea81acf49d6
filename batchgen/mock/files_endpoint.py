"""GET /files/…: the images behind addresses, opened by their exact spelling only, whole or in ranges."""

from aiohttp import web

from batchgen.mock.fault_scripts import half
from batchgen.mock.files import Stored
from batchgen.mock.handler import Handler
from batchgen.mock.listener import as_response
from batchgen.mock.plan import Hit
from batchgen.mock.reply import Reply, html
from batchgen.mock.wire import Pause, Reset, Script, play

DENIED = b"""<?xml version="1.0" encoding="utf-8"?>
<Error><Code>AuthenticationFailed</Code><Message>Server failed to authenticate the request. Make sure the value of \
Authorization header is formed correctly including the signature.</Message></Error>"""
XML = "application/xml"


async def serve(handler: Handler, request: web.Request) -> web.StreamResponse:
    """Serve one reading of one image."""
    handler.record.note(request)
    stored = handler.files.get(request.match_info["name"])
    if stored is None:
        return as_response(Reply(404, b"<Error><Code>BlobNotFound</Code></Error>", XML))
    stored.reads += 1
    if stored.fault and stored.reads <= stored.fault.number("reads", float("inf")):
        return await _spoilt(request, stored, stored.fault, handler.config.stall_seconds)
    if not handler.files.opens(stored, request.raw_path):
        return as_response(Reply(403, DENIED, XML))
    return _ranged(request, stored)


async def _spoilt(request: web.Request, stored: Stored, hit: Hit, stall: float) -> web.StreamResponse:
    what = hit.fault.removeprefix("download_")
    if what.isdigit():
        return as_response(Reply(int(what), b"<Error/>", XML))
    match what:
        case "html":
            return as_response(html(200, "Sign in"))
        case "empty":
            return as_response(Reply(200, b"", stored.kind))
        case "redirect":
            return as_response(Reply(302, headers=(("location", hit.options.get("to", "http://10.0.0.1/x.png")),)))
        case "key":
            known = request.headers.get("Authorization")
            return _ranged(request, stored) if known else as_response(Reply(401, b"<Error/>", XML))
        case "short" | "reset" | "stall":
            return await play(request, _cut(stored, what, hit.number("delay", stall)))
        case _:
            return as_response(Reply(403, DENIED, XML))


def _cut(stored: Stored, how: str, delay: float) -> Script:
    whole = Reply(200, stored.data, stored.kind, (("Accept-Ranges", "bytes"),))
    ends: dict[str, Script] = {"reset": (Reset(),), "stall": (Pause(delay),)}
    return (half(whole), *ends.get(how, ()))


def _ranged(request: web.Request, stored: Stored) -> web.Response:
    size = len(stored.data)
    try:
        asked = request.http_range
    except ValueError:
        return as_response(Reply(416, headers=(("Content-Range", f"bytes */{size}"),)))
    if asked.start is None and asked.stop is None:
        return as_response(Reply(200, stored.data, stored.kind, (("Accept-Ranges", "bytes"),)))
    start, stop, _ = asked.indices(size)
    if start >= stop:
        return as_response(Reply(416, headers=(("Content-Range", f"bytes */{size}"),)))
    part = (("Accept-Ranges", "bytes"), ("Content-Range", f"bytes {start}-{stop - 1}/{size}"))
    return as_response(Reply(206, stored.data[start:stop], stored.kind, part))
