"""Derivatives of stored images, beside a plain Pillow script with as many processes on the same cores."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.effort import Effort
from benchmarks.processes import measured, scratch
from benchmarks.table import Bar, Figure, Table, compared

SIDES = ("plain", "ours")


def run(effort: Effort) -> Iterator[Table]:
    """Make three derivatives of each image, and of three times as many, on both sides in turn."""
    few = effort.pick(10, 60, 334)
    with scratch() as folder:
        found = {
            (side, count): _best(side, count, folder, effort.pick(1, 2)) for count in (few, 3 * few) for side in SIDES
        }
    theirs, ours = (3 * 3 * few / found[side, 3 * few]["wall"] for side in SIDES)
    before, after = found["ours", few]["peak_mib"], found["ours", 3 * few]["peak_mib"]
    yield compared(
        f"{9 * few:,} derivatives of {3 * few:,} images",
        [
            Figure(
                "derivatives per second, all cores",
                f"{theirs:.0f}",
                f"{ours:.0f}",
                ours / theirs,
                Bar(0.9, 1.0, least=True),
            ),
            Figure(
                "peak memory, with a third as many before",
                f"{before:.0f} MiB",
                f"{after:.0f} MiB",
                after / before,
                Bar(1.2),
            ),
        ],
        "The peak is that of the largest process. Originals have 1024 x 1024 pixels.",
        against="Pillow script",
    )


def _best(side: str, count: int, folder: Path, rounds: int) -> dict[str, float]:
    """Take the quickest of some rounds, each in a folder of its own."""
    results = [
        measured("benchmarks.derivatives_side", side=side, count=count, folder=str(folder / f"{side}-{count}-{number}"))
        for number in range(rounds)
    ]
    return min(results, key=lambda result: result["wall"])
