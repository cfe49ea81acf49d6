"""Models, providers and prices as dated data."""

from batchgen.catalog.models import find_model, models, nearest_model, typical_seconds, warnings_for
from batchgen.catalog.prices import batch_price, price_of, stale_warning
from batchgen.catalog.profiles import further, provider, providers
from batchgen.catalog.sizes import legal_size, nearest_size, parse_size

__all__ = [
    "batch_price",
    "find_model",
    "further",
    "legal_size",
    "models",
    "nearest_model",
    "nearest_size",
    "parse_size",
    "price_of",
    "provider",
    "providers",
    "stale_warning",
    "typical_seconds",
    "warnings_for",
]
