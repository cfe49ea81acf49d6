"""What a call costs: the only room that multiplies money."""

from batchgen.pricing.cost import quote, settle
from batchgen.pricing.offers import Bid, Offer, Offers, choose, per_call
from batchgen.pricing.price_list import Cost, Kind, Past, PriceList, no_past, together
from batchgen.pricing.tokens import input_tokens, text_tokens, text_tokens_bound
