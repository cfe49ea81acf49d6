"""`/v1/moderations` over HTTP: free, and a few words are flagged."""

import json
from typing import Any

from aiohttp import web

from batchgen.mock.listener import as_response
from batchgen.mock.reply import Refused, Reply, as_json, missing_parameter, wrong_value

FLAGS = {"gore": "violence/graphic", "nude": "sexual", "hateful": "hate", "[flagged]": "illicit"}
"""Words that are flagged, each with its category."""
MOST = 100


async def judge(request: web.Request) -> web.StreamResponse:
    """Judge each text of a request by its words alone: what is drawn is judged when it is drawn."""
    return as_response(_judged(await request.read()))


def _judged(body: bytes) -> Reply:
    try:
        asked = json.loads(body)["input"]
    except (ValueError, KeyError, TypeError):
        raise Refused(missing_parameter("input")) from None
    texts = asked if isinstance(asked, list) else [asked]
    if not texts or len(texts) > MOST or not all(isinstance(text, str) and text for text in texts):
        raise Refused(wrong_value("input", "Invalid value for 'input'."))
    return as_json(200, {"id": "modr-mock", "model": "mock-moderation", "results": [_result(text) for text in texts]})


def _result(text: str) -> dict[str, Any]:
    words = text.lower()
    categories = {category: word in words for word, category in FLAGS.items()}
    scores = {category: 0.98 if flagged else 0.01 for category, flagged in categories.items()}
    return {"flagged": any(categories.values()), "categories": categories, "category_scores": scores}
