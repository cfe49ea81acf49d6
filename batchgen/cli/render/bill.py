"""What a provider's books say beside the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from batchgen.app.bill.explain import by_kind
from batchgen.cli.render.table import paragraph, sums
from batchgen.ledger import DifferenceKind
from batchgen.money import MicroUSD
from batchgen.text import counted, safe

if TYPE_CHECKING:
    from batchgen.app.bill.reconcile import BooksResult

_MEANS = {
    DifferenceKind.MISSING_HERE: "charged for calls that this ledger took for free, is in doubt about, or lost",
    DifferenceKind.MISSING_THERE: "calls that stand on the ledger and not on the bill",
    DifferenceKind.PRICE: "the same calls at another price",
    DifferenceKind.ESTIMATED: "the same calls, whose cost came from the price table",
    DifferenceKind.ROUNDING: "the ledger rounds each call up to a micro-dollar",
    DifferenceKind.CURRENCY: "billed in another currency",
    DifferenceKind.TIME_ZONE: "the same money on the day before or after",
    DifferenceKind.CACHED_INPUT: "input that was in the provider's cache, billed at less",
    DifferenceKind.OTHER_USE: "calls by somebody else, with this key or another one of the project",
    DifferenceKind.UNEXPLAINED: "nothing on the books says why",
}


def books(result: BooksResult) -> str:
    """Show bill, ledger, what was settled, and the differences by kind."""
    if result.begins == result.ends:
        return paragraph("No day of the books has ended 48 hours ago: nothing is compared, and nothing was settled.")
    lines = [
        ("billed", result.billed, f"{result.begins:%Y-%m-%d} to {result.ends:%Y-%m-%d}, days that are closed"),
        ("ledger", result.ledger, "of the same days, with what is confirmed now"),
        ("confirmed", result.confirmed, "of what was at risk is on the books"),
        ("cleared", result.cleared, "of what was at risk is not on the books"),
        ("at risk", result.at_risk, "stays open"),
        ("difference", MicroUSD(result.difference), "is the bill less the ledger, and is made of"),
    ]
    for kind, (count, amount) in by_kind(result.differences).items():
        lines.append((f"  {kind.value}", MicroUSD(amount), f"{_MEANS[kind]} ({counted(count, 'line')})"))
    return (
        sums(lines) + paragraph(_keys(result)) + paragraph(f"Every difference is a line of {safe(result.file, 1000)}.")
    )


def _keys(result: BooksResult) -> str:
    if result.keys:
        return f"Keys of this ledger there: {', '.join(safe(key, 80) for key in result.keys)}."
    return (
        "Which keys on the books are those of this ledger nobody can tell from what they did: name them with --key-id. "
        "Nothing at risk was settled."
    )


def books_json(result: BooksResult) -> dict[str, Any]:
    """Make the object that scripts read; money in micro-dollars, differences as in the file."""
    return {
        "begins": result.begins.isoformat(),
        "ends": result.ends.isoformat(),
        "billed_micro_usd": result.billed,
        "ledger_micro_usd": result.ledger,
        "difference_micro_usd": result.difference,
        "confirmed_micro_usd": result.confirmed,
        "cleared_micro_usd": result.cleared,
        "at_risk_micro_usd": result.at_risk,
        "key_ids": list(result.keys),
        "differences": [
            {
                "kind": one.kind.value,
                "begins": one.begins and one.begins.isoformat(),
                "ends": one.ends and one.ends.isoformat(),
                "model": one.model,
                "key_id": one.key_id,
                "calls": one.calls,
                "difference_micro_usd": one.micro_usd,
                "detail": one.detail,
            }
            for one in result.differences
        ],
        "file": result.file,
    }
