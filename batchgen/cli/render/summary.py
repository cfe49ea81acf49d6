"""How a run ended, and where an output folder stands: at most twelve lines, the money line adds up."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import starmap
from pathlib import Path
from typing import Any

from batchgen.app.config.exit_status import ENDED, NEXT, next_step
from batchgen.app.control.progress import from_json
from batchgen.app.watch import progress_line
from batchgen.cli.render.table import MARGIN, paragraph
from batchgen.errors import Exit
from batchgen.money import MicroUSD, exact, short
from batchgen.text import counted, duration, safe

Facts = Mapping[str, Any]

_JOBS = ("done", "partial", "moderated", "failed", "held", "submitted", "not_started")
_IMAGES = ("stored", "moderated", "failed", "uncertain", "lost_paid", "submitted", "not_started")
_MONEY = ("confirmed", "estimated", "at_risk")


MOST_LINES = 12


def final_block(
    summary: Facts,
    status: Exit,
    output: Path | None = None,
    report: Path | None = None,
    *,
    store: str = "",
    filled: bool = True,
) -> str:
    """Last words of a run: at most twelve lines, the last of which says what to do next.

    Unless it is `filled`, as on a terminal, the reason stays on one line for whoever searches a log.
    """
    now = summary.get("this_run", summary)
    run = f"{safe(summary['run_id'])}, " if summary.get("run_id") else ""
    chosen = status is Exit.OK and _number(summary, "images", "not_started")
    ended = safe(summary.get("why") or ("every chosen image is stored" if chosen else ENDED[status]))
    reason = f"{ended} (exit {status:d})"
    head = paragraph(reason, MARGIN, "batchgen: ") if filled else f"batchgen: {reason}\n"
    head += _labelled("run", f"{run}{duration(now.get('seconds', 0))}")
    images = counted(_number(summary, "images", "stored"), "image")
    tail = [f"files    {images} in {safe(f'{store or output}/images', 1000)}\n"] if output else []
    if report and status in NEXT:
        tail.append(f"report   {safe(report, 1000)}\n")
    tail.append(_labelled("next", _next(summary, status, report)))
    told = [head, *accounts(summary, now)]
    while "".join((*told, *tail)).count("\n") > MOST_LINES and (len(told) > 4 or len(tail) > 1):
        # What is the least: waste, estimate, the money of the folder; then where the files are.
        _gone = told.pop() if len(told) > 4 else tail.pop(0)
    return "".join((*told, *tail))


def _labelled(label: str, words: str) -> str:
    return paragraph(words, MARGIN, f"{label:<9}")


def _next(summary: Facts, status: Exit, report: Path | None) -> str:
    step = next_step(status, summary.get("cause") or "", summary)
    if not step:
        return f"look at {safe(report, 1000)}" if report else "nothing is left to do"
    uncertain = _number(summary, "images", "uncertain")
    if not uncertain or status in {Exit.HELD, Exit.BUG, Exit.INPUT}:
        return step
    return f"{step}; {counted(uncertain, 'image')} may be paid already ({exact(_money(summary, 'at_risk'))})" + _again(
        _number(summary, "later", "uncertain") if "later" in summary else uncertain, uncertain
    )


def _again(again: int, uncertain: int) -> str:
    """Say which of the images that may be paid the next run asks for; the others are held."""
    if not again:
        return " and stay held: batchgen resolve decides"
    some = "" if again == uncertain else f": {again:,} of them"
    return f"{some} would be asked for again once" if some else " and would be asked for again"


def accounts(whole: Facts, now: Facts | None = None) -> Iterator[str]:
    """Jobs, images and money of the output folder; the money of this run when it differs; what was wasted."""
    yield _labelled("jobs", _counts(whole.get("jobs", {}), "total", _JOBS))
    yield _labelled("images", _counts(whole.get("images", {}), "wanted", _IMAGES))
    now = whole if now is None else now
    cap = now.get("money", {}).get("cap_micro_usd")
    yield _money_line("money", now, "" if cap is None else f"; limit {exact(MicroUSD(cap))}")
    if now.get("money") and _shares(now) != _shares(whole):
        yield _money_line("in all", whole)
    if drawn := _drawn(whole.get("providers", ())):
        yield _labelled("drawn by", drawn)
    if expected := _estimated(now):
        yield _labelled("estimate", expected)
    if waste := _waste(now.get("waste", ())):
        yield _labelled("waste", waste)


def _drawn(providers: Sequence[Facts]) -> str:
    """Say what each of several providers drew in this run and cost, and which one is not asked any more."""
    parts = (
        f"{safe(one['name'], 60)} {one['images']:,} ({exact(MicroUSD(one['spent_micro_usd']))}"
        f"{', not asked any more' if one.get('out') else ''})"
        for one in providers
    )
    return ", ".join(parts)


def _counts(block: Facts, total: str, names: Sequence[str]) -> str:
    parts = [f"{block[name]:,} {name.replace('_', ' ')}" for name in names if block.get(name)]
    return f"{block.get(total, 0):,}: {', '.join(parts) or 'none'}"


def _number(block: Facts, group: str, name: str) -> int:
    return int(block.get(group, {}).get(name) or 0)


def _money(block: Facts, name: str) -> MicroUSD:
    return MicroUSD(_number(block, "money", f"{name}_micro_usd"))


def _shares(block: Facts) -> tuple[MicroUSD, ...]:
    return tuple(_money(block, name) for name in (*_MONEY, "not_charged"))


def _money_line(label: str, block: Facts, cap: str = "") -> str:
    """Say what adds up on one line; what was not charged and the limit behind it or below."""
    confirmed, estimated, at_risk, free = _shares(block)
    sum_of = exact(MicroUSD(confirmed + estimated + at_risk))
    addends = f"{exact(confirmed)} confirmed + {exact(estimated)} estimated + {exact(at_risk)} at risk"
    rest = f"{exact(free)} not charged{cap}"
    for first, second in ((f"{addends} = {sum_of}; {rest}", ""), (f"{addends} = {sum_of};", rest)):
        line = _labelled(label, first)
        if line.count("\n") == 1:
            return line + (paragraph(second, MARGIN) if second else "")
    return _labelled(label, addends) + paragraph(f"= {sum_of}; {rest}", MARGIN)


def _estimated(block: Facts) -> str:
    estimate = block.get("estimate") or {}
    if not estimate.get("high_micro_usd"):
        return ""
    low, expected, high = (short(MicroUSD(estimate.get(f"{n}_micro_usd") or 0)) for n in ("low", "expected", "high"))
    return f"{expected} expected ({low} to {high})"


def _waste(waste: Sequence[Facts]) -> str:
    parts = [
        f"{counted(int(w.get('attempts', 0)), 'call')} {safe(w.get('why', ''), 60)} "
        f"({exact(MicroUSD(w.get('paid_micro_usd', 0) + w.get('at_risk_micro_usd', 0)))})"
        for w in waste
    ]
    shown = ", ".join(parts[:5])
    return f"{shown} and {len(parts) - 5} more" if len(parts) > 5 else shown


def status_block(status: Facts) -> str:
    """Where a running or finished run stands: what it last said of itself, then the accounts of its folder."""
    parts = [live_block(status.get("live") or {}), *accounts(status)]
    if status.get("shard"):
        parts.append(f"shard    {safe(status['shard'])} of all jobs\n")
    if status.get("output"):
        parts.append(f"files    {safe(status['output'], 1000)}\n")
    if status.get("store"):
        parts.append(f"images   {safe(status['store'], 1000)}\n")
    return "".join(parts)


def live_block(live: Facts) -> str:
    """Say what a run last said of itself: where it stands, and which jobs wait for what."""
    return paragraph(_state(live), MARGIN, "batchgen: ") + "".join(starmap(_labelled, _told(live)))


def _told(live: Facts) -> Iterator[tuple[str, str]]:
    """Name the run and its moment, how far it is while it works, who drew what, and which jobs wait for what."""
    name = safe(live["run_id"]) if live.get("run_id") else ""
    moment = f"as of {_moment(str(live['at']))}" if live.get("at") else ""
    if name or moment:
        yield "run", ", ".join(part for part in (name, moment) if part)
    if live and live.get("exit_code") is None:
        yield "then", f"{progress_line(replace(from_json(live), state=''))} in this run"
    if drawn := _drawn(live.get("providers") or ()):
        yield "drawn by", drawn
    for one in live.get("waiting") or ():
        jobs = counted(int(one.get("jobs") or 0), "job")
        yield "waits", safe(f"{jobs}: {one.get('why')}; {one.get('next')}", 400)


def live_line(live: Facts) -> str:
    """Say the same on one line, for whoever reads line by line."""
    where = progress_line(from_json(live)) if live.get("exit_code") is None else _state(live)
    return f"batchgen: {where}"


def status_json(status: Facts) -> dict[str, Any]:
    """Keys that scripts rely on: what the latest run last said of itself, then the accounts of its folder."""
    facts = dict(status)
    return {**(facts.pop("live") or {}), **facts}


def _state(live: Facts) -> str:
    code = live.get("exit_code")
    ended = next((f"{words} (exit {code})" for status, words in ENDED.items() if status == code), "")
    return ended or safe(live.get("state") or "no run has said where it stands")


def _moment(at: str) -> str:
    """Return a time in UTC to the second, as people write it."""
    try:
        return f"{datetime.fromisoformat(at).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    except ValueError:
        return safe(at)
