"""Large answers, 64 in flight: CPU per image, memory above idle, images per second, stalls of the event loop."""

from collections.abc import Iterator
from statistics import median
from typing import Any

from benchmarks.effort import Effort
from benchmarks.payload import PAYLOADS
from benchmarks.processes import measured, scratch, served
from benchmarks.table import Table, bar, floor, times

AT_ONCE = 64
SIDES = {"sdk": "benchmarks.sdk_side", "batchgen": "benchmarks.our_side"}

Result = dict[str, dict[str, float]]


def run(effort: Effort) -> Iterator[Table]:
    """Compare both sides at full speed, then with all answers finishing together."""
    for payload, calls in (("p4", 192), ("p10", 128)):
        yield _speed(payload, *_sides(payload, calls=effort.pick(calls // 2, calls), repeat=effort.pick(1, 3, 7)))
    yield _stalls(*_sides("p4", calls=AT_ONCE, repeat=effort.pick(1, 3, 7), together=AT_ONCE))


def _sides(payload: str, *, calls: int, repeat: int, together: int = 0) -> tuple[dict[str, float], dict[str, float]]:
    """Let the sides take turns; gives the medians of each."""
    n = PAYLOADS[payload].n
    results: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
    for _ in range(repeat):
        for side, module in SIDES.items():
            with served("benchmarks.server", payload, "--together", str(together)) as base_url, scratch() as folder:
                facts = {"base_url": base_url, "folder": str(folder), "n": n, "at_once": AT_ONCE, "calls": calls}
                # one warm call cannot finish together with others: with a barrier a whole round of them warms up
                result = measured(module, **facts, warm_up=together or 2)
                if result["pictures"] != calls * n:
                    raise SystemExit(f"{side} stored {result['pictures']} images of {calls * n}")
                results[side].append(result)
    middle = {side: {key: median(run[key] for run in runs) for key in runs[0]} for side, runs in results.items()}
    return middle["sdk"], middle["batchgen"]


def _speed(payload: str, sdk: dict[str, float], ours: dict[str, float]) -> Table:
    cpu = [side["cpu"] / side["pictures"] * 1000 for side in (sdk, ours)]
    rate = [side["pictures"] / side["wall"] for side in (sdk, ours)]
    memory = [side["growth_mib"] for side in (sdk, ours)]
    cpu_ratio, rate_ratio, memory_ratio = cpu[1] / cpu[0], rate[1] / rate[0], memory[1] / memory[0]
    kept = memory_ratio <= 0.05 and memory[1] <= 64
    judged = payload == "p10"  # the bar on memory is for the larger answers
    rows = [
        (
            "CPU per image",
            f"{cpu[0]:.1f} ms",
            f"{cpu[1]:.2f} ms",
            times(cpu_ratio),
            "<= 0.30",
            bar(cpu_ratio, 0.3, 0.2),
        ),
        (
            "images per second, one core",
            f"{rate[0]:.0f}",
            f"{rate[1]:.0f}",
            times(rate_ratio),
            ">= 4",
            floor(rate_ratio, 4, 6),
        ),
        (
            "peak memory above idle",
            f"{memory[0]:.0f} MiB",
            f"{memory[1]:.0f} MiB",
            times(memory_ratio),
            "<= 0.05 and <= 64 MiB" if judged else "",
            "" if not judged else "MISSED" if not kept else bar(memory[1], 64, 24),
        ),
        (
            "worst stall of the loop",
            f"{sdk['stall'] * 1000:.0f} ms",
            f"{ours['stall'] * 1000:.0f} ms",
            times(ours["stall"] / sdk["stall"]),
            "",
            "",
        ),
    ]
    chosen = PAYLOADS[payload]
    note = (
        f"Everything on: ledger, hashes, header checks, progress. The report with its thumbnails, which the script does"
        f" not make, took another {ours['report_cpu'] / ours['pictures'] * 1000:.2f} ms of CPU per image, and memory "
        f"peaked at {ours['report_mib']:.0f} MiB above idle with it."
    )
    title = f"{chosen.n} x {chosen.image_bytes / (1 << 20):.1f} MiB an answer, {AT_ONCE} in flight"
    return Table(title, ("", "SDK script", "batchgen", "ratio", "bar", ""), rows, note)


def _stalls(sdk: dict[str, float], ours: dict[str, float]) -> Table:
    ratio = ours["stall"] / sdk["stall"]
    rows = [
        (
            "worst stall",
            f"{sdk['stall'] * 1000:.0f} ms",
            f"{ours['stall'] * 1000:.0f} ms",
            times(ratio),
            "<= 0.05",
            bar(ratio, 0.05, 0.01),
        ),
        (
            "lag, 99 %",
            f"{sdk['lag_p99'] * 1000:.1f} ms",
            f"{ours['lag_p99'] * 1000:.1f} ms",
            times(ours["lag_p99"] / sdk["lag_p99"]),
            "< 50 ms",
            bar(ours["lag_p99"], 0.05),
        ),
    ]
    title = f"{AT_ONCE} answers of 4 x 1.5 MiB that trickle at 2 MB/s and finish together"
    return Table(title, ("event loop", "SDK script", "batchgen", "ratio", "bar", ""), rows)
