"""Each job with what would happen and why."""

from typing import Any

from batchgen.cli.door import Planned
from batchgen.money import short
from batchgen.text import counted, safe


def plan_line(planned: Planned) -> str:
    """`top-up  oak-front  asks for 1 of 4 ...  $0.05`; the price is what is expected."""
    action = planned.action.replace("_", "-")
    price = (
        f"  {counted(len(planned.slots), 'picture')}, {short(planned.quote.expected)}"
        if planned.quote and planned.slots
        else ""
    )
    return f"{safe(action):<8}  {safe(planned.job.id, 80)}  {safe(planned.why)}{price}"


def plan_action(planned: Planned) -> dict[str, Any]:
    """One entry of `actions` in `plan --json`."""
    return {
        "id": planned.job.id,
        "key": planned.job.key,
        "action": str(planned.action),
        "why": planned.why,
        "images": len(planned.slots),
    }
