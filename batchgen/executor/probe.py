"""Free questions to a provider: what the doctor asks. Nothing here can be charged."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from yarl import URL

from batchgen.redact import redacted

SECONDS = 20.0
MOST = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; `status` is None when nothing did, and `trouble` says why."""

    status: int | None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    trouble: str = ""


async def ask(url: str, headers: Mapping[str, str], secrets: tuple[str, ...], body: object = None) -> Reply:
    """GET an address, or POST a body to it; follows no redirect, and network trouble is a reply."""
    method = "GET" if body is None else "POST"
    try:
        async with (
            aiohttp.ClientSession(trust_env=False, timeout=aiohttp.ClientTimeout(total=SECONDS)) as session,
            session.request(
                method, URL(url, encoded=True), headers=headers, json=body, allow_redirects=False
            ) as answer,
        ):
            text = await answer.content.read(MOST)
            names = {name.lower(): value for name, value in answer.headers.items()}
            return Reply(answer.status, names, _parsed(text))
    except (TimeoutError, aiohttp.ClientError, ValueError, OSError) as error:
        return Reply(None, trouble=redacted(f"{type(error).__name__}: {error}", secrets))


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
