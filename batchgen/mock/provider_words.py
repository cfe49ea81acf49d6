"""How providers word what they refuse, where that is not as their vendor does."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from batchgen.mock.reply import Reply, as_json, told_error

GOOGLE_STATUS = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
    409: "ABORTED", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED",
}  # fmt: skip
RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"
ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"
ROUTED = {401: "User not found.", 402: "Insufficient credits"}
XAI = {429: "Some resource has been exhausted", 500: "The service is currently unavailable"}


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
    told = {"code": status, "message": message, "status": GOOGLE_STATUS.get(status, "UNKNOWN"), **shown}
    return as_json(status, {"error": told})


def in_azure_words(reply: Reply) -> Reply:
    """Tell errors of key, deployment and rate as Azure does; anything else stays as it is."""
    told = told_error(reply)
    words = _azure(reply, told.get("code")) if told else None
    return reply if words is None else as_json(reply.status, {"error": words}, *reply.headers)


def _azure(reply: Reply, code: Any) -> Mapping[str, str] | None:
    match reply.status, code:
        case 401, _:
            access = "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid"
            return {"code": "401", "message": f"{access} key for an active subscription."}
        case 404, "model_not_found":
            exists = "The API deployment for this resource does not exist. If you created the deployment within the "
            return {"code": "DeploymentNotFound", "message": f"{exists}last 5 minutes, please wait and try again."}
        case 429, "rate_limit_exceeded":
            seconds = dict(reply.headers).get("retry-after", "1")
            limit = "Requests to the ImageGenerations_Create Operation have exceeded call rate limit of your current "
            return {"code": "429", "message": f"{limit}pricing tier. Please retry after {seconds} seconds."}
        case _:
            return None


def in_routed_words(reply: Reply) -> Reply:
    """Tell an error as OpenRouter does: with its status for a code."""
    if (told := told_error(reply)) is None:
        return reply
    more = {"metadata": told["metadata"]} if "metadata" in told else {}
    words = {"code": reply.status, "message": ROUTED.get(reply.status, str(told["message"])), **more}
    return as_json(reply.status, {"error": words, "user_id": "user_mock"}, *reply.headers)


def in_xai_words(reply: Reply) -> Reply:
    """Tell an error as xAI does; a key that it does not know is a wrong argument."""
    if (told := told_error(reply)) is None:
        return reply
    status = 400 if told.get("code") == "invalid_api_key" else reply.status
    words = XAI.get(status, "Client specified an invalid argument")
    return as_json(status, {"code": words, "error": str(told["message"])}, *reply.headers)


WORDS: Mapping[str, Callable[[Reply], Reply]] = {
    "gemini": in_google_words,
    "azure": in_azure_words,
    "openrouter": in_routed_words,
    "xai": in_xai_words,
}


def worded(reply: Reply, provider: str) -> Reply:
    """Tell a refusal in the words of a provider."""
    return WORDS[provider](reply) if provider in WORDS else reply
