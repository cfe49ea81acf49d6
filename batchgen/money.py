"""Money is whole micro-dollars, everywhere: no float ever reaches the ledger or the gate.

The one rounding rule: a cost is summed exactly and rounded up to the next micro-dollar once per attempt, so that no
account ever says less than was spent.
"""

from decimal import ROUND_CEILING, Decimal, InvalidOperation
from typing import NewType

MicroUSD = NewType("MicroUSD", int)

MICRO = 1_000_000
ZERO = MicroUSD(0)


def round_up(exact: Decimal) -> MicroUSD:
    """Exact micro-dollars, rounded up to whole ones."""
    return MicroUSD(int(exact.to_integral_value(rounding=ROUND_CEILING)))


def from_usd(text: str | Decimal) -> MicroUSD:
    """Dollars as written by a person (`25.00`, `$3`) in micro-dollars; ValueError when it is no amount of money."""
    try:
        amount = text if isinstance(text, Decimal) else Decimal(text.strip().removeprefix("$"))
    except InvalidOperation as error:
        raise ValueError(f"{text!r} is not an amount in dollars, such as 25.00") from error
    if not amount.is_finite() or amount < 0 or amount.adjusted() > 11:
        raise ValueError(f"{text!r} is not an amount in dollars, such as 25.00")
    return round_up(amount * MICRO)


def exact(amount: MicroUSD) -> str:
    """Dollars without rounding and with at least two decimals: `$0.07`, `$1.234567`."""
    sign, rest = ("-", -amount) if amount < 0 else ("", int(amount))
    whole, fraction = divmod(rest, MICRO)
    digits = f"{fraction:06d}".rstrip("0").ljust(2, "0")
    return f"{sign}${whole:,}.{digits}"


def short(amount: MicroUSD) -> str:
    """Dollars for a narrow place: cents, or four decimals below ten cents, never rounded to nothing."""
    if amount and abs(amount) < 100_000:
        return f"${Decimal(amount) / MICRO:.4f}" if abs(amount) >= 100 else exact(amount)
    return f"${Decimal(amount) / MICRO:,.2f}"


def split(total: MicroUSD, parts: int) -> tuple[MicroUSD, ...]:
    """Return a total over equal parts to the micro-dollar, the remainder on the first."""
    share, remainder = divmod(total, parts)
    return (MicroUSD(share + remainder), *(MicroUSD(share),) * (parts - 1))
