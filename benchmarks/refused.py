"""A random tenth of the calls refused with `Retry-After: 1`: how much longer a run takes than without."""

from collections.abc import Iterator
from statistics import median

from benchmarks.calls import AT_ONCE, SIDES
from benchmarks.effort import Effort
from benchmarks.processes import measured, scratch, served
from benchmarks.table import Bar, Figure, Table, compared

TENTH = 0.1
SLOW = 1.0
"""Seconds that a drawn image takes at least where the provider is not instant."""


def run(effort: Effort) -> Iterator[Table]:
    """Compare both sides with a provider that draws for a second and with one that answers at once.

    Where answers come at once, there are so many calls that the second which the last refused one waits is a small part
    of the run, as it is in a user's.
    """
    for delay, calls in ((SLOW, effort.pick(192, 640)), (0.0, effort.pick(4_000, 10_000))):
        yield _compared(delay, calls, rounds=effort.pick(1, 3, 7))


def _compared(delay: float, calls: int, rounds: int) -> Table:
    walls: dict[tuple[str, float], list[float]] = {}
    for seed in range(rounds):
        for side in SIDES:
            for part in (0.0, TENTH):
                walls.setdefault((side, part), []).append(_wall(side, delay, calls, part, seed))
    clean, torn = ({side: median(walls[side, part]) for side in SIDES} for part in (0.0, TENTH))
    ratio = {side: torn[side] / clean[side] for side in SIDES}
    speak = f"an answer takes {delay:g} s" if delay else "answers come at once"
    return compared(
        f"A random tenth refused with Retry-After: 1; {calls:,} calls, {AT_ONCE} in flight, {speak}",
        [
            Figure(
                "time over the clean time",
                f"{ratio['sdk']:.2f}",
                f"{ratio['batchgen']:.2f}",
                ratio["batchgen"],
                Bar(2, 1.3),
            ),
            Figure(
                "clean time", f"{clean['sdk']:.1f} s", f"{clean['batchgen']:.1f} s", clean["batchgen"] / clean["sdk"]
            ),
            Figure(
                "time with refusals",
                f"{torn['sdk']:.1f} s",
                f"{torn['batchgen']:.1f} s",
                torn["batchgen"] / torn["sdk"],
            ),
        ],
        "The script leaves waiting and trying again to the SDK, ten times at most.",
    )


def _wall(side: str, delay: float, calls: int, part: float, seed: int) -> float:
    words = ("tiny", "--delay", str(delay), "--refuse", str(part), "--seed", str(seed))
    with served("benchmarks.server", *words) as base_url, scratch() as folder:
        facts = {"base_url": base_url, "folder": str(folder), "n": 1, "at_once": AT_ONCE, "retries": 10}
        result = measured(SIDES[side], **facts, calls=calls, warm_up=2)
    if result["pictures"] != calls:
        raise SystemExit(f"{side} stored {result['pictures']} images of {calls}")
    return float(result["wall"])
