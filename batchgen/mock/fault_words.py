"""Refusals in the words of many servers, as data: what they say of moderation, money, rate and account.

`{wait}` becomes option wait in seconds, `{id}` the id of the request.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from batchgen.mock.plan import Hit
from batchgen.mock.reply import JSON, Reply

RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"
GOOGLE_QUOTA = (
    "You exceeded your current quota, please check your plan and billing details. For more information on this error,"
    " head to: https://ai.google.dev/gemini-api/docs/rate-limits.\nPlease retry in {wait}s."
)
AZURE_POLICY = (
    "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. Please modify "
    "your prompt and retry."
)
FILTERED = {
    "hate": {"filtered": False, "severity": "safe"},
    "sexual": {"filtered": True, "severity": "medium"},
    "violence": {"filtered": False, "severity": "safe"},
}


@dataclass(frozen=True, slots=True)
class Words:
    """One refusal: status, body (JSON, or text as it stands), and further headers."""

    status: int
    body: Any
    headers: tuple[tuple[str, str], ...] = ()
    wait: float = 1.0
    kind: str = JSON

    def __call__(self, hit: Hit) -> Reply:
        """Refuse a call."""
        said = {"{wait}": f"{hit.number('wait', self.wait):g}", "{id}": hit.context.request}
        text = self.body if isinstance(self.body, str) else json.dumps(self.body, ensure_ascii=False)
        headers = tuple((name, _filled(value, said)) for name, value in self.headers)
        return Reply(self.status, _filled(text, said).encode("utf-8", "replace"), self.kind, headers)


def _filled(text: str, said: Mapping[str, str]) -> str:
    for mark, value in said.items():
        text = text.replace(mark, value)
    return text


def said(status: int, message: str, code: Any = None, kind: str | None = None, **more: Any) -> Words:
    """Refuse with an error body as the Images API writes it."""
    return Words(status, {"error": {"message": message, "type": kind, "param": None, "code": code, **more}})


MODERATION: dict[str, Words] = {
    "moderation_azure": said(
        400, "Your task failed as a result of our safety system.", "contentFilter",
        inner_error={"code": "ResponsibleAIPolicyViolation", "content_filter_results": FILTERED},
    ),
    "moderation_azure_policy": said(400, AZURE_POLICY, "content_filter", innererror={
        "code": "ResponsibleAIPolicyViolation", "content_filter_result": FILTERED}),
    "moderation_azure_words": said(400, AZURE_POLICY, "400"),
    "moderation_threshold": Words(400, {"error": {
        "code": 400, "status": "INVALID_ARGUMENT",
        "message": "The prompt was prohibited by the current safety filter threshold. Support codes: 58061214"}}),
    "moderation_policy": said(400, "Your request was rejected as a result of our safety system.",
                              "content_policy_violation", "invalid_request_error"),
    "moderation_seedream_input": said(
        400, "The request failed because the input text may contain sensitive information. Request id: {id}",
        "InputTextSensitiveContentDetected", "BadRequest"),
    "moderation_seedream_output": said(
        400, "The request failed because the output image may contain sensitive information. Request id: {id}",
        "OutputImageSensitiveContentDetected", "BadRequest"),
    "moderation_inspection": Words(400, {"code": "DataInspectionFailed", "request_id": "{id}",
                                         "message": "Output data may contain inappropriate content."}),
    "moderation_flagged": Words(403, {"error": {
        "code": 403, "message": "Your chosen model requires moderation and your input was flagged.",
        "metadata": {"reasons": ["sexual"], "flagged_input": "A lamp", "provider_name": "Mock"}}}),
    "moderation_detail": Words(422, {"detail": [{
        "loc": ["body", "prompt"], "type": "content_policy_violation",
        "msg": "The content could not be processed because it was flagged by a content checker."}]}),
    "moderation_guidelines": Words(400, {
        "code": "Client specified an invalid argument",
        "error": "Generated image rejected by content moderation: it violates our usage guidelines."}),
    "moderation_in_500": said(500, "Image generation blocked by the safety system (upstream 400).", "bad_response",
                              "upstream_error"),
    "moderation_status": Words(200, {"id": "{id}", "status": "Content Moderated", "result": None}),
    "moderation_finish": Words(200, {"artifacts": [{"finishReason": "CONTENT_FILTERED", "base64": None, "seed": 1}]}),
}  # fmt: skip

RATE: dict[str, Words] = {
    "rate_retry_after": Words(429, {"error": {"message": "Too many requests.", "type": "rate_limit_error",
                                              "param": None, "code": "rate_limit_exceeded"}},
                              (("retry-after", "{wait}"),)),
    "rate_quota_words": said(429, GOOGLE_QUOTA, None, "insufficient_quota"),
    "rate_google": Words(429, {"error": {
        "code": 429, "message": GOOGLE_QUOTA, "status": "RESOURCE_EXHAUSTED",
        "details": [{"@type": RETRY_INFO, "retryDelay": "{wait}s"}]}}),
    "rate_google_list": Words(429, [{"error": {
        "code": 429, "message": "Resource has been exhausted (e.g. check quota).", "status": "RESOURCE_EXHAUSTED",
        "details": [{"@type": RETRY_INFO, "retryDelay": "{wait}s"}]}}]),
    "rate_azure": said(
        429, "Requests to the ImageGenerations_Create Operation have exceeded call rate limit of your current pricing"
        " tier. Please retry after {wait} seconds.", "429"),
    "rate_body": Words(429, {"error": "Too many requests", "retry_after": 1}),
    "rate_body_ms": Words(429, {"message": "slow down", "retry_after_ms": 500, "code": 42901}),
    "rate_words": said(429, "You are sending requests too quickly. Try again in {wait} seconds.", None, "None"),
    "rate_concurrency": said(429, "Concurrency limit reached for this key: 4 requests are in progress.", "1302"),
    "rate_reset": Words(429, "", (("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "{wait}s")),
                        kind="text/plain"),
    "rate_headers": Words(429, "Too Many Requests\n", (("ratelimit-remaining", "0"), ("ratelimit-reset", "{wait}")),
                          kind="text/plain"),
    "rate_503": Words(503, {"error": {"message": "No deployments available, try again later.", "type": "None",
                                      "param": None, "code": "503"}}, (("retry-after", "{wait}"),)),
}  # fmt: skip

ACCOUNT: dict[str, Words] = {
    "account_budget": said(400, "Budget has been exceeded! Current cost: 0.24, Max budget: 0.2", "400",
                           "budget_exceeded"),
    "account_budget_429": said(429, "Budget has been exceeded! Current cost: 0.24, Max budget: 0.2", "429",
                               "budget_exceeded"),
    "account_balance": said(403, "用户额度不足, 剩余额度: $0.000000 (request id: {id})", "insufficient_user_quota",
                            "new_api_error"),
    "account_credits": said(400, "Your credit balance is too low. Please purchase credits.", None,
                            "invalid_request_error"),
    "account_disabled": said(403, "This API key has been disabled by its owner. Ticket {id}.", "access_denied"),
    "account_paused": said(400, "The workspace is paused. Request {id}."),
    "account_arrears": Words(400, {"code": "Arrearage", "message": "Access denied, please make sure your account is in"
                                   " good standing.", "request_id": "{id}"}),
    "account_payment": Words(402, {"error": {"code": 402, "message": "Insufficient credits. Add more to go on."}}),
}  # fmt: skip

MODELS: dict[str, Words] = {
    "model_unknown": said(404, "The model `lamp-1` does not exist or you do not have access to it.", "model_not_found",
                          "invalid_request_error"),
    "model_shut_down": said(404, "The model `lamp-1` has been deprecated, learn more here: /docs/deprecations"),
    "model_not_open": said(403, "Project `proj_{id}` does not have access to model `lamp-1`", "model_not_found"),
    "model_deployment": said(404, "The API deployment for this resource does not exist. If you created the deployment"
                             " within the last 5 minutes, please wait a moment and try again.", "DeploymentNotFound"),
    "model_litellm": said(400, "/images/generations: Invalid model name passed in model=lamp-1. Call `/v1/models` to"
                          " view available models for your key.", "400", "None"),
    "model_vllm": Words(404, {"object": "error", "message": "The model `lamp-1` does not exist.",
                              "type": "NotFoundError", "param": None, "code": 404}),
    "model_google": said(404, "models/lamp-1 is not found for API version v1beta, or is not supported for predict."
                         " Call ListModels to see the list of available models.", 404, "NOT_FOUND"),
    "model_openrouter": Words(404, {"error": {"code": 404, "message": "No endpoints found for lamp/lamp-1."}}),
    "model_param": Words(400, {"error": {"message": "Invalid value: 'lamp-1'. Value must be 'dall-e-2'.",
                               "type": "invalid_request_error", "param": "model", "code": "invalid_value"}}),
    "model_channel": said(503, "No available channel for model lamp-1 under group default (distributor) (request id:"
                          " {id})", "model_not_found", "new_api_error"),
}  # fmt: skip
"""A model that is retired, unknown, or not open to this key."""

UNKNOWN: dict[str, Words] = {
    "unknown_empty": Words(200, {}),
    "unknown_task": Words(200, {"code": 200, "data": [{"status": "submitted", "task_id": "task_{id}"}]}),
    "unknown_queued": Words(202, {"id": "{id}", "object": "image.generation", "status": "queued", "progress": 0}),
    "unknown_message": Words(200, {"code": 1305, "msg": "upstream worker is overloaded", "data": None}),
    "unknown_success": Words(200, {"success": False, "result": None, "errors": [{"code": 7003, "message": "No"}]}),
    "unknown_detail": Words(200, {"detail": "Not Found"}),
    "unknown_chat": Words(200, {"id": "chatcmpl-{id}", "object": "chat.completion", "choices": [{
        "index": 0, "finish_reason": "stop",
        "message": {"role": "assistant", "content": "Sure! Imagine a lamp of brass upon a table of oak."}}]}),
    "unknown_words": Words(200, "Request accepted, your image will be sent by mail.", kind="text/plain"),
    "unknown_number": Words(200, "42"),
    "html_200_console": Words(
        200, '<!doctype html><html lang="en"><head><title>Console</title><script src="/app.js"></script></head>'
        '<body><div id="root"></div></body></html>', kind="text/html; charset=utf-8"),
}  # fmt: skip

INPUT: dict[str, Words] = {
    "input_unreachable": said(400, "Error while downloading the file. Upstream status code: 404.",
                              "invalid_image_url", "invalid_request_error"),
    "input_late": said(400, "Timeout while downloading https://shop.example/{id}.png.", None, "invalid_request_error"),
    "input_no_host": Words(422, {"code": "Client specified an invalid argument",
                                 "error": "Failed to download image from https://images.invalid/{id}.png"}),
}  # fmt: skip
