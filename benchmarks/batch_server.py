"""Serves a batch's output of any length: the same line again and again.

`python -m benchmarks.batch_server PAYLOAD LINES` prints its base URL and serves until its stdin closes.
"""

import socket
import sys
import threading

from benchmarks.payload import PAYLOADS
from benchmarks.processes import SERVER_CORE, pin


def line_of(payload: str) -> bytes:
    """Write one line of a batch's output, whose answer is that of a call."""
    body = b" ".join(PAYLOADS[payload].body().split(b"\n"))
    head = (
        b'{"id": "1", "custom_id": "one", "error": null, "response": {"status_code": 200, "request_id": "r", "body": '
    )
    return head + body + b"}}\n"


def serve(listener: socket.socket, line: bytes, lines: int) -> None:
    """Answer every request with all the lines, until the client goes."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/jsonl\r\nContent-Length: {len(line) * lines}\r\n\r\n"
    while True:
        connection, _ = listener.accept()
        with connection:
            try:
                connection.recv(1 << 16)
                connection.sendall(head.encode())
                for _ in range(lines):
                    connection.sendall(line)
            except OSError:
                continue


def main() -> None:
    """Serve."""
    pin(SERVER_CORE)
    payload, lines = sys.argv[1:]
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve, args=(listener, line_of(payload), int(lines)), daemon=True).start()
    print(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
