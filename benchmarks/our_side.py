"""The command `batchgen run`, whole, with a watch on its event loop."""

import asyncio
import io
import json
import sys
from pathlib import Path
from typing import Any

from batchgen.cli.command import Context
from batchgen.cli.console import Console
from batchgen.cli.invoke import invoke
from batchgen.runtime import event_loop
from benchmarks.probe import Probe
from benchmarks.processes import CLIENT_CORE, pin

MANIFEST = """\
name: {name}
provider: openai
defaults: {{model: gpt-image-2.5-flare, size: 1024x1024, quality: medium, n: {n}}}
limits: {{max_cost: 1000000, max_images: 1000000}}
jobs:
  - id: "{name}-{{{{ number }}}}"
    rows: {name}.csv
    prompt: "A photograph of product {{{{ number }}}}"
"""


class Watched:
    """Makes loops that are watched from their first turn, and tells what was used when the last one closed."""

    def __init__(self, probe: Probe) -> None:
        self.probe = probe
        self.at_close: dict[str, float] = {}
        self.afterwards = probe
        self.make = event_loop.loop

    def loop(self) -> asyncio.AbstractEventLoop:
        """Make one."""
        loop = self.make()
        loop.call_soon(lambda: self.watch(loop))
        close = loop.close

        def closing() -> None:
            self.at_close = self.probe.result()
            close()
            self.afterwards = Probe()

        loop.close = closing  # type: ignore[method-assign]
        return loop

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let the probe tick in this loop for as long as it lives."""
        self.watching = loop.create_task(self.probe.watch())


def write_manifest(folder: Path, name: str, jobs: int, n: int) -> Path:
    """Write a manifest of so many jobs over a CSV file."""
    (folder / f"{name}.csv").write_text("number\n" + "".join(f"{number}\n" for number in range(jobs)))
    path = folder / f"{name}.yaml"
    path.write_text(MANIFEST.format(name=name, n=n))
    return path


def draw(facts: dict[str, Any], name: str, calls: int) -> dict[str, Any]:
    """Run one manifest; gives its summary."""
    folder = Path(facts["folder"])
    manifest = write_manifest(folder, name, calls, facts["n"])
    words = ["run", str(manifest), "--base-url", facts["base_url"], "--output", str(folder / f"out-{name}")]
    out = io.StringIO()
    context = Context(Console(out, sys.stderr, None))
    status = invoke([*words, "--concurrency", str(facts["at_once"]), "--json"], context)
    if status:
        sys.exit(f"batchgen run ended with status {status}: {out.getvalue()[-2000:]}")
    summary: dict[str, Any] = json.loads(out.getvalue())
    return summary


def main() -> None:
    """Warm up with a small run, then measure a large one."""
    pin(CLIENT_CORE)
    facts = json.loads(sys.argv[1])
    draw(facts, "warm", facts["warm_up"])
    probe = Probe()
    watched = Watched(probe)
    event_loop.loop = watched.loop
    summary = draw(facts, "real", facts["calls"])
    after = watched.afterwards.result()
    used = {**watched.at_close, "report_cpu": after["cpu"], "report_mib": after["growth_mib"]}
    print(json.dumps({"pictures": summary["images"]["stored"], **used}))


if __name__ == "__main__":
    main()
