"""A server that counts a strict sliding minute of images from its first request on, and remembers every request.

`python -m benchmarks.rate_server LIMIT` prints its base URL, serves until its stdin closes; `GET /v1/log` tells it all.
"""

import asyncio
import base64
import json
import os
import random
import sys
import time
from collections import deque

from benchmarks.payload import OUTPUT_TOKENS, png
from benchmarks.processes import SERVER_CORE, pin

WINDOW = 60.0
DRAWING = (1.0, 3.0)


class Counter:
    """The window, and what was taken and refused: seconds since the first request, and images."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.window: deque[tuple[float, int]] = deque()
        self.begin: float | None = None
        self.taken: list[tuple[float, int]] = []
        self.refused: list[tuple[float, int]] = []

    def ask(self, n: int) -> float | None:
        """Count a request; seconds to wait when it is refused."""
        now = time.monotonic()
        self.begin = now if self.begin is None else self.begin
        while self.window and self.window[0][0] <= now - WINDOW:
            self.window.popleft()
        free = self.limit - sum(weight for _, weight in self.window)
        if n <= free:
            self.window.append((now, n))
            self.taken.append((now - self.begin, n))
            return None
        self.refused.append((now - self.begin, n))
        for at, weight in self.window:
            free += weight
            if n <= free:
                return at + WINDOW - now
        return WINDOW


class Server:
    """Speaks just enough HTTP."""

    def __init__(self, limit: int) -> None:
        self.counter = Counter(limit)
        self.chance = random.Random(1)
        self.image = {"b64_json": base64.b64encode(png(0, 1)).decode()}

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                fields = dict(line.lower().split(b":", 1) for line in head.strip().split(b"\r\n")[1:])
                body = await reader.readexactly(int(fields.get(b"content-length", b"0")))
                writer.write(await self._answer(head, body))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _answer(self, head: bytes, body: bytes) -> bytes:
        if head.startswith(b"GET"):
            return _reply("200 OK", {"taken": self.counter.taken, "refused": self.counter.refused})
        n = int(json.loads(body).get("n") or 1)
        wait = self.counter.ask(n)
        if wait is not None:
            error = {"message": "Rate limit reached", "type": "images", "param": None, "code": "rate_limit_exceeded"}
            return _reply("429 Too Many Requests", {"error": error}, f"Retry-After: {wait:.3f}\r\n")
        await asyncio.sleep(self.chance.uniform(*DRAWING))
        usage = {
            "input_tokens": 12,
            "input_tokens_details": {"image_tokens": 0, "text_tokens": 12},
            "output_tokens": OUTPUT_TOKENS * n,
            "total_tokens": OUTPUT_TOKENS * n + 12,
        }
        return _reply("200 OK", {"created": 1, "data": [self.image] * n, "usage": usage})


def _reply(status: str, value: object, more: str = "") -> bytes:
    body = json.dumps(value).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


async def main() -> None:
    """Serve."""
    pin(SERVER_CORE)
    server = await asyncio.start_server(Server(int(sys.argv[1])).talk, "127.0.0.1", 0, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    os._exit(0)  # whoever still draws is of no interest


if __name__ == "__main__":
    asyncio.run(main())
