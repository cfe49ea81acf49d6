"""The plain script that people write on the vendor's SDK: AsyncOpenAI, a semaphore, gather, decode, write."""

import asyncio
import base64
import json
import sys
from pathlib import Path
from typing import Any

from openai import DEFAULT_MAX_RETRIES, AsyncOpenAI

from benchmarks.probe import Probe
from benchmarks.processes import CLIENT_CORE, pin


async def draw(facts: dict[str, Any], calls: int) -> int:
    """Draw so many calls' images; their number."""
    folder, n, at_once = Path(facts["folder"]), facts["n"], facts["at_once"]
    client = AsyncOpenAI(base_url=facts["base_url"], max_retries=facts.get("retries", DEFAULT_MAX_RETRIES))
    places = asyncio.Semaphore(at_once)

    async def one(number: int) -> int:
        async with places:
            answer = await client.images.generate(
                model="gpt-image-2.5-flare", prompt=f"A photograph of product {number}", n=n, size="1024x1024"
            )
        images = answer.data or []
        for slot, image in enumerate(images):
            (folder / f"{number}-{slot}.png").write_bytes(base64.b64decode(image.b64_json or ""))
        return len(images)

    return sum(await asyncio.gather(*(one(number) for number in range(calls))))


async def main() -> None:
    """Warm up with one call, then measure."""
    pin(CLIENT_CORE)
    facts = json.loads(sys.argv[1])
    await draw(facts, facts["warm_up"])
    probe = Probe()
    watching = asyncio.create_task(probe.watch())
    images = await draw(facts, facts["calls"])
    watching.cancel()
    print(json.dumps({"pictures": images, **probe.result()}))


if __name__ == "__main__":
    asyncio.run(main())
