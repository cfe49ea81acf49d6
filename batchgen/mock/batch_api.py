"""`/v1/files` and `/v1/batches` over HTTP, with their pages, ranges and faults."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any

from aiohttp import BodyPartReader, web

from batchgen.mock.api_files import MONTH, OF_IMAGES, PURPOSES, ApiFile
from batchgen.mock.fault_scripts import half
from batchgen.mock.faults import EVERY
from batchgen.mock.form import json_object
from batchgen.mock.handler import Handler, Serve, origin_of
from batchgen.mock.listener import as_response
from batchgen.mock.plan import Hit
from batchgen.mock.reply import (
    Refused,
    Reply,
    as_json,
    bad_value,
    error,
    missing_parameter,
    no_model,
    rate_limited,
    server_error,
)
from batchgen.mock.wire import Pause, Reset, Step, head, play

JSONL = "application/octet-stream"
MOST_FILE = 512 * 1024 * 1024


class BatchApi:
    """The endpoints of files and batches of one server."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler

    def routes(self, prefix: str) -> Iterator[tuple[str, str, Serve]]:
        """List methods, paths and what serves them."""
        free = self.handler.free
        yield "POST", f"{prefix}/files", free(self.upload)
        yield "GET", f"{prefix}/files", free(self.list_files)
        yield "GET", f"{prefix}/files/{{id}}", free(self.file)
        yield "DELETE", f"{prefix}/files/{{id}}", free(self.delete_file)
        yield "GET", f"{prefix}/files/{{id}}/content", free(self.content)
        yield "POST", f"{prefix}/batches", free(self.create)
        yield "GET", f"{prefix}/batches", free(self.list_batches)
        yield "GET", f"{prefix}/batches/{{id}}", free(self.batch)
        yield "POST", f"{prefix}/batches/{{id}}/cancel", free(self.cancel)

    async def upload(self, request: web.Request) -> web.StreamResponse:
        """Take a file, part by part onto the disk."""
        if request.content_type != "multipart/form-data":
            raise Refused(error(400, "The request must be multipart/form-data with 'file' and 'purpose'."))
        new = self.handler.api_files.new("", "", self.handler.key_of(request))
        try:
            fields = await _received(request, new)
            _described(new, fields, self.handler.config.batch_input_bytes, self.handler.dialect.image_purposes)
            new.pending = self.handler.dialect.file_polls
        except (ValueError, Refused) as wrong:
            new.path.unlink(missing_ok=True)
            raise wrong if isinstance(wrong, Refused) else Refused(error(400, f"Could not parse: {wrong}")) from wrong
        hit = self._file_hit(new)
        fault = EVERY[hit.fault].file if hit.fault in EVERY else None
        if fault in {"500", "429"}:
            raise Refused(server_error() if fault == "500" else rate_limited("requests", 5, 5, 1, 0.05))
        self.handler.api_files.keep(new)
        if fault == "cut":
            return await play(request, (Reset(),))
        return as_response(as_json(200, new.as_dict()))

    async def list_files(self, request: web.Request) -> web.StreamResponse:
        found = self.handler.api_files.listed(self.handler.key_of(request), request.query.get("purpose"))
        if request.query.get("order") == "asc":
            found.reverse()
        return _page(request, [file.as_dict() for file in found], most=10_000)

    async def file(self, request: web.Request) -> web.StreamResponse:
        """Tell of one file; each look brings it nearer to being processed."""
        found = self._file(request)
        found.pending -= 1
        return as_response(as_json(200, found.as_dict()))

    async def delete_file(self, request: web.Request) -> web.StreamResponse:
        found = self._file(request)
        self.handler.api_files.remove(found)
        return as_response(as_json(200, {"id": found.id, "object": "file", "deleted": True}))

    async def content(self, request: web.Request) -> web.StreamResponse:
        """Send a file, whole or in a range, unless its fault says otherwise."""
        found = self._file(request)
        found.reads += 1
        if found.fault and found.reads <= found.fault.number("reads", 1):
            return await self._spoilt(request, found, found.fault)
        return web.FileResponse(found.path, headers={"Content-Type": JSONL})

    async def create(self, request: web.Request) -> web.StreamResponse:
        asked = json_object(await request.read())
        batch = self.handler.batches.create(asked, self.handler.key_of(request))
        batch.origin = origin_of(request)
        if batch.fault == "create_no_model":
            raise Refused(no_model("lamp-1"))
        if batch.fault != "create_lost":
            self.handler.batches.keep(batch)
        if batch.fault in {"create_lost", "create_500"}:
            raise Refused(server_error())
        if batch.fault == "create_cut":
            return await play(request, (Reset(),))
        return as_response(as_json(200, batch.as_dict()))

    async def list_batches(self, request: web.Request) -> web.StreamResponse:
        """List batches in pages, newest first."""
        found = await self.handler.batches.listed(self.handler.key_of(request))
        return _page(request, [batch.as_dict() for batch in found], most=100)

    async def batch(self, request: web.Request) -> web.StreamResponse:
        found = await self.handler.batches.find(request.match_info["id"], self.handler.key_of(request))
        if found.fault == "poll_429" and found.polls <= found.hit.number("polls", 1):
            raise Refused(rate_limited("requests", 5, 5, 1, found.hit.number("after", 600)))
        return as_response(as_json(200, found.as_dict()))

    async def cancel(self, request: web.Request) -> web.StreamResponse:
        found = self.handler.batches.cancel(request.match_info["id"], self.handler.key_of(request))
        return as_response(as_json(200, found.as_dict()))

    def _file(self, request: web.Request) -> ApiFile:
        return self.handler.api_files.find(request.match_info["id"], self.handler.key_of(request))

    def _file_hit(self, new: ApiFile) -> Hit:
        count = self.handler.count(f"file {new.filename}")
        return self.handler.faults.hit(new.filename, count, "file") or Hit("")

    async def _spoilt(self, request: web.Request, found: ApiFile, hit: Hit) -> web.StreamResponse:
        whole = Reply(200, found.path.read_bytes(), JSONL)
        match EVERY[hit.fault].batch:
            case "output_404":
                raise Refused(error(404, f"No such File object: {found.id}", None, param="id"))
            case "output_500":
                raise Refused(server_error())
            case "output_no_range":
                return as_response(whole)
            case "output_short":
                return as_response(replace(whole, body=whole.body[: len(whole.body) * 3 // 5]))
            case "output_slow":
                return await play(request, _dripped(whole, hit.number("delay", 0.5)))
            case _:
                return await play(request, (half(whole),))


async def _received(request: web.Request, new: ApiFile) -> dict[str, str]:
    fields: dict[str, str] = {}
    size = 0
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            continue
        if part.filename is None:
            fields[part.name or ""] = (await part.read()).decode("utf-8", "replace")
            continue
        fields["file"] = new.filename = part.filename
        with new.path.open("wb") as out:
            while data := await part.read_chunk(1 << 18):
                size += len(data)
                if size > MOST_FILE:
                    raise Refused(error(413, "The file is too large: at most 512 MB.", "file_too_large", param="file"))
                out.write(data)
    return fields


def _described(new: ApiFile, fields: dict[str, str], most: int, of_images: Collection[str]) -> None:
    for name in ("file", "purpose"):
        if name not in fields:
            raise Refused(missing_parameter(name))
    purposes = tuple(name for name in PURPOSES if name not in OF_IMAGES or name in of_images)
    if fields["purpose"] not in purposes:
        raise Refused(bad_value("purpose", fields["purpose"], purposes))
    new.purpose = fields["purpose"]
    if new.purpose == "batch" and new.size > most:
        raise Refused(error(413, f"The file is too large for a batch: at most {most} bytes.", "file_too_large"))
    seconds = fields.get("expires_after[seconds]", "")
    default = MONTH if new.purpose == "batch" else None
    lasts = int(seconds[:9]) if seconds.isascii() and seconds.isdigit() else default
    new.expires = new.created + lasts if lasts else None


def _page(request: web.Request, found: Sequence[dict[str, Any]], most: int) -> web.Response:
    limit, after = request.query.get("limit", ""), request.query.get("after")
    count = max(1, min(most, int(limit[:6]))) if limit.isascii() and limit.isdigit() else min(most, 20)
    ids = [item["id"] for item in found]
    if after is not None and after not in ids:
        raise Refused(error(404, f"No object found with id '{after}'.", None, param="after"))
    start = ids.index(after) + 1 if after is not None else 0
    shown = found[start : start + count]
    ends = {"first_id": shown[0]["id"] if shown else None, "last_id": shown[-1]["id"] if shown else None}
    more = start + count < len(found)
    return as_response(as_json(200, {"object": "list", "data": list(shown), **ends, "has_more": more}))


def _dripped(whole: Reply, delay: float) -> Iterator[Step]:
    yield head(whole)
    step = len(whole.body) // 10 + 1
    for start in range(0, len(whole.body), step):
        yield whole.body[start : start + step]
        yield Pause(delay / 10)
