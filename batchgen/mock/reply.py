"""What goes back: status, headers and body; and the error bodies as the vendor and the gateways word them."""

import json
from dataclasses import dataclass, replace
from typing import Any

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Reply:
    """One whole answer."""

    status: int
    body: bytes = b""
    kind: str = JSON
    headers: tuple[tuple[str, str], ...] = ()

    def having(self, *headers: tuple[str, str]) -> "Reply":
        """Return the same with more headers."""
        return replace(self, headers=(*self.headers, *headers))


class Refused(Exception):
    """The request is answered with this and nothing is drawn."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


def as_json(status: int, value: Any, *headers: tuple[str, str]) -> Reply:
    """Tell a value as JSON."""
    return Reply(status, json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace"), JSON, headers)


def error(
    status: int,
    message: str,
    code: str | None = None,
    *,
    kind: str = "invalid_request_error",
    param: str | None = None,
    **more: Any,
) -> Reply:
    """Tell an error as the Images API writes it."""
    return as_json(status, {"error": {"message": message, "type": kind, "param": param, "code": code, **more}})


def told_error(reply: Reply) -> dict[str, Any] | None:
    """Read the error that an answer tells as the Images API writes it; None where it tells none."""
    try:
        told = json.loads(reply.body)["error"]
    except (ValueError, KeyError, TypeError):
        return None
    return told if isinstance(told, dict) and "message" in told else None


def html(status: int, title: str) -> Reply:
    """Show the page of a proxy that stands before the API."""
    page = f"<html>\r\n<head><title>{title}</title></head>\r\n<body><center><h1>{title}</h1></center></body>\r\n</html>"
    return Reply(status, page.encode(), "text/html; charset=utf-8")


def no_key() -> Reply:
    """Refuse a request without an Authorization header."""
    return error(401, "You didn't provide an API key. Provide it in an Authorization header using Bearer auth.")


def wrong_key(key: str) -> Reply:
    """Refuse a key; like the vendor's, the message repeats part of it."""
    shown = f"{key[:8]}{'*' * max(4, len(key) - 12)}{key[-4:]}" if len(key) > 12 else key
    return error(
        401,
        f"Incorrect API key provided: {shown}. You can find your API key at https://platform.openai.com/account/api-keys.",
        "invalid_api_key",
    )


def no_version() -> Reply:
    """Refuse a deployment's path without api-version, as Azure does."""
    return as_json(404, {"error": {"code": "404", "message": "Resource not found"}})


def no_model(name: str) -> Reply:
    """Refuse a model nobody here knows."""
    return error(404, f"The model '{name}' does not exist or you do not have access to it.", "model_not_found")


def retired_model(name: str, day: str) -> Reply:
    """Refuse a model that was shut down."""
    return error(
        404,
        f"The model `{name}` was shut down on {day} and can no longer be used. "
        "Learn more here: https://platform.openai.com/docs/deprecations",
        "model_not_found",
    )


def unknown_parameter(name: str) -> Reply:
    """Refuse a parameter that is not taken."""
    return error(400, f"Unknown parameter: '{name}'.", "unknown_parameter", param=name)


def missing_parameter(name: str) -> Reply:
    """Demand a parameter that must be there."""
    return error(400, f"Missing required parameter: '{name}'.", "missing_required_parameter", param=name)


def bad_value(name: str, value: object, allowed: tuple[str, ...]) -> Reply:
    """Refuse a value that is not one of those allowed."""
    listed = ", ".join(f"'{v}'" for v in allowed[:-1])
    known = f"{listed}, and '{allowed[-1]}'" if listed else f"'{allowed[0]}'"
    return error(400, f"Invalid value: '{value}'. Supported values are: {known}.", "invalid_value", param=name)


def wrong_value(param: str, message: str, code: str = "invalid_value") -> Reply:
    """Refuse the value of a parameter."""
    return error(400, message, code, param=param)


def bad_image(number: int) -> Reply:
    """Refuse a reference image that cannot be read; counted from 1."""
    return error(
        400,
        f"Invalid image file or mode for image {number}, please check your image file.",
        "invalid_image_file",
        kind="image_generation_user_error",
        param="image",
    )


def bad_file(name: str) -> Reply:
    """Refuse a file that was uploaded for something else."""
    return error(400, f"The file '{name}' cannot be used as an image.", "invalid_value", param="images")


def server_error() -> Reply:
    """Tell of the vendor's own failure."""
    return error(
        500,
        "The server had an error processing your request. Sorry about that! You can retry your request, or contact us "
        "if you keep seeing this error. (Please include the request ID req_mock in your email.)",
        "server_error",
        kind="server_error",
    )


def overloaded() -> Reply:
    """Say that there is too much to do for everybody."""
    return error(
        503,
        "The server is currently overloaded with other requests. Please try again later.",
        "server_is_overloaded",
        kind="service_unavailable_error",
    )


def rate_limited(what: str, limit: int, used: int, asked: int, wait: float, model: str = "gpt-image") -> Reply:
    """Refuse what comes too fast: both headers and the message say how long to wait."""
    return error(
        429,
        f"Rate limit reached for {model} (for limit gpt-image) in organization org-mock on {what} per min: "
        f"Limit {limit}, Used {used}, Requested {asked}. Please try again in {duration(wait)}.",
        "rate_limit_exceeded",
        kind=what,
    ).having(*retry_after(wait))


def refused_bare() -> Reply:
    """Refuse what comes too fast, and say nothing of when or how much."""
    return error(429, "Too many requests", "429", kind="None")


def retry_after(wait: float) -> tuple[tuple[str, str], ...]:
    """Say how long to wait, in whole seconds and in milliseconds."""
    milliseconds = max(1, -int(-wait * 1000 // 1))
    return (("retry-after", str(-(-milliseconds // 1000))), ("retry-after-ms", str(milliseconds)))


def duration(seconds: float) -> str:
    """Write seconds as the rate-limit headers do: `120ms`, `1.5s`, `6m0s`."""
    if seconds < 1:
        return f"{max(0, round(seconds * 1000))}ms"
    minutes, rest = divmod(round(seconds, 3), 60)
    return f"{int(minutes)}m{rest:g}s" if minutes else f"{rest:g}s"
