"""The report of a large run: its peak memory above what the run held when its last image was stored."""

from collections.abc import Iterator

from benchmarks.calls import AT_ONCE
from benchmarks.effort import Effort
from benchmarks.processes import measured, scratch, served
from benchmarks.table import Bar, Figure, Table, compared


def run(effort: Effort) -> Iterator[Table]:
    """Draw many small images and let the run write its report."""
    images = effort.pick(2_000, 20_000)
    with served("benchmarks.server", "tiny") as base_url, scratch() as folder:
        facts = {"base_url": base_url, "folder": str(folder), "n": 1, "at_once": AT_ONCE}
        result = measured("benchmarks.our_side", **facts, calls=images, warm_up=2)
    above = result["report_mib"]
    yield compared(
        f"The report of {images:,} images",
        [Figure("peak memory above what the run held, MiB", "", f"{above:.0f} MiB", above, Bar(100))],
        f"It took {result['report_cpu']:.1f} s of CPU.",
        against="",
    )
