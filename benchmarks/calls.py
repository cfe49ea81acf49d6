"""Calls side by side with the plain script, 64 in flight: CPU, images per second, memory, stalls of the event loop."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

from benchmarks.effort import Effort
from benchmarks.payload import PAYLOADS
from benchmarks.processes import measured, scratch, served
from benchmarks.table import Bar, Figure, Table, compared

AT_ONCE = 64
SIDES = {"sdk": "benchmarks.sdk_side", "batchgen": "benchmarks.our_side"}
SHORTER = 4
"""The long run is so many times the short one; what both need to start falls out of their difference."""

Result = dict[str, float]


@dataclass(frozen=True)
class Case:
    """One kind of answer, how many calls the long run makes, and its bars."""

    payload: str
    calls: int
    cpu: Bar
    rate: Bar
    memory: Bar | None = None


CASES = {
    "small": Case("tiny", 2400, Bar(0.5, 0.3), Bar(2, 3, least=True)),
    "usual": Case("p1", 384, Bar(0.25, 0.2), Bar(4, 5, least=True)),
    "large": Case("p4", 192, Bar(0.2, 0.15), Bar(5, 6, least=True)),
    "largest": Case("p10", 128, Bar(0.2, 0.15), Bar(5, 6, least=True), Bar(0.05)),
}


@dataclass(frozen=True)
class Both:
    """The medians of one side's short and long runs."""

    short: Result
    long: Result
    calls: int

    @property
    def rate(self) -> float:
        """Images per second of the whole long run, its start included."""
        return self.long["pictures"] / self.long["wall"]

    def slope(self, what: str) -> float:
        """Say what one call more takes: seconds of `cpu` or of `wall`."""
        return (self.long[what] - self.short[what]) / (self.calls - self.calls // SHORTER)


def run(name: str, effort: Effort) -> Iterator[Table]:
    """Compare both sides at full speed."""
    case = CASES[name]
    calls, rounds = effort.pick(case.calls // 3, case.calls), effort.pick(1, 3, 7)
    results: dict[tuple[str, int], list[Result]] = {}
    for _ in range(rounds):
        for count in (calls // SHORTER, calls):
            for side in SIDES:
                results.setdefault((side, count), []).append(_measured(side, case.payload, count))
    sdk, ours = (Both(_middle(results[side, calls // SHORTER]), _middle(results[side, calls]), calls) for side in SIDES)
    yield compared(_title(case.payload), _figures(case, sdk, ours), _note(ours))


def together(effort: Effort) -> Iterator[Table]:
    """Compare how long the event loop stands still when all answers finish at once."""
    results: dict[str, list[Result]] = {side: [] for side in SIDES}
    for _ in range(effort.pick(1, 3, 7)):
        for side, runs in results.items():
            runs.append(_measured(side, "p4", AT_ONCE, together=AT_ONCE))
    sdk, ours = (_middle(results[side]) for side in SIDES)
    lag = Figure("lag, 99 %, seconds", _ms(sdk["lag_p99"]), _ms(ours["lag_p99"]), ours["lag_p99"], Bar(0.05))
    title = f"{AT_ONCE} answers of 4 x 1.5 MiB that trickle at 2 MB/s and finish together"
    yield compared(title, [_figure("worst stall", (sdk["stall"], ours["stall"]), _ms, Bar(0.05, 0.01)), lag])


BENCHES: dict[str, Callable[[Effort], Iterator[Table]]] = {
    **{name: partial(run, name) for name in CASES},
    "together": together,
}


def _measured(side: str, payload: str, calls: int, *, together: int = 0) -> Result:
    n = PAYLOADS[payload].n
    with served("benchmarks.server", payload, "--together", str(together)) as base_url, scratch() as folder:
        facts: dict[str, Any] = {"base_url": base_url, "folder": str(folder), "n": n, "at_once": AT_ONCE}
        # one warm call cannot finish together with others: with a barrier a whole round of them warms up
        result = measured(SIDES[side], **facts, calls=calls, warm_up=together or 2)
    if result["pictures"] != calls * n:
        raise SystemExit(f"{side} stored {result['pictures']} images of {calls * n}")
    return result


def _middle(runs: list[Result]) -> Result:
    return {key: median(run[key] for run in runs) for key in runs[0]}


def _figures(case: Case, sdk: Both, ours: Both) -> Iterator[Figure]:
    n, growth = PAYLOADS[case.payload].n, (sdk.long["growth_mib"], ours.long["growth_mib"])
    yield _figure("CPU of a call, start-up left out", (sdk.slope("cpu"), ours.slope("cpu")), _ms, case.cpu)
    yield _figure("images per second, one core", (sdk.rate, ours.rate), _whole, case.rate)
    yield _figure("the same, start-up left out", (n / sdk.slope("wall"), n / ours.slope("wall")), _whole)
    yield _figure("peak memory above idle", growth, _mib, case.memory)
    if case.memory:
        yield Figure("the same, in MiB", _mib(growth[0]), _mib(growth[1]), growth[1], Bar(64, 24))
    yield _figure("worst stall of the loop", (sdk.long["stall"], ours.long["stall"]), _ms)


def _figure(what: str, both: tuple[float, float], unit: Callable[[float], str], bar: Bar | None = None) -> Figure:
    theirs, ours = both
    return Figure(what, unit(theirs), unit(ours), ours / theirs, bar)


def _title(payload: str) -> str:
    chosen = PAYLOADS[payload]
    size = chosen.image_bytes / 1024
    each = f"{size:.0f} KiB" if size < 1024 else f"{size / 1024:.1f} MiB"
    return f"{chosen.n} x {each} an answer, {AT_ONCE} in flight"


def _note(ours: Both) -> str:
    return (
        "Everything on: ledger, hashes, header checks, progress. The report with its thumbnails, which the script does"
        f" not make, took another {ours.long['report_cpu'] / ours.long['pictures'] * 1000:.2f} ms of CPU per image."
    )


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms"


def _mib(size: float) -> str:
    return f"{size:.0f} MiB"


def _whole(number: float) -> str:
    return f"{number:.0f}"
