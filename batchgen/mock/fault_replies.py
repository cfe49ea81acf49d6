"""Faults that answer with something else than images."""

from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime

from batchgen.mock.plan import Hit
from batchgen.mock.reply import Reply, as_json, error, html, overloaded, rate_limited, server_error, wrong_key

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


def internal(_hit: Hit) -> Reply:
    """Answer with the vendor's own failure."""
    return server_error()


def quota(_hit: Hit) -> Reply:
    """Refuse for want of credit, dressed as a rate limit."""
    message = "You exceeded your current quota, please check your plan and billing details."
    return error(429, message, "insufficient_quota", kind="insufficient_quota")


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


def limit_plain(_hit: Hit) -> Reply:
    """Refuse by a gateway's rate limit: no header, no time in the message."""
    message = "Rate limit exceeded for images per minute. Limit: 50/min."
    return error(429, message, "rate_limit_exceeded", kind="rate_limit_error")


def limit_zero(_hit: Hit) -> Reply:
    """Refuse an account that has no access at all."""
    return rate_limited("images", 0, 0, 1, 60)


def busy(_hit: Hit) -> Reply:
    """Say that there is too much to do for everybody."""
    return overloaded()


def elsewhere(status: int) -> Instead:
    """Redirect; option to, an address."""

    def redirect(hit: Hit) -> Reply:
        return Reply(status, headers=(("location", hit.options.get("to", "/elsewhere")),))

    return redirect


def key_as_text(_hit: Hit) -> Reply:
    """Answer with JSON that says it is text, with part of a key in it."""
    return Reply(401, wrong_key("sk-mock-0000000000-abcd").body, "text/plain; charset=utf-8")


def verification(_hit: Hit) -> Reply:
    """Demand a verified organisation; no code, only words."""
    message = (
        "Your organization must be verified to use the model `gpt-image-1`. Please go to: "
        "https://platform.openai.com/settings/organization/general and click on Verify Organization. If you just "
        "verified, it can take up to 15 minutes for access to propagate."
    )
    return error(403, message)


def escapes(_hit: Hit) -> Reply:
    """Answer with an error message that would drive a terminal."""
    return error(
        400, "\x1b]0;owned\x07\x1b[31mBad\x1b[0m\u202egnp.tac\x9b2J\r\nINFO paid $0", "invalid_value", param="size"
    )


def inside(code: str, message: str) -> Instead:
    """Answer 200 with an error in the body."""
    return always(as_json(200, {"error": {"message": message, "type": f"{code}_error", "param": None, "code": code}}))


def body(content: bytes, kind: str = "application/json", status: int = 200) -> Instead:
    """Answer with these bytes."""
    return always(Reply(status, content, kind))
