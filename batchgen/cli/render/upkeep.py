"""What commands say that neither draw nor count money: those that make ready, look after an output, and decide."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from batchgen.cli.render.table import MARGIN, number, paragraph, remark, sums, table, text
from batchgen.errors import Exit, Place, Problem, Severity
from batchgen.money import MicroUSD, exact
from batchgen.text import counted, safe, size_of

if TYPE_CHECKING:  # each command loads the module that makes its own result, and none of the others
    from batchgen.app.output.adopt import AdoptResult
    from batchgen.app.output.batches import Cancelled
    from batchgen.app.output.derive import DeriveResult
    from batchgen.app.output.maintain import ReconcileResult, VerifyResult
    from batchgen.app.output.prune import PruneResult
    from batchgen.app.preview.check import CheckResult
    from batchgen.app.preview.doctor import Finding
    from batchgen.app.preview.from_export import Written
    from batchgen.app.review.decisions import ReviewResult
    from batchgen.ledger import BatchRow, Held
    from batchgen.manifest import ManifestSummary

MOST_SHOWN = 20
LONGEST_NAME = 60
_BATCHES = (
    *(text("id"), text("state"), number("lines"), number("done"), number("reserved"), number("confirmed")),
    remark("about"),
)


def guessed(written: Written) -> str:
    """Name the file that was written, its columns, and the rows that are left out."""
    return "\n".join(_guessed(written))


def _guessed(written: Written) -> Iterator[str]:
    guess = written.guess
    yield f"wrote {safe(written.path, 1000)}"
    yield f"\nGuessed from {counted(guess.rows, 'row')}; every guess can be changed in the manifest:"
    yield from (f"  {problem.message}" for problem in written.told)
    for column in guess.columns:
        yield f"  {column.role:<12} {safe(column.column, LONGEST_NAME)}: {column.why}"
    if not guess.ids:
        yield "  id           no column tells all rows apart; ids are digits of each job's key"
    elif len(guess.ids) > 1:
        yield f"  id           {' and '.join(safe(name, LONGEST_NAME) for name in guess.ids)} together"
    for word, entries in (("only", guess.only), ("left out", guess.exclude)):
        for name, value, why in entries:
            yield f"  {word:<12} {safe(name, LONGEST_NAME)} is {safe(value, LONGEST_NAME) or 'blank'}: {why}"


def check_line(result: CheckResult) -> str:
    """Count what the manifest holds, and how many problems were found."""
    summary, (errors, warnings) = result.manifest_summary, tally(result.problems)
    read = (
        f"{counted(summary.rows, 'row')} read: {summary.planned:,} planned, {summary.skipped:,} skipped, "
        f"{summary.rejected:,} rejected."
    )
    carried = f" Set nothing, and are tags in the report: {', '.join(summary.tags)}." if summary.tags else ""
    more = f", and {counted(summary.more, 'more error')}" if summary.more else ""
    found = f"{counted(errors, 'error')}, {counted(warnings, 'warning')}{more}"
    return paragraph(read) + paragraph(f"{counted(summary.images, 'image')} wanted; {found}.{carried}")


def tally(problems: Sequence[Problem]) -> tuple[int, int]:
    """Errors and warnings."""
    errors = sum(problem.severity is Severity.ERROR for problem in problems)
    return errors, len(problems) - errors


def check_json(problems: Sequence[Problem], summary: ManifestSummary | None) -> dict[str, Any]:
    """Every problem with its place; the counts are null when the manifest could not be read at all."""
    errors, warnings = tally(problems)
    counts = ("rows", "planned", "skipped", "rejected", "images")
    return {
        "errors": errors,
        "warnings": warnings,
        **{name: getattr(summary, name) if summary else None for name in counts},
        "problems": [
            {**_where(problem.place), "severity": problem.severity.value, "message": problem.message}
            for problem in problems
        ],
        "tag_columns": list(summary.tags) if summary else [],
        "skipped_rows": [
            {**_where(row.place, "file", "line"), "kind": row.kind.value, "why": row.why}
            for row in (summary.left_out if summary else ())
        ],
    }


def _where(place: Place | None, *parts: str) -> dict[str, Any]:
    return {part: getattr(place, part, None) for part in parts or ("file", "line", "column")}


def verified(result: VerifyResult) -> str:
    """Each damaged and missing file by name, then the count."""
    count = (
        f"{counted(result.images, 'image')} ({size_of(result.bytes)}) read again: "
        f"{len(result.damaged):,} damaged, {len(result.missing):,} missing."
    )
    lost = "They were paid for: look for a copy first. `batchgen run --regenerate-missing` pays for new ones."
    left = " It draws only what is missing: remove damaged files before." if result.damaged else ""
    return "".join(
        (
            *(paragraph(f"{safe(path, 1000)}: {safe(wrong)}", MARGIN, "damaged  ") for path, wrong in result.damaged),
            *(f"missing  {safe(path, 1000)}\n" for path in result.missing),
            paragraph(count),
            paragraph(lost + left) if result.damaged or result.missing else "",
        )
    )


def derived(result: DeriveResult) -> str:
    """Count the derivatives."""
    flagged = (
        f", {result.flagged:,} of them flagged (see report/derivatives.csv after batchgen report)"
        if result.flagged
        else ""
    )
    count = f"{counted(result.made, 'derivative')} made, {result.kept:,} kept{flagged}; {len(result.failed):,} failed."
    return paragraph(count)


def reconciled(result: ReconcileResult) -> str:
    """Show the bill, what it settled, and what it cannot explain."""
    lines = [
        ("billed", result.billed, ""),
        ("settled", result.settled, "was on the account already"),
        ("confirmed", result.confirmed, "of what was at risk is on the bill"),
        ("cleared", result.cleared, "of what was at risk is not on the bill"),
        ("at risk", result.at_risk, "stays open"),
    ]
    if result.unexplained > 0:
        lines.append(("unexplained", result.unexplained, "was billed for nothing that this ledger knows"))
    if result.unexplained < 0:
        below = "the bill is below what was settled at list price or rounded to cents"
        lines.append(("unexplained", result.unexplained, below))
    return sums(lines)


def reconciled_json(result: ReconcileResult) -> dict[str, int]:
    """Make the same for scripts, in micro-dollars."""
    return {f"{name}_micro_usd": getattr(result, name) for name in result.__slots__}


def held(jobs: Sequence[Held]) -> str:
    """Show the jobs that somebody may decide, what becomes of each until then, and how to decide."""
    if not jobs:
        return "No job is held.\n"
    columns = (text("job", 120), number("at risk"), text("next run", 14), remark("why"))
    rows = (
        (job.job_id, exact(job.at_risk), "asks nothing" if job.waits else "asks once more", job.reason.words)
        for job in jobs
    )
    return (
        f"{table(columns, rows)}\n{_sum_held(jobs)}. Decide with\n"
        "  batchgen resolve OUTPUT retry   the next run asks again, and may pay again\n"
        "  batchgen resolve OUTPUT fail    they are given up\n"
        "--only PATTERN picks some.\n"
    )


def decided(jobs: Sequence[Held], decision: str) -> str:
    """Say what became of held jobs."""
    outcome = "will be tried by the next run" if decision == "retry" else "are given up"
    return f"{_sum_held(jobs)}: {outcome}.\n" if jobs else "No held job matches.\n"


def accepted(job_ids: Sequence[str]) -> str:
    """Say which moderated jobs were closed."""
    if not job_ids:
        return "No moderated job matches.\n"
    shown = ", ".join(safe(one, 80) for one in job_ids[:5]) + (" and others" if len(job_ids) > 5 else "")
    return f"{counted(len(job_ids), 'moderated job')} closed for good: {shown}.\n"


def _sum_held(jobs: Sequence[Held]) -> str:
    at_risk = MicroUSD(sum(job.at_risk for job in jobs))
    held = sum(job.waits for job in jobs)
    parts = [counted(held, "held job")] if held else []
    parts += [counted(len(jobs) - held, "job") + " to be asked once more"] if held < len(jobs) else []
    return f"{', '.join(parts)}, {exact(at_risk)} at risk"


def reviewed(result: ReviewResult) -> str:
    """Count what was decided, and say what to do next."""
    left = f"; {len(result.left_out):,} left out" if result.left_out else ""
    then = "`batchgen run MANIFEST --rejected` draws the rejected ones again." if result.rejected else ""
    report = " A run is at work: it writes the report at its end." if result.at_work else ""
    said = f"{result.approved:,} approved and frozen, {result.rejected:,} rejected{left}. {then}".rstrip()
    return paragraph(said + report)


def adopted(result: AdoptResult) -> str:
    """Say what was found again and what nobody can explain."""
    unknown = [f"unknown  {safe(path, 1000)}" for path in result.unknown[:MOST_SHOWN]]
    if len(result.unknown) > MOST_SHOWN:
        unknown.append(f"unknown  and {len(result.unknown) - MOST_SHOWN:,} more")
    found = f"{counted(result.images, 'image')} of {counted(result.jobs, 'job')} are in the ledger again."
    return "\n".join([*unknown, found]) + "\n"


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


def finding_line(finding: Finding) -> str:
    """`ok    key           OPENAI_API_KEY is set`."""
    head = f"{safe(finding.level):<4}  {safe(finding.name, 40):<12}  "
    return paragraph(safe(finding.text, 400), " " * len(head), head)


_WEIGHT = (Exit.BUG, Exit.STORAGE, Exit.ACCOUNT, Exit.INPUT, Exit.UNAVAILABLE)


def diagnosis(findings: Sequence[Finding]) -> Exit:
    """Exit status of the worst finding; warnings are none."""
    return min(
        (finding.exit for finding in findings if finding.level == "bad"),
        key=lambda exit_: _WEIGHT.index(exit_) if exit_ in _WEIGHT else len(_WEIGHT),
        default=Exit.OK,
    )


def count_findings(findings: Sequence[Finding]) -> str:
    """Last line of the doctor."""
    bad = sum(finding.level == "bad" for finding in findings)
    doubtful = sum(finding.level == "warn" for finding in findings)
    return f"{counted(len(findings), 'thing')} examined: {bad} bad, {doubtful} doubtful. Nothing was spent.\n"


def batch_table(rows: Sequence[BatchRow]) -> str:
    """List batches, the oldest first."""
    if not rows:
        return "no batches\n"
    return table(
        _BATCHES,
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
