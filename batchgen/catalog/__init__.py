"""Models, providers and prices as dated data, and what a call costs."""

from batchgen.catalog.cost import quote, settle
from batchgen.catalog.models import (
    find_model,
    model_or_stand_in,
    models,
    nearest_model,
    typical_seconds,
    warnings_for,
)
from batchgen.catalog.prices import batch_price, flat, price_of, stale, stale_warning
from batchgen.catalog.profiles import provider, providers
from batchgen.catalog.sizes import legal_size, nearest_size, parse_size
from batchgen.catalog.tokens import input_tokens, output_tokens, text_tokens, text_tokens_bound, tokens_are_exact

__all__ = [
    "batch_price",
    "find_model",
    "flat",
    "input_tokens",
    "legal_size",
    "model_or_stand_in",
    "models",
    "nearest_model",
    "nearest_size",
    "output_tokens",
    "parse_size",
    "price_of",
    "provider",
    "providers",
    "quote",
    "settle",
    "stale",
    "stale_warning",
    "text_tokens",
    "text_tokens_bound",
    "tokens_are_exact",
    "typical_seconds",
    "warnings_for",
]
