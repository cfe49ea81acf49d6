"""How a run ended, and where an output folder stands: at most twelve lines, the money line adds up."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from batchgen.app.ending import ENDED, NEXT
from batchgen.errors import Exit
from batchgen.money import MicroUSD, exact
from batchgen.text import counted, duration, safe

Block = Mapping[str, Any]

_JOBS = ("done", "partial", "moderated", "failed", "held", "not_started")
_IMAGES = ("stored", "moderated", "failed", "uncertain", "lost_paid", "not_started")
_MONEY = ("confirmed", "estimated", "at_risk")


def final_block(summary: Block, exit: Exit, output: Path | None = None, report: Path | None = None) -> str:  # noqa: A002 - the domain's word
    """Last words of a run."""
    return "".join(f"{line}\n" for line in _final(summary, exit, output, report))


def _final(summary: Block, exit: Exit, output: Path | None, report: Path | None) -> Iterator[str]:  # noqa: A002
    now = summary.get("this_run", summary)
    run = f", run {safe(summary['run_id'])}" if summary.get("run_id") else ""
    ended = safe(summary.get("why") or ENDED[exit])
    yield f"batchgen: {ended} (exit {exit:d}){run}, {duration(now.get('seconds', 0))}"
    yield from accounts(summary, now)
    if output:
        pictures = counted(_number(summary, "images", "stored"), "picture")
        yield f"files    {pictures} in {safe(output / 'images', 1000)}"
    if report:
        yield f"report   {safe(report, 1000)}"
    if exit in NEXT:
        yield f"next     {_next(summary, exit)}"


def _next(summary: Block, exit: Exit) -> str:  # noqa: A002
    uncertain = _number(summary, "images", "uncertain")
    if not uncertain or exit in {Exit.HELD, Exit.BUG, Exit.INPUT}:
        return NEXT[exit]
    at_risk = exact(_money(summary, "at_risk"))
    return f"{NEXT[exit]}; {counted(uncertain, 'picture')} may be paid already ({at_risk}) and would be asked for again"


def accounts(whole: Block, now: Block | None = None) -> Iterator[str]:
    """Jobs, pictures and money of the output folder; the money of this run when it differs; what was wasted."""
    yield f"jobs     {_counts(whole.get('jobs', {}), 'total', _JOBS)}"
    yield f"pictures {_counts(whole.get('images', {}), 'wanted', _IMAGES)}"
    now = whole if now is None else now
    yield f"money    {_spent(now)}{_cap(now)}"
    if now.get("money") and _shares(now) != _shares(whole):
        yield f"in all   {_spent(whole)}"
    if expected := _estimated(now):
        yield expected
    if waste := _waste(now.get("waste", ())):
        yield f"waste    {waste}"


def _counts(block: Block, total: str, names: Sequence[str]) -> str:
    parts = [f"{block[name]:,} {name.replace('_', ' ')}" for name in names if block.get(name)]
    return f"{block.get(total, 0):,}: {', '.join(parts) or 'none'}"


def _number(block: Block, group: str, name: str) -> int:
    return int(block.get(group, {}).get(name) or 0)


def _money(block: Block, name: str) -> MicroUSD:
    return MicroUSD(_number(block, "money", f"{name}_micro_usd"))


def _shares(block: Block) -> tuple[MicroUSD, ...]:
    return tuple(_money(block, name) for name in (*_MONEY, "not_charged"))


def _spent(block: Block) -> str:
    confirmed, estimated, at_risk, free = _shares(block)
    return (
        f"{exact(confirmed)} confirmed + {exact(estimated)} estimated + {exact(at_risk)} at risk = "
        f"{exact(MicroUSD(confirmed + estimated + at_risk))}; {exact(free)} not charged"
    )


def _cap(block: Block) -> str:
    cap = block.get("money", {}).get("cap_micro_usd")
    return "" if cap is None else f"; limit {exact(MicroUSD(cap))}"


def _estimated(block: Block) -> str:
    estimate = block.get("estimate") or {}
    if not estimate.get("high_micro_usd"):
        return ""
    low, expected, high = (exact(MicroUSD(estimate.get(f"{n}_micro_usd") or 0)) for n in ("low", "expected", "high"))
    return f"estimate {expected} expected ({low} to {high})"


def _waste(waste: Sequence[Block]) -> str:
    parts = [
        f"{counted(int(w.get('attempts', 0)), 'call')} {safe(w.get('why', ''), 60)} "
        f"({exact(MicroUSD(w.get('paid_micro_usd', 0) + w.get('at_risk_micro_usd', 0)))})"
        for w in waste
    ]
    shown = ", ".join(parts[:5])
    return f"{shown} and {len(parts) - 5} more" if len(parts) > 5 else shown


def status_block(status: Block) -> str:
    """Where a running or finished run stands: what it last said of itself, then the accounts of its folder."""
    live = status.get("live") or {}
    lines = [f"batchgen: {_state(live)}", *_progress(live), *accounts(status)]
    if status.get("output"):
        lines.append(f"files    {safe(status['output'], 1000)}")
    return "".join(f"{line}\n" for line in lines)


def _state(live: Block) -> str:
    code = live.get("exit_code")
    parts = (
        safe(live.get("state") or "no run has said where it stands"),
        "" if code is None else f"exit {safe(code)}",
        f"run {safe(live['run_id'])}" if live.get("run_id") else "",
        f"as of {safe(live['at'])}" if live.get("at") else "",
    )
    return ", ".join(part for part in parts if part)


def _progress(live: Block) -> Iterator[str]:
    if not live or live.get("exit_code") is not None:
        return
    done, total, stored, wanted, under_way = (
        live.get(name) for name in ("jobs_done", "jobs_total", "images_stored", "images_wanted", "in_flight")
    )
    jobs = f"{done or 0:,} jobs" if total is None else f"{done or 0:,} of {total:,} jobs"
    yield f"now      {jobs}, {stored or 0:,} of {wanted or 0:,} pictures of this run, {under_way or 0:,} in flight"


def empty_summary(exit: Exit, why: str) -> dict[str, Any]:  # noqa: A002
    """Object of `run --json` when a run could not even begin."""
    block = {
        "jobs": dict.fromkeys(("total", *_JOBS), 0),
        "images": dict.fromkeys(("wanted", *_IMAGES), 0),
        "attempts": {"sent": 0, "retried": 0},
        "money": {**{f"{name}_micro_usd": 0 for name in (*_MONEY, "not_charged")}, "cap_micro_usd": None},
        "estimate": {f"{name}_micro_usd": 0 for name in ("low", "expected", "high")},
        "seconds": 0.0,
    }
    return {"run_id": None, "exit_code": int(exit), "why": safe(why, 1000), **block, "this_run": block}
