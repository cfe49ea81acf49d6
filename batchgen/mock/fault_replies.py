"""Faults that answer with something else than images."""

from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime

from batchgen.mock.plan import Hit
from batchgen.mock.reply import Reply, as_json, error, html, rate_limited

Instead = Callable[[Hit], Reply]


def always(reply: Reply) -> Instead:
    """Answer every call alike."""
    return lambda _hit: reply


def page(status: int, title: str) -> Instead:
    """Answer with a proxy's page."""
    return always(html(status, f"{status} {title}"))


def empty(status: int) -> Instead:
    """Answer without a body."""
    return always(Reply(status, b"", "text/plain"))


def failed(status: int, message: str, code: str | None = None, kind: str = "api_error") -> Instead:
    """Answer with a JSON error."""
    return always(error(status, message, code, kind=kind))


def limit(hit: Hit) -> Reply:
    """Refuse by a rate limit with both headers; option wait, in seconds."""
    return rate_limited("images", 5, 5, 1, hit.number("wait", 0.05))


def limit_dated(hit: Hit) -> Reply:
    """Refuse by a rate limit whose Retry-After is an HTTP date; option wait, in seconds."""
    when = hit.context.at + timedelta(seconds=hit.number("wait", 1))
    return _limit(format_datetime(when, usegmt=True))


def limit_said(hit: Hit) -> Reply:
    """Refuse by a rate limit whose Retry-After is the option value, as it stands."""
    return _limit(hit.options.get("value", "soon"))


def _limit(retry_after: str) -> Reply:
    body = rate_limited("images", 5, 5, 1, 1).body
    return Reply(429, body, headers=(("retry-after", retry_after),))


def elsewhere(status: int) -> Instead:
    """Redirect; option to, an address."""

    def redirect(hit: Hit) -> Reply:
        return Reply(status, headers=(("location", hit.options.get("to", "/elsewhere")),))

    return redirect


def inside(code: str, message: str) -> Instead:
    """Answer 200 with an error in the body."""
    return always(as_json(200, {"error": {"message": message, "type": f"{code}_error", "param": None, "code": code}}))


def body(content: bytes, kind: str = "application/json", status: int = 200) -> Instead:
    """Answer with these bytes."""
    return always(Reply(status, content, kind))
