"""Requests, quotes and settlements that take only what matters."""

from datetime import date

from batchgen import catalog, pricing
from batchgen.model import Echo, FileImage, ImageRequest, InputImage, Model, Operation, Price, Quote, Settlement, Usage
from batchgen.pricing.tokens import drawn_tokens

TODAY = date(2026, 11, 20)
PROMPT = "Product photograph of a walnut chair, front view"


def ask(
    model: str = "gpt-image-2.5-flare",
    *images: InputImage,
    prompt: str = PROMPT,
    mask: InputImage | None = None,
    **params: str,
) -> ImageRequest:
    """Check that a request; with images it is an edit."""
    operation = Operation.EDIT if images else Operation.GENERATE
    return ImageRequest(operation, prompt, model, tuple(sorted(params.items())), images, mask)


def image(width: int = 1024, height: int = 1024) -> FileImage:
    """Return a reference image of so many pixels."""
    return FileImage("chair.png", "0" * 64, 1_000_000, width, height)


def row(request: ImageRequest, provider: str = "openai") -> Price:
    """Return the price row of a request."""
    price = catalog.price_of(request.model or "", catalog.provider(provider))
    assert price is not None
    return price


def quoted(request: ImageRequest, n: int = 1, provider: str = "openai", history: int | None = None) -> Quote:
    """Return a quote at a provider that comes with the program."""
    model = catalog.find_model(request.model)
    known = catalog.provider(provider)
    return pricing.quote(request, n, known, model, row(request, provider), history=history)  # type: ignore[arg-type]


def settled(
    request: ImageRequest,
    usage: Usage | None = None,
    n: int = 1,
    provider: str = "openai",
    echo: Echo | None = None,
    came: int = 1,
) -> Settlement:
    """Return a settlement at a provider that comes with the program."""
    price, known, model = row(request, provider), catalog.provider(provider), catalog.find_model(request.model)
    quote = pricing.quote(request, n, known, model, price)
    return pricing.settle(request, n, known, model, price, usage, echo or Echo(), quote, came=came)


def output_tokens(model: Model, size: str, quality: str) -> int:
    """Count the tokens of one drawn image; ValueError for a size or quality that the model does not draw."""
    found = None if catalog.legal_size(model, size) else drawn_tokens(model.output_tokens, size, quality)
    if found is None:
        raise ValueError(f"{model.name} has no token count for {size} at quality {quality}")
    return found
