"""What a question to a provider gets back is read whole, however it is cut on the way."""

import asyncio
import json

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from batchgen.executor.probe import ask


@pytest.mark.parametrize("pieces", [1, 2, 40])
async def test_a_body_in_pieces_is_read_to_its_end(pieces: int) -> None:
    """Half a megabyte, in one piece and in many that come one after the other."""
    text = json.dumps({"data": ["x" * 1000] * 500}).encode()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        size = -(-len(text) // pieces)
        for at in range(0, len(text), size):
            await response.write(text[at : at + size])
            await asyncio.sleep(0.001)
        return response

    application = web.Application()
    application.router.add_get("/", answer)
    async with TestServer(application) as server:
        reply = await ask(str(server.make_url("/")), {}, ())
    assert (reply.status, reply.body) == (200, json.loads(text))
