"""What a run would do and may cost: job by job, by kind of image, by tag, and on every provider."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from batchgen.app.preview.compare import CompareRow
from batchgen.app.preview.plan import EstimateResult
from batchgen.cli.render.table import WIDTH, columns_of, cut, number, paragraph, remark, row_of, table, text, width
from batchgen.ledger import COUNT_IMAGES, CapKind
from batchgen.model import Route
from batchgen.money import MicroUSD, short
from batchgen.planner import CostRow, Estimate, Planned, Shortfall, TagRow
from batchgen.planner.waiting import HOW, as_facts
from batchgen.text import counted, duration, safe

MOST_VALUES = 20
_PLAN = (text("action"), text("job"), number("images"), number("cost"), remark("why"))
_COSTS = (number("low"), number("expected"), number("high"))
_COUNTS = (number("jobs"), number("images"))
_KINDS = (text("size"), text("quality"), *_COUNTS, *_COSTS)
_TAGS = (text("tag"), text("value"), *_COUNTS, *_COSTS)
_OFFERS = (number("expected"), text("provider"), text("route"), text("model"), text("quality"), remark(""))
_LIMITS = {
    CapKind.MAX_COST: "max_cost",
    CapKind.MAX_IMAGES: "max_images",
    CapKind.DAY: "budget.day",
    CapKind.MONTH: "budget.month",
    CapKind.IMAGES_PER_DAY: "images_per_day",
}


def _widths() -> tuple[int, ...]:
    """Widths of a plan's columns, which is told line by line: a wide terminal has room for long ids."""
    return 8, 36 + max(0, width.get() - WIDTH) // 2, 8, 9, 0


def plan_head() -> str:
    """Say what stands above the lines of a plan."""
    return row_of(_PLAN, _widths(), [column.title for column in _PLAN])


def plan_line(planned: Planned) -> str:
    """`top-up  oak-front  1  $0.05  asks for 1 of 4`: the cost is what is expected, a long id has a line of its own."""
    action, job, why = planned.action.replace("_", "-"), safe(planned.job.id, 80), safe(planned.why)
    costs = (f"{len(planned.slots):,}", short(planned.quote.expected)) if planned.quote and planned.slots else ()
    widths = _widths()
    columns, widths = (_PLAN, widths) if costs else ((*_PLAN[:2], _PLAN[-1]), (*widths[:2], 0))
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


def estimate(estimate: Estimate) -> str:
    """Cost by kind of image, by tag and in all; warnings are left to stderr."""
    if not estimate.jobs:
        return total(estimate)
    return "\n".join((_kinds(estimate.rows), *_tags(estimate), total(estimate)))


def _kinds(rows: Sequence[CostRow]) -> str:
    """One table under a line for each model and provider, which may have long names."""
    head, *lines = table(
        _KINDS, ((r.size, r.quality, f"{r.jobs:,}", f"{r.images:,}", *_range(r)) for r in rows)
    ).splitlines()
    told, drawn = [head], ""
    for row, line in zip(rows, lines, strict=True):
        if (who := f"{safe(row.model, 50)} at {safe(row.provider, 24)}") != drawn:
            told.append(cut(who, width.get()))
            drawn = who
        told.append(line)
    return "\n".join(told) + "\n"


def _tags(estimate: Estimate) -> Iterator[str]:
    """Each value of each tag; of one with a thousand values the dearest, and the others as one."""
    if not estimate.tags:
        return
    rows: list[tuple[object, ...]] = []
    for _tag, several in groupby(estimate.tags, key=lambda row: row.tag):
        values = list(several)
        if len(values) > MOST_VALUES:
            dearest = sorted(values, key=lambda row: -row.expected)
            rows += [*map(_tagged, dearest[:MOST_VALUES]), _others(dearest[MOST_VALUES:])]
        else:
            rows += map(_tagged, values)
    yield table(_TAGS, rows)


def _tagged(row: TagRow) -> tuple[object, ...]:
    return row.tag, row.value, f"{row.jobs:,}", f"{row.images:,}", *_range(row)


def _others(rows: Sequence[TagRow]) -> tuple[object, ...]:
    """Put the remaining values of a tag into one line."""
    jobs, images = sum(row.jobs for row in rows), sum(row.images for row in rows)
    costs = (MicroUSD(sum(of)) for of in zip(*((row.low, row.expected, row.high) for row in rows), strict=True))
    return rows[0].tag, f"and {len(rows):,} others", f"{jobs:,}", f"{images:,}", *map(short, costs)


def total(estimate: Estimate) -> str:
    """Say what there is to do, what it may cost and how long it may take."""
    if not estimate.jobs:
        why = "the others wait for approval" if estimate.later else "every image is stored or decided"
        return f"Nothing to do: {why}; this run would cost $0.00.\n{_later(estimate)}"
    counts = (
        f"{counted(estimate.jobs, 'job')}, {counted(estimate.images, 'image')} in {counted(estimate.calls, 'call')}"
    )
    return (
        f"{counts}, about {duration(estimate.wall_seconds)}.\n"
        f"Tokens: {estimate.input_tokens:,} in, {estimate.output_tokens:,} out.\n"
        f"Cost: {short(estimate.expected)} expected, {short(estimate.low)} at least, {short(estimate.high)} at most.\n"
        f"{_end(estimate)}{_later(estimate)}"
    )


def at_each(estimate: Estimate) -> str:
    """Say what each of several providers is expected to draw; nothing of a single one."""
    images, costs = Counter[str](), Counter[str]()
    for row in estimate.rows:
        images[row.provider] += row.images
        costs[row.provider] += row.expected
    if len(images) < 2:
        return ""
    each = (f"{counted(images[name], 'image')} at {safe(name, 60)} ({short(MicroUSD(costs[name]))})" for name in images)
    return f"Drawn where it is cheapest: {', '.join(each)}.\n"


def _end(estimate: Estimate) -> str:
    """Say where the user's limits end a run; nothing where they reach everything."""
    reach = estimate.reach
    if reach is None or reach.worst is None:
        return ""
    expected, worst = reach.expected, reach.worst
    if expected is None:
        return paragraph(f"{_limit(worst)} is enough as expected; at worst {_left(worst, estimate)}.")
    more = "" if worst == expected else f" At worst {_left(worst, estimate)}."
    return paragraph(f"{_limit(expected)} ends it: {_left(expected, estimate)}.{more}")


def _limit(end: Shortfall) -> str:
    kind, limit, free = end.limit.kind, end.limit.limit, end.limit.free
    amount, left = (
        (f"{limit:,}", f"{free:,}") if kind in COUNT_IMAGES else (short(MicroUSD(limit)), short(MicroUSD(free)))
    )
    at = f" at {end.limit.provider}" if end.limit.provider else ""
    return f"{_LIMITS[kind]} {amount}{at}" + (f" (left: {left})" if free < limit else "")


def _left(end: Shortfall, estimate: Estimate) -> str:
    return f"{end.jobs:,} of {counted(estimate.jobs, 'job')} are not reached, the first is {safe(end.job, 80)}"


def other_route(result: EstimateResult) -> str:
    """Say what the same images cost the other way; nothing where there is no such way."""
    other = result.other_route
    if other is None:
        return ""
    if other.route is Route.BATCH:
        return f"In batches: {short(other.expected)} expected, within a day (--route batch).\n"
    return f"By calls: {short(other.expected)} expected, at once (--route sync).\n"


def other_route_json(result: EstimateResult) -> dict[str, Any]:
    """Spell the other way out for scripts."""
    other = result.other_route
    return {"other_route": other and {"route": other.route.value, "expected_micro_usd": other.expected}}


def _later(estimate: Estimate) -> str:
    """Say what waits for what, and what more it may cost then."""
    waits = "".join(
        f"Waiting: {counted(one.jobs, 'job')}, {safe(one.why, 200)}; {HOW[one.code]}.\n" for one in estimate.waiting
    )
    return waits + _once_approved(estimate.later)


def _once_approved(rows: Sequence[CostRow]) -> str:
    if not rows:
        return ""
    low, expected, high = (short(MicroUSD(sum(getattr(r, name) for r in rows))) for name in ("low", "expected", "high"))
    images = counted(sum(row.images for row in rows), "image")
    kinds = ", ".join(dict.fromkeys(f"{row.model} {row.quality}" for row in rows))
    return f"Once approved: {images} ({safe(kinds, 40)}),\n  {expected} expected, {low} at least, {high} at most.\n"


def _range(costs: CostRow | TagRow | Estimate) -> tuple[str, str, str]:
    return short(costs.low), short(costs.expected), short(costs.high)


def comparison(rows: Sequence[CompareRow]) -> str:
    """Say what the same work costs by each provider and route that could draw it, and why others could not."""
    own, others = [row for row in rows if row.own], [row for row in rows if not row.own]
    return "\n".join((*_offers(own), *_other_qualities(others), *_unable(own, others)))


def _offers(rows: Sequence[CompareRow]) -> Iterator[str]:
    """Offers at the manifest's own settings."""
    yours = "" if any(row.yours for row in rows) else "None of these is yours: mock draws samples and costs nothing.\n"
    yield f"At the manifest's own settings, by list prices:\n{_offered(rows)}{yours}"


def _other_qualities(rows: Sequence[CompareRow]) -> Iterator[str]:
    if rows:
        yield f"At other qualities:\n{_offered(rows)}"


def _offered(rows: Iterable[CompareRow]) -> str:
    return table(_OFFERS, (_offer(row) for row in rows if row.runs))


def _offer(row: CompareRow) -> tuple[str, ...]:
    price = "-" if row.expected is None else short(row.expected)
    return price, row.provider, row.route, row.model, row.quality, "yours" if row.yours else ""


def _unable(own: Sequence[CompareRow], others: Sequence[CompareRow]) -> Iterator[str]:
    """Say who could not draw it, and why; of another quality only where the manifest's own could be drawn."""
    able = {(row.provider, row.route) for row in own if row.runs}
    told = {f"{row.provider} ({row.route})": row.refused for row in own if not row.runs}
    told |= {
        f"{row.provider} ({row.route}), quality {row.quality}": row.refused
        for row in others
        if not row.runs and (row.provider, row.route) in able
    }
    if told:
        yield "Would not run:\n" + "".join(
            paragraph(f"{safe(who, 80)}: {_reasons(why)}", "  ") for who, why in told.items()
        )


def _reasons(refused: Iterable[str]) -> str:
    return safe("; ".join(refused), 1000)


def estimate_json(estimate: Estimate) -> dict[str, Any]:
    """Keys that scripts rely on."""
    return {
        "jobs": estimate.jobs,
        "images": estimate.images,
        "calls": estimate.calls,
        **_micro(estimate),
        "wall_seconds": round(estimate.wall_seconds, 3),
        "input_tokens": estimate.input_tokens,
        "output_tokens": estimate.output_tokens,
        "rows": [_row_json(row) for row in estimate.rows],
        "later": [_row_json(row) for row in estimate.later],
        "waiting": [as_facts(one) for one in estimate.waiting],
        "tags": [
            {"tag": row.tag, "value": row.value, "jobs": row.jobs, "images": row.images, **_micro(row)}
            for row in estimate.tags
        ],
        "stops_at": estimate.reach
        and {"expected": _stop(estimate.reach.expected), "worst": _stop(estimate.reach.worst)},
        "warnings": [str(warning) for warning in estimate.warnings],
    }


def _stop(end: Shortfall | None) -> dict[str, Any] | None:
    """Say where a limit ends a run, and how many jobs and images are left then."""
    if end is None:
        return None
    return {"limit": end.limit.kind.value, "job": end.job, "jobs": end.jobs, "images": end.images}


def _row_json(row: CostRow) -> dict[str, Any]:
    kind = {name: getattr(row, name) for name in ("model", "size", "quality", "provider", "jobs", "images")}
    return {**kind, **_micro(row)}


def compare_json(result: EstimateResult) -> dict[str, Any]:
    """Keys of the estimate, and the same manifest elsewhere."""
    compared = [
        {
            "provider": row.provider,
            "model": row.model,
            "quality": row.quality,
            "route": row.route,
            "expected_micro_usd": row.expected,
            "refused": list(row.refused),
            "yours": row.yours,
        }
        for row in result.compare
    ]
    return {**estimate_json(result), "compare": compared}


def estimate_csv(estimate: Estimate) -> Iterator[Sequence[object]]:
    """One row per kind of image, money in micro-dollars."""
    yield ("model", "size", "quality", "provider", "jobs", "images", *_MICRO)
    for row in estimate.rows:
        kind = (safe(row.model), safe(row.size), safe(row.quality), safe(row.provider))
        yield (*kind, row.jobs, row.images, *_micro(row).values())


def compare_csv(result: EstimateResult) -> Iterator[Sequence[object]]:
    """One row per offer, what can be run first; without a price the cell is empty."""
    yield ("provider", "model", "quality", "route", "expected_micro_usd", "refused", "yours")
    for row in result.compare:
        kind = (safe(row.provider), safe(row.model), safe(row.quality), row.route)
        price = "" if row.expected is None else row.expected
        yield (*kind, price, _reasons(row.refused), str(row.yours).lower())


_MICRO = ("low_micro_usd", "expected_micro_usd", "high_micro_usd")


def _micro(costs: CostRow | TagRow | Estimate) -> dict[str, int]:
    return dict(zip(_MICRO, (costs.low, costs.expected, costs.high), strict=True))
