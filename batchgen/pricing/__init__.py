"""What a call costs: the only room that multiplies money."""

from batchgen.pricing.cost import quote, settle
from batchgen.pricing.offers import Bid, Offer, Offers, choose, per_call
from batchgen.pricing.price_list import Cost, Kind, Past, PriceList, no_past, together
from batchgen.pricing.tokens import input_tokens, output_tokens, text_tokens, text_tokens_bound

__all__ = [
    "Bid",
    "Cost",
    "Kind",
    "Offer",
    "Offers",
    "Past",
    "PriceList",
    "choose",
    "input_tokens",
    "no_past",
    "output_tokens",
    "per_call",
    "quote",
    "settle",
    "text_tokens",
    "text_tokens_bound",
    "together",
]
