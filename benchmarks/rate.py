"""Rate limits: refusals of our making, use of every window from a cold start, and fairness to heavy calls."""

import json
import os
import random
import subprocess
import sys
import urllib.request
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from statistics import median

from benchmarks.effort import Effort
from benchmarks.processes import KEY, measured, scratch, served
from benchmarks.table import Table, floor
from tests.limits.simulation import Crowd, Sliding, limits, simulate

LIMIT = 600
SECONDS = 125.0
AT_ONCE = 64
MIXES: dict[str, tuple[int, ...]] = {"n = 1": (1,), "n = 4": (4,), "n = 1 to 10": tuple(range(1, 11))}
SEEDS = (0, 1, 2)
COLUMNS = (
    "",
    "calls refused",
    "first minute",
    "second minute",
    "bar: 0 and both >= 98 %",
    "mean of all windows",
    "worst of all windows",
)


def run(effort: Effort) -> Iterator[Table]:
    """Simulate in virtual time; then really wait, all cases side by side."""
    yield _simulated()
    if effort is not Effort.QUICK:
        yield _real()


def _simulated() -> Table:
    rows = []
    for name, sizes in MIXES.items():
        crowd = Crowd(limits(images_per_minute=LIMIT), sizes, seconds=400)
        logs = [simulate(crowd, Sliding(LIMIT), seed) for seed in SEEDS]
        even = f"{median(log.wait(10) / log.wait(1) for log in logs):.3f}" if len(sizes) > 1 else ""
        uses = [_use(log.taken, 400) for log in logs]
        rows.append((*_row(name, uses, sum(len(log.refused) for log in logs)), even))
    return Table(
        f"Strict sliding window of {LIMIT} images a minute, six minutes from a cold start, in virtual time",
        (*COLUMNS, "wait (99 %) for ten over one"),
        rows,
        "256 callers, way there 10 to 50 ms, drawing 3 to 15 s; medians of three seeds, the worst of all three. "
        "Windows begin every tenth of a second. Whoever lets calls start in the order in which they came leaves up to "
        "nine images free where a call for ten comes next, and ten more between the end of an old call for ten and "
        "its successor: some window of 600 then misses more than 2 %.",
    )


def _real() -> Table:
    cases = [(side, name) for name in MIXES for side in ("SDK and aiolimiter", "batchgen")]
    with ThreadPoolExecutor(len(cases)) as pool:
        rows = list(pool.map(lambda case: _waited(*case), cases))
    return Table(
        f"The same over sockets: {SECONDS:.0f} real seconds, all cases side by side",
        COLUMNS,
        rows,
        f"{AT_ONCE} calls at once, drawing 1 to 3 s.",
    )


def _waited(side: str, name: str) -> tuple[str, ...]:
    chance = random.Random(7)
    sizes = [
        chance.choice(MIXES[name]) for _ in range(int(3 * LIMIT * SECONDS / 60 / (sum(MIXES[name]) / len(MIXES[name]))))
    ]
    with served("benchmarks.rate_server", str(LIMIT)) as base_url, scratch() as folder:
        if side == "batchgen":
            _ours(base_url, folder, sizes)
        else:
            facts = {"base_url": base_url, "folder": str(folder), "sizes": sizes, "seconds": SECONDS}
            measured("benchmarks.sdk_rate", **facts, limit=LIMIT, at_once=AT_ONCE)
        with urllib.request.urlopen(f"{base_url}/log") as answer:
            log = json.load(answer)
    until = min(SECONDS, log["taken"][-1][0])  # its time counts from the start of the process, ours from the first call
    return _row(f"{side}, {name}", [_use(log["taken"], until)], len(log["refused"]))


def _ours(base_url: str, folder: Path, sizes: list[int]) -> None:
    jobs = [
        {"id": f"job-{number}", "n": n, "prompt": f"A photograph of product {number}"} for number, n in enumerate(sizes)
    ]
    manifest = {
        "name": "rate",
        "defaults": {"model": "gpt-image-2.5-flare", "size": "1024x1024", "quality": "medium"},
        "limits": {"images_per_minute": LIMIT, "max_cost": 100000, "concurrency": AT_ONCE},
        "jobs": jobs,
    }
    path = folder / "rate.yaml"
    path.write_text(json.dumps(manifest))
    words = ["run", str(path), "--base-url", base_url, "--output", str(folder / "out"), "--quiet"]
    command = [sys.executable, "-m", "batchgen", *words, "--max-duration", f"{SECONDS:.0f}s"]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, env=os.environ | KEY, check=False)
    if done.returncode not in {0, 4}:
        raise SystemExit(f"batchgen run ended with status {done.returncode}")


@dataclass(frozen=True)
class Use:
    """The part of the limit that was used, from the cold start on."""

    first: float
    second: float
    mean: float
    worst: float


def _use(taken: Sequence[tuple[float, int]], seconds: float) -> Use:
    """How well a log of accepted calls used its windows."""
    times = [at for at, _ in taken]
    total = list(accumulate((n for _, n in taken), initial=0))

    def used(begin: float) -> float:
        return (total[bisect_left(times, begin + 60)] - total[bisect_left(times, begin)]) / LIMIT

    windows = [used(begin / 10) for begin in range(int((seconds - 60) * 10))]
    return Use(used(0), used(60), sum(windows) / len(windows), min(windows))


def _row(name: str, uses: Sequence[Use], refused: int) -> tuple[str, ...]:
    first, second = median(use.first for use in uses), median(use.second for use in uses)
    verdict = "MISSED" if refused else floor(min(first, second), 0.98, 0.995)
    mean, worst = median(use.mean for use in uses), min(use.worst for use in uses)
    return name, str(refused), f"{first:.1%}", f"{second:.1%}", verdict, f"{mean:.1%}", f"{worst:.1%}"
