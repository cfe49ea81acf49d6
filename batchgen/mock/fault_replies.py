"""Faults that answer with something else than pictures."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from batchgen.mock.plan import Hit
from batchgen.mock.reply import Reply, as_json, error, html, overloaded, rate_limited, server_error, wrong_key

Instead = Callable[[Hit], Reply]


def always(reply: Reply) -> Instead:
    """The same for every call."""
    return lambda _hit: reply


def page(status: int, title: str) -> Instead:
    """A proxy's page."""
    return always(html(status, f"{status} {title}"))


def empty(status: int) -> Instead:
    """No body at all."""
    return always(Reply(status, b"", "text/plain"))


def failed(status: int, message: str, code: str | None = None, kind: str = "api_error") -> Instead:
    """A JSON error."""
    return always(error(status, message, code, kind=kind))


def internal(_hit: Hit) -> Reply:
    """The vendor's own failure."""
    return server_error()


def quota(_hit: Hit) -> Reply:
    """No credit left, dressed as a rate limit."""
    message = "You exceeded your current quota, please check your plan and billing details."
    return error(429, message, "insufficient_quota", kind="insufficient_quota")


def limit(hit: Hit) -> Reply:
    """A rate limit with both headers; option wait, in seconds."""
    return rate_limited("images", 5, 5, 1, hit.number("wait", 0.05))


def limit_dated(hit: Hit) -> Reply:
    """A rate limit whose Retry-After is an HTTP date; option wait, in seconds."""
    when = datetime.now(UTC) + timedelta(seconds=hit.number("wait", 1))
    return _limit(format_datetime(when, usegmt=True))


def limit_said(hit: Hit) -> Reply:
    """A rate limit whose Retry-After is the option value, as it stands."""
    return _limit(hit.options.get("value", "soon"))


def _limit(retry_after: str) -> Reply:
    body = rate_limited("images", 5, 5, 1, 1).body
    return Reply(429, body, headers=(("retry-after", retry_after),))


def limit_plain(_hit: Hit) -> Reply:
    """A gateway's rate limit: no header, no time in the message."""
    message = "Rate limit exceeded for images per minute. Limit: 50/min."
    return error(429, message, "rate_limit_exceeded", kind="rate_limit_error")


def limit_zero(_hit: Hit) -> Reply:
    """The account has no access at all."""
    return rate_limited("images", 0, 0, 1, 60)


def busy(_hit: Hit) -> Reply:
    """Too much to do for everybody."""
    return overloaded()


def elsewhere(status: int) -> Instead:
    """A redirect; option to, an address."""

    def redirect(hit: Hit) -> Reply:
        return Reply(status, headers=(("location", hit.options.get("to", "/elsewhere")),))

    return redirect


def key_as_text(_hit: Hit) -> Reply:
    """JSON that says it is text, with part of a key in it."""
    return Reply(401, wrong_key("sk-mock-0000000000-abcd").body, "text/plain; charset=utf-8")


def verification(_hit: Hit) -> Reply:
    """The organisation must be verified; no code, only words."""
    message = (
        "Your organization must be verified to use the model `gpt-image-1`. Please go to: "
        "https://platform.openai.com/settings/organization/general and click on Verify Organization. If you just "
        "verified, it can take up to 15 minutes for access to propagate."
    )
    return error(403, message)


def escapes(_hit: Hit) -> Reply:
    """An error message that would drive a terminal."""
    return error(
        400, "\x1b]0;owned\x07\x1b[31mBad\x1b[0m\u202egnp.tac\x9b2J\r\nINFO paid $0", "invalid_value", param="size"
    )


def inside(code: str, message: str) -> Instead:
    """Status 200 with an error in the body."""
    return always(as_json(200, {"error": {"message": message, "type": f"{code}_error", "param": None, "code": code}}))


def body(content: bytes, kind: str = "application/json", status: int = 200) -> Instead:
    """These bytes."""
    return always(Reply(status, content, kind))
