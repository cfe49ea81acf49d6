"""Each job with what would happen and why."""

from typing import Any

from batchgen.cli.render.table import WIDTH, columns_of, cut, number, remark, row_of, text, width
from batchgen.money import short
from batchgen.planner import Planned
from batchgen.text import safe

_COLUMNS = (text("action"), text("job"), number("images"), number("cost"), remark("why"))


def _widths() -> tuple[int, ...]:
    """Widths of a plan's columns, which is told line by line: a wide terminal has room for long ids."""
    return 8, 36 + max(0, width.get() - WIDTH) // 2, 8, 9, 0


def plan_head() -> str:
    """Say what stands above the lines of a plan."""
    return row_of(_COLUMNS, _widths(), [column.title for column in _COLUMNS])


def plan_line(planned: Planned) -> str:
    """`top-up  oak-front  1  $0.05  asks for 1 of 4`: the cost is what is expected, a long id has a line of its own."""
    action, job, why = planned.action.replace("_", "-"), safe(planned.job.id, 80), safe(planned.why)
    costs = (f"{len(planned.slots):,}", short(planned.quote.expected)) if planned.quote and planned.slots else ()
    widths = _widths()
    columns, widths = (_COLUMNS, widths) if costs else ((*_COLUMNS[:2], _COLUMNS[-1]), (*widths[:2], 0))
    if columns_of(job) <= widths[1]:
        return row_of(columns, widths, (safe(action), job, *costs, why))
    return f"{safe(action):<8}  {cut(job, 70)}\n{row_of(columns, widths, ('', '', *costs, why))}"


def plan_action(planned: Planned) -> dict[str, Any]:
    """One entry of `actions` in `plan --json`."""
    return {
        "id": planned.job.id,
        "key": planned.job.key,
        "action": str(planned.action),
        "why": planned.why,
        "images": len(planned.slots),
        **({"code": planned.waits.value, "waits_for": list(planned.awaited)} if planned.waits else {}),
    }
