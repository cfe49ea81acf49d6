"""What an answer says that it cost, where a provider file says that it does."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from batchgen.money import MICRO, MicroUSD, round_up

_MOST = Decimal(1_000_000)
"""Dollars of one call; more is a mistake."""


def stated_cost(value: Any, place: str) -> MicroUSD | None:
    """Give the cost at a dotted place (`usage.cost`), in dollars there; None where no amount is stated."""
    if not place:
        return None
    for step in place.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        dollars = Decimal(str(value))
    except InvalidOperation:
        return None
    return round_up(dollars * MICRO) if dollars.is_finite() and 0 <= dollars <= _MOST else None
