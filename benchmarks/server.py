"""A server that costs next to nothing: one thread a connection, the prepared answer sent by the kernel.

`python -m benchmarks.server PAYLOAD [--together N] [--vary] [--delay SECONDS] [--refuse PART]` prints its base URL and
serves until its stdin closes. With `--together`, answers trickle at `TRICKLE` bytes a second and hold back their ends
until N have come that far. With `--vary`, each answer has an image of its own. With `--refuse`, a random part of the
calls is answered with 429 and `Retry-After: 1`.
"""

import argparse
import itertools
import os
import random
import socket
import sys
import threading
import time

from benchmarks.payload import HEAD_BYTES, PAYLOADS, remark
from benchmarks.processes import SERVER_CORE, pin

TRICKLE = 2_000_000
PIECE = 1 << 16
END = 1 << 15
REFUSAL = b'{"error": {"message": "Rate limit reached", "type": "images", "code": "rate_limit_exceeded"}}'
REFUSED = (
    b"HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\nRetry-After: 1\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(REFUSAL), REFUSAL)
)


class Server:
    """Answers every request alike, but for those that it refuses."""

    def __init__(self, body: bytes, together: int, delay: float, refuse: float, seed: int, *, vary: bool) -> None:
        self.delay, self.refuse, self.chance = delay, refuse, random.Random(seed)
        self.file = os.memfd_create("answer")
        _write(self.file, body)
        self.size = len(body)
        self.numbers = itertools.count() if vary else None
        self.first = body.index(b'b64_json": "') + 12 + HEAD_BYTES // 3 * 4
        length = self.size + (len(remark(0)) if vary else 0)
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        self.head = head.encode()
        self.barrier = threading.Barrier(together) if together else None
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)

    def serve(self) -> None:
        """Take connections for ever."""
        while True:
            connection, _ = self.listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection:
            try:
                while _request(connection):
                    if self.chance.random() < self.refuse:
                        connection.sendall(REFUSED)
                        continue
                    time.sleep(self.delay)
                    connection.sendall(self.head)
                    self._answer(connection)
            except OSError:
                return

    def _answer(self, connection: socket.socket) -> None:
        if self.numbers is not None:
            self._send(connection, 0, self.first)
            connection.sendall(remark(next(self.numbers)))
            self._send(connection, self.first, self.size)
            return
        if self.barrier is None:
            self._send(connection, 0, self.size)
            return
        begin, end = time.monotonic(), self.size - END
        for at in range(0, end, PIECE):
            self._send(connection, at, min(at + PIECE, end))
            time.sleep(max(0.0, begin + at / TRICKLE - time.monotonic()))
        try:
            self.barrier.wait(10)
        except threading.BrokenBarrierError:
            self.barrier.reset()
        self._send(connection, end, self.size)

    def _send(self, connection: socket.socket, at: int, end: int) -> None:
        while at < end:
            at += os.sendfile(connection.fileno(), self.file, at, end - at)


def _write(file: int, body: bytes) -> None:
    view = memoryview(body)
    while view:
        view = view[os.write(file, view) :]


def _request(connection: socket.socket) -> bool:
    """Read one request to its end; False when the client has gone."""
    text = b""
    while b"\r\n\r\n" not in text:
        if not (piece := connection.recv(PIECE)):
            return False
        text += piece
    head, _, body = text.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:])
    left = int(fields.get(b"content-length", b"0")) - len(body)
    while left > 0:
        if not (piece := connection.recv(min(left, PIECE))):
            return False
        left -= len(piece)
    return True


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(description="A server that costs next to nothing.")
    parser.add_argument("payload", choices=PAYLOADS)
    parser.add_argument("--together", type=int, default=0)
    parser.add_argument("--vary", action="store_true")
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--refuse", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    pin(SERVER_CORE)
    body = PAYLOADS[chosen.payload].body()
    server = Server(body, chosen.together, chosen.delay, chosen.refuse, chosen.seed, vary=chosen.vary)
    threading.Thread(target=server.serve, daemon=True).start()
    print(f"http://127.0.0.1:{server.listener.getsockname()[1]}/v1", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
