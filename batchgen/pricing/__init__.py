"""What a call costs: the only room that multiplies money."""

from batchgen.pricing.cost import quote, settle
from batchgen.pricing.price_list import Cost, Kind, Past, PriceList, no_past, together
from batchgen.pricing.tokens import input_tokens, output_tokens, text_tokens, text_tokens_bound, tokens_are_exact

__all__ = [
    "Cost",
    "Kind",
    "Past",
    "PriceList",
    "input_tokens",
    "no_past",
    "output_tokens",
    "quote",
    "settle",
    "text_tokens",
    "text_tokens_bound",
    "together",
    "tokens_are_exact",
]
