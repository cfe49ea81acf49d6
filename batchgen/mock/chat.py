"""The chat route that some gateways sell images over: the last message is the prompt, a marker in it the ratio."""

import re
from typing import Any

from batchgen.mock.config import MockConfig
from batchgen.mock.dialects import Dialect
from batchgen.mock.form import Form
from batchgen.mock.reply import Refused, missing_parameter, no_model
from batchgen.mock.resolved_request import Kind, ResolvedRequest

RATIO = re.compile(r"[【\[(]\s*(2:3|3:2|1:1)\s*[】\])]")
PIXELS = {"1:1": (1024, 1024), "2:3": (1024, 1536), "3:2": (1536, 1024)}


def check_chat(form: Form, dialect: Dialect, config: MockConfig) -> ResolvedRequest:
    """Resolve a chat request; Refused where no image is sold this way."""
    name = form.text("model")
    if not name:
        raise Refused(missing_parameter("model"))
    model = dialect.model(name, config)
    if not (dialect.chat and model.chat):
        raise Refused(no_model(name))
    prompt = said(form.fields.get("messages"))
    if not prompt:
        raise Refused(missing_parameter("messages"))
    ratio = RATIO.search(prompt)
    width, height = PIXELS[ratio[1] if ratio else "1:1"]
    return ResolvedRequest(Kind.CHAT, model, prompt, 1, 1, width, height, "medium", "png", "png", answers="url")


def said(messages: Any) -> str:
    """Read the text of the last message, whole or in parts."""
    if not isinstance(messages, list) or not messages or not isinstance(messages[-1], dict):
        return ""
    content = messages[-1].get("content")
    parts = content if isinstance(content, list) else [{"text": content}]
    return " ".join(text for part in parts if isinstance(part, dict) and isinstance(text := part.get("text"), str))
