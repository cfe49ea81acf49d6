"""The output of a large batch, collected: its peak memory above the idle process."""

from collections.abc import Iterator

from benchmarks.batch_server import line_of
from benchmarks.effort import Effort
from benchmarks.processes import measured, scratch, served
from benchmarks.table import Bar, Figure, Table, compared

PAYLOAD = "p1"


def run(effort: Effort) -> Iterator[Table]:
    """Collect 3 GB, or a tenth of it: memory does not hang on the length."""
    size = effort.pick(300_000_000, 3_000_000_000)
    lines = size // len(line_of(PAYLOAD))
    with served("benchmarks.batch_server", PAYLOAD, str(lines)) as base_url, scratch() as folder:
        result = measured("benchmarks.collect_side", base_url=base_url, folder=str(folder))
    if result["pictures"] != lines:
        raise SystemExit(f"{result['pictures']} images came of {lines}")
    above = result["growth_mib"]
    figure = Figure("peak memory above idle, MiB", "", f"{above:.0f} MiB", above, Bar(64))
    yield compared(f"A batch's output of {size / 1e9:g} GB, collected", [figure], against="")
