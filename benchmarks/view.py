"""A run with its page open in several windows, beside the same run with nobody looking: how much longer it takes."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Any

from aiohttp import ClientError, ClientSession, CookieJar

from benchmarks.calls import AT_ONCE
from benchmarks.effort import Effort
from benchmarks.processes import measured, scratch, served
from benchmarks.table import Bar, Figure, Table, compared

WINDOWS = 3
SLOW = 1.0
"""Seconds that a drawn image takes at least where the provider is not instant."""
MOST_THUMBS = 60
"""How many new images a window shows at once: no browser asks for those that nobody sees."""


def run(effort: Effort) -> Iterator[Table]:
    """Compare both with a provider that draws for a second, and with one that answers at once."""
    for delay, calls in ((SLOW, effort.pick(256, 960)), (0.0, effort.pick(384, 960))):
        alone, looked_at = list[dict[str, float]](), list[dict[str, float]]()
        for _ in range(effort.pick(1, 3, 7)):
            alone.append(_drawn(delay, calls, windows=0))
            looked_at.append(_drawn(delay, calls, windows=WINDOWS))
        yield _table(delay, calls, alone, looked_at)


def _table(delay: float, calls: int, alone: list[dict[str, float]], looked_at: list[dict[str, float]]) -> Table:
    speak = f"an answer takes {delay:g} s" if delay else "answers come at once"
    figures = []
    for what, name, bar in (("time of the run", "wall", Bar(1.05)), ("its CPU", "cpu", Bar(1.05))):
        ours, theirs = (median(one[name] for one in side) for side in (looked_at, alone))
        figures.append(Figure(what, f"{theirs:.2f} s", f"{ours:.2f} s", ours / theirs, bar if delay else None))
    told = median(one["told"] for one in looked_at)
    return compared(
        f"{WINDOWS} windows look at a run of {calls:,} calls of 1.5 MiB, {AT_ONCE} in flight, {speak}",
        figures,
        f"Each window was told of {told:.0f} images while they came. Provider, viewer and windows share the machine.",
        against="nobody looks",
    )


def _drawn(delay: float, calls: int, windows: int) -> dict[str, float]:
    with (
        served("benchmarks.server", "p1", "--vary", "--delay", str(delay)) as base_url,
        scratch() as folder,
        ThreadPoolExecutor(1) as thread,
    ):
        facts: dict[str, Any] = {"base_url": base_url, "folder": str(folder), "n": 1, "at_once": AT_ONCE}
        drawing = thread.submit(measured, "benchmarks.our_side", **facts, calls=calls, warm_up=2)
        told = asyncio.run(_look(folder / "out-real", drawing, windows)) if windows else 0
        result = drawing.result()
    return {"wall": result["wall"], "cpu": result["cpu"], "told": told}


async def _look(output: Path, drawing: "Future[Any]", windows: int) -> float:
    while not (output / "ledger.db").exists():
        if drawing.done():
            return 0
        await asyncio.sleep(0.01)
    with _viewed(output) as address:
        told = await asyncio.gather(*(_window(address, drawing) for _ in range(windows)))
    return median(told)


@contextmanager
def _viewed(output: Path) -> Iterator[str]:
    """Run `batchgen view`; gives its address."""
    command = [sys.executable, "-m", "batchgen", "view", str(output), "--no-open"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=os.environ
    ) as view:
        assert view.stdout
        try:
            yield view.stdout.readline().strip()
        finally:
            view.terminate()


async def _window(address: str, drawing: "Future[Any]") -> int:
    """Open the page as a browser does: the page, its data, what happens, and small copies of what comes."""
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as client:
        async with client.get(address) as page:
            home = str(page.url.origin())
        async with client.get(f"{home}/data.json") as answer:
            since = json.loads(await answer.read())["as_of"]
        with suppress(ClientError, TimeoutError):
            async with client.get(f"{home}/events", params={"since": since}, timeout=None) as stream:
                return await _listen(client, home, stream.content, drawing)
    return 0


async def _listen(client: ClientSession, home: str, stream: Any, drawing: "Future[Any]") -> int:
    seen, event = set[int](), b""
    end = time.monotonic() + 600
    while not drawing.done() and time.monotonic() < end:
        with suppress(TimeoutError):
            line = await asyncio.wait_for(stream.readuntil(b"\n"), 0.5)
            if line.startswith(b"event: "):
                event = line
            elif line.startswith(b"data: ") and event == b"event: images\n":
                new = {number for number in json.loads(line[6:])["columns"]["number"] if number >= 0} - seen
                seen |= new
                for number in sorted(new)[-MOST_THUMBS:]:
                    async with client.get(f"{home}/thumb/{number}") as small:
                        await small.read()
    return len(seen)
