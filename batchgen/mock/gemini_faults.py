"""Faults of Gemini's generateContent: how a candidate ends, what its parts hold, and Google's own refusals."""

import base64
from collections.abc import Callable
from typing import Any

from batchgen.mock import fault_answers as told
from batchgen.mock import fault_words as words
from batchgen.mock.broken import PREVIEW
from batchgen.mock.fault import FREE, Fault, listed
from batchgen.mock.fault_answers import Alter, Answer


def parts(change: Callable[[list[Any]], list[Any]]) -> Alter:
    """Change the parts of the candidate."""

    def change_answer(answer: Answer) -> Answer:
        candidate = answer["candidates"][0]
        content = {**candidate["content"], "parts": change(candidate["content"]["parts"])}
        return {**answer, "candidates": [{**candidate, "content": content}]}

    return told.changed(change_answer)


def _snake(part: Any) -> Any:
    inline = part["inlineData"]
    return {"inline_data": {"mime_type": inline["mimeType"], "data": inline["data"]}}


THOUGHT = {
    "inlineData": {"mimeType": "image/png", "data": base64.b64encode(PREVIEW).decode()},
    "thought": True,
    "thoughtSignature": "c2lnbmF0dXJl",
}
GEMINI: dict[str, Fault] = {
    **listed("gemini"),
    "gemini_blocked": Fault("promptFeedback.blockReason, no candidates", FREE, spoil=told.come(0), alter=told.changed(
        lambda a: {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": a["usageMetadata"]})),
    "gemini_null": Fault("candidates: null; the input is charged", spoil=told.come(0),
                         alter=told.having(candidates=None)),
    "gemini_text_only": Fault("STOP with words only; the input is charged", spoil=told.come(0)),
    "gemini_empty": Fault("STOP without parts; the input is charged", spoil=told.come(0), alter=parts(lambda _p: [])),
    "gemini_thought": Fault("a drawing of its thoughts before the image; usable", alter=parts(
        lambda p: [{"text": "I draw.", "thought": True}, THOUGHT, *p])),
    "gemini_words": Fault("words before and after the image; usable", alter=parts(
        lambda p: [{"text": "Here it is:"}, *p, {"text": "Shall I change it?"}])),
    "gemini_snake_case": Fault("inline_data instead of inlineData; usable", alter=parts(lambda p: [*map(_snake, p)])),
    "gemini_two_images": Fault("two images, both charged", spoil=told.one_more),
    **{name: Fault(f"{said.status} in Google's words", FREE, reply=said) for name, said in words.GEMINI.items()},
}  # fmt: skip
