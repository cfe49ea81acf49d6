"""The plain script again, with a rate limiter as people use it: aiolimiter in front of the SDK."""

import asyncio
import base64
import json
import sys
from contextlib import suppress
from pathlib import Path

from aiolimiter import AsyncLimiter
from openai import APIStatusError, AsyncOpenAI

from benchmarks.processes import CLIENT_CORE, pin


async def main() -> None:
    """Draw until the time is over."""
    pin(CLIENT_CORE)
    facts = json.loads(sys.argv[1])
    client, places = AsyncOpenAI(base_url=facts["base_url"]), asyncio.Semaphore(facts["at_once"])
    limiter, folder = AsyncLimiter(facts["limit"], 60), Path(facts["folder"])

    async def one(number: int, n: int) -> None:
        async with places:
            await limiter.acquire(n)
            try:
                answer = await client.images.generate(
                    model="gpt-image-2.5-flare", prompt=f"A photograph of product {number}", n=n, size="1024x1024"
                )
            except APIStatusError:
                return
        for slot, image in enumerate(answer.data or []):
            (folder / f"{number}-{slot}.png").write_bytes(base64.b64decode(image.b64_json or ""))

    everything = asyncio.gather(*(one(number, n) for number, n in enumerate(facts["sizes"])))
    with suppress(TimeoutError):
        await asyncio.wait_for(everything, facts["seconds"])
    print(json.dumps({}))


if __name__ == "__main__":
    asyncio.run(main())
