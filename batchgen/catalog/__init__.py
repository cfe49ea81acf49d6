"""Models, providers and prices as dated data."""

from batchgen.catalog.models import find_model, model_or_stand_in, models, nearest_model, typical_seconds, warnings_for
from batchgen.catalog.prices import batch_price, flat, price_of, stale, stale_warning
from batchgen.catalog.profiles import further, provider, providers
from batchgen.catalog.sizes import legal_size, nearest_size, parse_size

__all__ = [
    "batch_price",
    "find_model",
    "flat",
    "further",
    "legal_size",
    "model_or_stand_in",
    "models",
    "nearest_model",
    "nearest_size",
    "parse_size",
    "price_of",
    "provider",
    "providers",
    "stale",
    "stale_warning",
    "typical_seconds",
    "warnings_for",
]
