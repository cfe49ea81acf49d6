"""How many Python functions are called for one small answer, and where: a figure that no neighbour changes."""

import asyncio
import json
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from batchgen.runtime import event_loop
from benchmarks.effort import Effort
from benchmarks.our_side import draw
from benchmarks.processes import measured, scratch, served
from benchmarks.table import Table

AT_ONCE, FEW, MANY = 64, 100, 300
MOST_SHOWN = 15


def run(_effort: Effort) -> Iterator[Table]:
    """Count a short and a long run: what both need to start, and to report, falls out of their difference."""
    with served("benchmarks.server", "tiny") as base_url, scratch() as folder:
        facts = {"base_url": base_url, "folder": str(folder), "n": 1, "at_once": AT_ONCE}
        found: dict[str, float] = measured("benchmarks.functions", **facts)
    places = sorted(found, key=found.__getitem__, reverse=True)[:MOST_SHOWN]
    rows = [("all", f"{sum(found.values()):.0f}"), *((place, f"{found[place]:.0f}") for place in places)]
    note = "From the first look at the manifest to the last image; the report comes after that."
    yield Table("Python functions called for an answer of 48 KiB", ("where", "calls"), rows, note)


def _counted(facts: dict[str, Any], name: str, calls: int) -> Counter[str]:
    """Draw one manifest, and count until the loop of its run closes: its report comes after that."""
    found, make = Counter[str](), event_loop.loop

    def count(frame: FrameType, event: str, _arg: object) -> None:
        if event == "call":
            found[frame.f_code.co_filename] += 1

    def stop() -> None:
        sys.setprofile(None)
        threading.setprofile(None)

    def loop() -> asyncio.AbstractEventLoop:
        made = make()
        close = made.close
        made.close = lambda: (stop(), close())[1]  # type: ignore[method-assign, func-returns-value]
        return made

    threading.setprofile(count)
    sys.setprofile(count)
    event_loop.loop = loop
    try:
        draw(facts, name, calls)
    finally:
        stop()
        event_loop.loop = make
    return found


def _place(file: str) -> str:
    """Name a module, or the library that it is of."""
    parts = Path(file).with_suffix("").parts
    for root in ("batchgen", "site-packages"):
        if root in parts:
            inside = parts[parts.index(root) :]
            return ".".join(inside) if root == "batchgen" else inside[1]
    return parts[-1]


def main() -> None:
    """Count, and tell the calls of one image by their places."""
    facts = json.loads(sys.argv[1])
    draw(facts, "warm", 2)
    few, many = (_counted(facts, name, calls) for name, calls in (("few", FEW), ("many", MANY)))
    many.subtract(few)
    found = Counter[str]()
    for file, calls in many.items():
        found[_place(file)] += calls / (MANY - FEW)  # type: ignore[assignment]
    print(json.dumps({place: calls for place, calls in found.items() if calls > 0.05}))


if __name__ == "__main__":
    main()
