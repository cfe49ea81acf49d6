"""What the mock will not draw: living artists by name, what says so itself, and a share by chance.

`/v1/moderations` is free, and judges a prompt by a few words alone.
"""

import json
from dataclasses import replace
from typing import Any

from aiohttp import web

from batchgen.mock.config import MockConfig
from batchgen.mock.data import text_of
from batchgen.mock.listener import as_response
from batchgen.mock.reply import Refused, Reply, as_json, missing_parameter, wrong_value
from batchgen.mock.resolved_request import ResolvedRequest
from batchgen.mock.seeded import draw

LIVING_ARTISTS = tuple(text_of("artists.txt").splitlines())
MARK = "[moderated]"
FLAGS = {"gore": "violence/graphic", "nude": "sexual", "hateful": "hate", "[flagged]": "illicit"}
"""Words that are flagged, each with its category."""
MOST = 100


def flagged(prompt: str, config: MockConfig) -> bool:
    """Say whether a prompt is moderated; always the same for the same prompt and seed."""
    words = prompt.lower()
    named = MARK in words or any(artist in words for artist in LIVING_ARTISTS)
    return named or draw(config.seed, "moderation", prompt) < config.moderation


def withhold(resolved: ResolvedRequest, config: MockConfig) -> ResolvedRequest:
    """Leave out the images that moderation, or chance, keeps back silently.

    A flagged prompt loses at least half of what was asked; `partial` calls lose some of it.
    """
    if flagged(resolved.prompt, config):
        lost = (resolved.n + 1) // 2
    elif resolved.n > 1 and draw(config.seed, "partial", resolved.prompt, resolved.call) < config.partial:
        lost = 1 + int(draw(config.seed, "lost", resolved.prompt, resolved.call) * (resolved.n - 1))
    else:
        return resolved
    ranked = sorted(range(resolved.n), key=lambda slot: draw(config.seed, "slot", resolved.prompt, resolved.call, slot))
    return replace(resolved, deliver=resolved.n - lost, withheld=tuple(sorted(ranked[:lost])))


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
