"""What arrived, in detail, for tests that compare requests part by part; never a key."""

from collections import deque
from hashlib import sha256
from typing import Any

from aiohttp import web

from batchgen.mock.form import Form

LONGEST = 4000
KEY_HEADERS = frozenset({"authorization", "api-key", "x-goog-api-key"})


class Record:
    """The latest requests as they arrived."""

    def __init__(self, most: int) -> None:
        self._seen: deque[dict[str, Any]] = deque(maxlen=most)

    def note(self, request: web.Request, index: int | None = None, form: Form | None = None) -> None:
        """Keep what a request says; `index` is its line on the bill, if it has one."""
        if not self._seen.maxlen:
            return
        authorised = request.headers.get("Authorization", "").partition(" ")[0]
        headers = [(k, v) for k, v in request.headers.items() if k.lower() not in KEY_HEADERS]
        self._seen.append(
            {
                "index": index,
                "method": request.method,
                "path": request.raw_path,
                "authorization": authorised or None,
                "headers": headers,
                "fields": _short(form.fields) if form else {},
                "parts": list(form.parts) if form else [],
            }
        )

    def all(self) -> list[dict[str, Any]]:
        """List the requests, oldest first."""
        return list(self._seen)


def _short(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _short(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_short(item) for item in value]
    if isinstance(value, str) and len(value) > LONGEST:
        digest = sha256(value.encode("utf-8", "replace")).hexdigest()
        return f"<{len(value)} characters, sha256 {digest}>"
    return value
