"""Free questions to a provider: what the doctor asks. Nothing here can be charged."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from yarl import URL

from batchgen.executor.network_cause import network_cause
from batchgen.executor.proxies import DIRECT, Proxies
from batchgen.model import Cause
from batchgen.providers.api_error import complaint
from batchgen.providers.decode import BodyKind, kind_of
from batchgen.providers.verdict import answered_by
from batchgen.redact import redacted

SECONDS = 20.0
MOST = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; `status` is None when nothing did, and `trouble` says why.

    `cause` is what is wrong between here and the provider, where that is known.
    """

    status: int | None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    trouble: str = ""
    cause: Cause = Cause.NONE


async def ask(
    url: str, headers: Mapping[str, str], secrets: tuple[str, ...], body: object = None, proxies: Proxies = DIRECT
) -> Reply:
    """GET an address, or POST a body to it; follows no redirect, and network trouble is a reply."""
    method, at = "GET" if body is None else "POST", URL(url, encoded=True)
    try:
        async with (
            aiohttp.ClientSession(trust_env=False, timeout=aiohttp.ClientTimeout(total=SECONDS)) as session,
            session.request(
                method, at, headers=headers, json=body, allow_redirects=False, **proxies.options(at)
            ) as answer,
        ):
            text = await _whole(answer.content)
            names = {name.lower(): value for name, value in answer.headers.items()}
            body = _parsed(text)
            return Reply(answer.status, names, body, cause=_cause(answer.status, text, body))
    except aiohttp.ClientHttpProxyError as error:
        return Reply(None, trouble=f"the proxy answers {error.status} and opens no tunnel", cause=Cause.PROXY_REFUSED)
    except (TimeoutError, aiohttp.ClientError, ValueError, OSError) as error:
        return Reply(None, trouble=redacted(f"{type(error).__name__}: {error}", secrets), cause=_before(error))


async def _whole(content: aiohttp.StreamReader) -> bytes:
    """Read a body to its end; of one that is longer than `MOST` only the beginning is read."""
    text = bytearray()
    async for piece in content.iter_any():
        text += piece
        if len(text) > MOST:
            break
    return bytes(text[:MOST])


def _before(error: BaseException) -> Cause:
    """Say what kept an answer from coming: the network, or somebody who speaks another language."""
    return Cause.NOT_HTTP if isinstance(error, aiohttp.ClientResponseError) else network_cause(error)


def _cause(status: int, text: bytes, body: object) -> Cause:
    error = complaint(body)
    return answered_by(status, web_page=kind_of(text) is BodyKind.HTML, words=error.message if error else None)


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
