"""Collects the whole output of one batch, each line's image stored, and tells what that used."""

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path

from batchgen import catalog
from batchgen.executor.batch_client import BatchClient
from batchgen.executor.batch_output import OutputFiles
from batchgen.executor.protocol import Setup
from batchgen.executor.response_handler import ResponseHandler
from batchgen.model import Attempt, ImageRequest, Operation, Price, Purpose, Quote, Stems
from batchgen.money import MicroUSD
from batchgen.runtime.clock import SystemClock
from batchgen.runtime.offload import Threads
from batchgen.storage import LocalStore, Workspace
from benchmarks.probe import Probe
from benchmarks.processes import CLIENT_CORE, pin

MODEL = "gpt-image-2.5-flare"


async def collect(base_url: str, folder: Path) -> int:
    """Take in every line; the number of images."""
    clock, provider = SystemClock(), replace(catalog.provider("openai"), base_url=base_url)
    client = BatchClient(provider, "sk-benchmark", clock)
    with Threads(4, "disk") as offload:
        setup = Setup(provider, None, Workspace(folder), LocalStore(folder), clock=clock, offload=offload)
        files = OutputFiles(client, ResponseHandler(setup))
        images = 0
        async with client.session():
            async for line in files.lines("batch", "file", 0, None):
                images += len((await line.receipt(_attempt())).images)
                await line.drop()
    return images


def _attempt() -> Attempt:
    """Return the attempt of every line: its image is stored once, and found in place from then on."""
    free = MicroUSD(0)
    return Attempt(
        id="one",
        run_id="run",
        job_key="0" * 64,
        job_id="one",
        request=ImageRequest(Operation.GENERATE, "A photograph"),
        stems=Stems(("one-*",)),
        model=MODEL,
        provider="openai",
        slots=(0,),
        quote=Quote(free, free, free, price=Price()),
        purpose=Purpose.FIRST,
        deadline=300.0,
    )


def main() -> None:
    """Measure."""
    pin(CLIENT_CORE)
    facts = json.loads(sys.argv[1])
    probe = Probe()
    images = asyncio.run(collect(facts["base_url"], Path(facts["folder"])))
    print(json.dumps({"pictures": images, **probe.result()}))


if __name__ == "__main__":
    main()
