"""The table of dialects: a provider file names one, and nothing above this room knows how it speaks."""

from batchgen.catalog import find_model
from batchgen.errors import InputError
from batchgen.model import ImageRequest, Provider
from batchgen.providers import chat, gemini, images
from batchgen.providers.dialect import Dialect

DIALECTS: dict[str, Dialect] = {one.name: one for one in (images.DIALECT, chat.DIALECT, gemini.DIALECT)}


def dialect(provider: Provider, model: str) -> Dialect:
    """Return the dialect that a provider speaks for a model; InputError when no module speaks it."""
    name = chat.DIALECT.name if model in provider.chat_models else provider.at(model).dialect
    if name not in DIALECTS:
        raise InputError(f"provider {provider.name}: dialect {name!r} is unknown; known are {', '.join(DIALECTS)}")
    return DIALECTS[name]


def asked_look(request: ImageRequest, provider: Provider) -> tuple[str | None, str | None]:
    """Return size and quality as asked, or as the provider assumes, each under the dialect's own name for it."""
    model = request.model or provider.default_model
    assumed = dict(provider.at(model).defaults)
    size, quality = (request.param(name) or assumed.get(name) for name in dialect(provider, model).look)
    return size, quality


def most_per_call(provider: Provider, model: str, request: ImageRequest | None = None) -> int:
    """How many images one call may ask for: what protocol, provider and model allow; of an SVG one."""
    if request is not None and request.output_format == "svg":
        return 1
    at, known = provider.at(model), find_model(model)
    most = dict(at.model_max_n).get(model, at.max_n)
    return min(most, dialect(provider, model).most_per_call or most, known.max_n if known else most)
