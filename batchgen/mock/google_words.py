"""How Google words errors."""

from http import HTTPStatus
from typing import Any

from batchgen.mock.reply import Reply, as_json, told_error

STATUS = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
    409: "ABORTED", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED",
}  # fmt: skip
RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"
ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"


def in_google_words(reply: Reply) -> Reply:
    """Tell an error of the Images API as Google does; anything else stays as it is."""
    told = told_error(reply)
    if told is None or "status" in told or reply.status < HTTPStatus.BAD_REQUEST:
        return reply
    message, code = str(told["message"]), told.get("code")
    waits = dict(reply.headers)
    details: list[dict[str, Any]] = []
    if code == "invalid_api_key":
        details.append({"@type": ERROR_INFO, "reason": "API_KEY_INVALID", "domain": "googleapis.com"})
        return _google(400, "API key not valid. Please pass a valid API key.", details)
    if reply.status == HTTPStatus.UNAUTHORIZED:
        return _google(403, "Method doesn't allow unregistered callers. Please use API Key.", details)
    if (milliseconds := waits.get("retry-after-ms")) is not None:
        details.append({"@type": RETRY_INFO, "retryDelay": f"{int(milliseconds) / 1000:g}s"})
        message += f"\nPlease retry in {int(milliseconds) / 1000:g}s."
    return _google(reply.status, message, details)


def _google(status: int, message: str, details: list[dict[str, Any]]) -> Reply:
    shown = {"details": details} if details else {}
    told = {"code": status, "message": message, "status": STATUS.get(status, "UNKNOWN"), **shown}
    return as_json(status, {"error": told})
