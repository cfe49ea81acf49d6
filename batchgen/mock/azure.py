"""How Azure words what it refuses, and what it adds to its answers."""

from collections.abc import Mapping
from typing import Any

from batchgen.mock.reply import Reply, as_json, told_error

SAFE = {name: {"filtered": False, "severity": "safe"} for name in ("hate", "sexual", "violence")}


def no_version() -> Reply:
    """Refuse a deployment's path without api-version."""
    return as_json(404, {"error": {"code": "404", "message": "Resource not found"}})


def with_filters(answer: dict[str, Any]) -> dict[str, Any]:
    """Add what the content filter found to an answer and to its images."""
    data = [{**entry, "content_filter_results": SAFE} for entry in answer["data"]]
    prompt = [{"prompt_index": 0, "content_filter_results": SAFE}]
    return {**answer, "data": data, "prompt_filter_results": prompt}


def in_azure_words(reply: Reply) -> Reply:
    """Tell errors of key, deployment and rate as Azure does; anything else stays as it is."""
    told = told_error(reply)
    words = _words(reply, told.get("code")) if told else None
    return reply if words is None else as_json(reply.status, {"error": words}, *reply.headers)


def _words(reply: Reply, code: Any) -> Mapping[str, str] | None:
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
