"""The table of dialects: a provider file names one, and nothing above this room knows how it speaks."""

from collections.abc import Callable
from dataclasses import dataclass

from batchgen.errors import InputError
from batchgen.model import Attempt, Provider
from batchgen.providers import chat, images
from batchgen.providers.answer import Answer
from batchgen.providers.decode import TEXT_CAP, Document
from batchgen.providers.uploads import Uploads
from batchgen.providers.wire import WireRequest

Params = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How to ask and how to read: two pure functions, and how much text an answer may hold around its images."""

    name: str
    request: Callable[[Attempt, Provider, Params, Uploads], WireRequest]
    read: Callable[[Document, Attempt], Answer]
    text_cap: int = TEXT_CAP


DIALECTS = {
    "images": Dialect("images", images.request, images.read),
    "chat": Dialect("chat", chat.request, chat.read, chat.TEXT_CAP),
}


def dialect(provider: Provider, model: str) -> Dialect:
    """The dialect that a provider speaks for a model; InputError when no module speaks it."""
    name = "chat" if model in provider.chat_models else provider.dialect
    if name not in DIALECTS:
        raise InputError(f"provider {provider.name}: dialect {name!r} is unknown; known are {', '.join(DIALECTS)}")
    return DIALECTS[name]
