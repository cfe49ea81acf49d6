"""Batches at providers, as people and scripts read them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from batchgen.app.output.batches import Cancelled
from batchgen.cli.render.table import number, paragraph, remark, table, text
from batchgen.ledger import BatchRow
from batchgen.money import exact
from batchgen.text import safe

_COLUMNS = (
    text("id"),
    text("state"),
    number("lines"),
    number("done"),
    number("reserved"),
    number("confirmed"),
    remark("about"),
)


def batch_table(rows: Sequence[BatchRow]) -> str:
    """List batches, the oldest first."""
    if not rows:
        return "no batches\n"
    return table(
        _COLUMNS,
        [
            (
                row.id,
                safe(row.word, 40),
                row.lines,
                row.completed,
                exact(row.reserved),
                exact(row.confirmed),
                _about(row),
            )
            for row in rows
        ],
    )


def _about(row: BatchRow) -> str:
    failed = f"; {row.failed:,} failed" if row.failed else ""
    return f"{row.model}, {row.created.astimezone(UTC):%Y-%m-%d %H:%M} UTC{failed}"


def batches_json(rows: Sequence[BatchRow]) -> dict[str, Any]:
    """Spell batches out for scripts; money is in micro-dollars."""
    return {
        "batches": [
            {
                "id": row.id,
                "provider_id": row.provider_id,
                "state": safe(row.word, 40),
                "route": "batch",
                "model": row.model,
                "endpoint": row.endpoint,
                "lines": row.lines,
                "images": row.images,
                "completed": row.completed,
                "failed": row.failed,
                "reserved_micro_usd": row.reserved,
                "confirmed_micro_usd": row.confirmed,
                "created_at": _moment(row.created),
                "ended_at": _moment(row.ended),
            }
            for row in rows
        ]
    }


def cancelled(found: Sequence[Cancelled]) -> str:
    """Say of each batch what may still come of it."""
    return "".join(map(_cancelled, found)) or "no batch is at a provider\n"


def _cancelled(one: Cancelled) -> str:
    if one.refused:
        return paragraph(f"{one.batch.id}: not cancelled: {safe(one.refused, 300)}")
    return paragraph(
        f"{one.batch.id}: being cancelled. What is drawn by then still comes and is charged, at most "
        f"{exact(one.batch.reserved)}; the next run collects it, and the rest is free."
    )


def _moment(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if moment else None
