"""`/v1/moderations` over HTTP: free, and a few words are flagged."""

import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from aiohttp import web

from batchgen.mock.handler import Handler
from batchgen.mock.listener import as_response
from batchgen.mock.reply import Refused, Reply, as_json, error, missing_parameter

FLAGS = {"gore": "violence/graphic", "nude": "sexual", "hateful": "hate", "[flagged]": "illicit"}
"""Words that are flagged, each with its category."""
MOST = 100
Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ModerationsApi:
    """The endpoint of one server. It judges words alone: what is drawn is judged when it is drawn."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler

    def routes(self, prefix: str) -> Iterator[tuple[str, str, Serve]]:
        """List methods, paths and what serves them."""
        yield "POST", f"{prefix}/moderations", self.judge

    async def judge(self, request: web.Request) -> web.StreamResponse:
        """Judge each text of a request."""
        self.handler.record.note(request)
        try:
            self.handler.authorise(request)
            return as_response(_judged(await request.read()))
        except Refused as refused:
            return as_response(refused.reply)


def _judged(body: bytes) -> Reply:
    try:
        asked = json.loads(body)["input"]
    except (ValueError, KeyError, TypeError):
        raise Refused(missing_parameter("input")) from None
    texts = asked if isinstance(asked, list) else [asked]
    if not texts or len(texts) > MOST or not all(isinstance(text, str) and text for text in texts):
        raise Refused(error(400, "Invalid value for 'input'.", "invalid_value", param="input"))
    return as_json(200, {"id": "modr-mock", "model": "mock-moderation", "results": [_result(text) for text in texts]})


def _result(text: str) -> dict[str, Any]:
    words = text.lower()
    categories = {category: word in words for word, category in FLAGS.items()}
    scores = {category: 0.98 if flagged else 0.01 for category, flagged in categories.items()}
    return {"flagged": any(categories.values()), "categories": categories, "category_scores": scores}
