"""Faults of Gemini's generateContent: how a candidate ends, what its parts hold, and Google's own refusals."""

import base64
from collections.abc import Callable
from typing import Any

from batchgen.mock import fault_answers as told
from batchgen.mock.broken import PREVIEW
from batchgen.mock.fault import FREE, Fault
from batchgen.mock.fault_answers import Alter, Answer
from batchgen.mock.fault_words import Words
from batchgen.mock.google_words import RETRY_INFO

QUOTA_FAILURE = "type.googleapis.com/google.rpc.QuotaFailure"
QUOTA = (
    "You exceeded your current quota, please check your plan and billing details.\n* Quota exceeded for metric: "
    "generativelanguage.googleapis.com/generate_requests_per_model"
)
SENSITIVE = (
    "The model output could not be generated. This output contains sensitive words that violate Google's Responsible "
    "AI practices. Support code: 42876398."
)


def ended(reason: str, message: str | None = None) -> Fault:
    """End the candidate for a reason, without an image; the input is charged."""
    candidate = {"content": {"role": "model"}, "finishReason": reason, "index": 0}
    candidates = [{**candidate, "finishMessage": message} if message else candidate]
    alter = told.changed(lambda answer: {**answer, "candidates": candidates})
    return Fault(f"finishReason {reason}, no image; the input is charged", spoil=told.come(0), alter=alter)


def parts(change: Callable[[list[Any]], list[Any]]) -> Alter:
    """Change the parts of the candidate."""

    def change_answer(answer: Answer) -> Answer:
        candidate = answer["candidates"][0]
        content = {**candidate["content"], "parts": change(candidate["content"]["parts"])}
        return {**answer, "candidates": [{**candidate, "content": content}]}

    return told.changed(change_answer)


def refused(status: int, code: str, message: str, *details: dict[str, Any]) -> Fault:
    """Refuse in Google's words."""
    shown = {"details": list(details)} if details else {}
    words = Words(status, {"error": {"code": status, "message": message, "status": code, **shown}})
    return Fault(f"{status} {code}", FREE, reply=words)


def _snake(part: Any) -> Any:
    inline = part["inlineData"]
    return {"inline_data": {"mime_type": inline["mimeType"], "data": inline["data"]}}


THOUGHT = {
    "inlineData": {"mimeType": "image/png", "data": base64.b64encode(PREVIEW).decode()},
    "thought": True,
    "thoughtSignature": "c2lnbmF0dXJl",
}
GEMINI: dict[str, Fault] = {
    "gemini_image_safety": ended("IMAGE_SAFETY"),
    "gemini_image_prohibited": ended("IMAGE_PROHIBITED_CONTENT", SENSITIVE),
    "gemini_prohibited": ended("PROHIBITED_CONTENT"),
    "gemini_safety": ended("SAFETY"),
    "gemini_recitation": ended("IMAGE_RECITATION"),
    "gemini_no_image": ended("NO_IMAGE"),
    "gemini_other": ended("IMAGE_OTHER", "Unable to show the generated image. Try rephrasing the prompt."),
    "gemini_max_tokens": ended("MAX_TOKENS"),
    "gemini_malformed": ended("MALFORMED_FUNCTION_CALL"),
    "gemini_blocked": Fault("promptFeedback.blockReason, no candidates", FREE, spoil=told.come(0), alter=told.changed(
        lambda a: {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": a["usageMetadata"]})),
    "gemini_null": Fault("candidates: null; the input is charged", spoil=told.come(0), alter=told.changed(
        lambda a: {**a, "candidates": None})),
    "gemini_text_only": Fault("STOP with words only; the input is charged", spoil=told.come(0)),
    "gemini_empty": Fault("STOP without parts; the input is charged", spoil=told.come(0), alter=parts(lambda _p: [])),
    "gemini_thought": Fault("a drawing of its thoughts before the image; usable", alter=parts(
        lambda p: [{"text": "I draw.", "thought": True}, THOUGHT, *p])),
    "gemini_words": Fault("words before and after the image; usable", alter=parts(
        lambda p: [{"text": "Here it is:"}, *p, {"text": "Shall I change it?"}])),
    "gemini_snake_case": Fault("inline_data instead of inlineData; usable", alter=parts(lambda p: [*map(_snake, p)])),
    "gemini_two_images": Fault("two images, both charged", spoil=told.one_more),
    "gemini_no_usage": Fault("no usageMetadata; usable", alter=told.without("usageMetadata")),
    "gemini_rate": refused(429, "RESOURCE_EXHAUSTED", QUOTA + "\nPlease retry in {wait}s.",
                           {"@type": QUOTA_FAILURE, "violations": [{"quotaId": "GenerateRequestsPerMinute"}]},
                           {"@type": RETRY_INFO, "retryDelay": "{wait}s"}),
    "gemini_rate_day": refused(429, "RESOURCE_EXHAUSTED", QUOTA,
                               {"@type": QUOTA_FAILURE, "violations": [{"quotaId": "GenerateRequestsPerDay"}]}),
    "gemini_rate_plain": refused(429, "RESOURCE_EXHAUSTED", "Resource exhausted. Please try again later."),
    "gemini_overloaded": refused(503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
    "gemini_deadline": refused(504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete."),
    "gemini_internal": refused(500, "INTERNAL", "An internal error has occurred. Please retry."),
    "gemini_billing": refused(400, "FAILED_PRECONDITION", "Gemini API free tier is not available in your country. "
                              "Please enable billing on your project in Google AI Studio."),
    "gemini_location": refused(400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
    "gemini_denied": refused(403, "PERMISSION_DENIED", "Consumer 'project' has been suspended."),
}  # fmt: skip
