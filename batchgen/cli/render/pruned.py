"""What was removed, and what is as old and was kept."""

from collections import Counter
from typing import Any

from batchgen.app.output.prune import PruneResult
from batchgen.cli.render.table import paragraph
from batchgen.text import counted, safe, size_of


def pruned(result: PruneResult) -> str:
    """Each path on a line of its own where nothing was removed yet; then how much it is, and what was kept."""
    listed = "".join(f"{safe(one.path, 1000)}\n" for one in result.removed) if result.dry_run else ""
    counts = (
        counted(len(result.runs), "run"),
        counted(len(result.quarantine), "quarantined answer"),
        counted(len(result.superseded), "superseded image"),
    )
    did = "would be removed" if result.dry_run else "removed"
    kept = Counter(one.keep.value for one in result.kept if one.keep)
    reasons = "".join(paragraph(f"kept: {count:,} ({why})") for why, count in sorted(kept.items()))
    return listed + paragraph(f"{', '.join(counts)}: {size_of(result.bytes)} {did}.") + reasons


def pruned_json(result: PruneResult) -> dict[str, Any]:
    """Keys that scripts rely on."""
    return {
        "output": str(result.output),
        "dry_run": result.dry_run,
        "runs": len(result.runs),
        "quarantine": len(result.quarantine),
        "superseded": len(result.superseded),
        "bytes": result.bytes,
        "removed": [one.path for one in result.removed],
        "kept": [{"path": one.path, "why": one.keep.name.lower()} for one in result.kept if one.keep],
    }
