"""A server that answers with whatever a test wants, in every field that an answer has."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = Callable[[Mapping[str, Any], Mapping[str, str]], bytes]


def response(body: bytes, status: int = 200, **headers: str) -> bytes:
    """Return a whole HTTP/1.1 response; header values go out letter for letter, as far as they are one line."""
    told = {"content-type": "application/json", "content-length": str(len(body)), "connection": "close", **headers}
    lines = [f"{name.replace('_', '-')}: {one_line(value)}" for name, value in told.items()]
    head = "\r\n".join((f"HTTP/1.1 {status} x", *lines, "", ""))
    return head.encode("utf-8", "replace") + body


def one_line(value: str) -> str:
    """Say what a header can carry of a text."""
    return value.translate(dict.fromkeys(map(ord, "\r\n\0"))).strip()


def as_json(value: object, status: int = 200, **headers: str) -> bytes:
    """Return the same with a body of JSON."""
    return response(json.dumps(value).encode(), status, **headers)


@contextmanager
def hostile(reply: Reply) -> Iterator[str]:
    """Serve until the end of the block; gives the base URL."""

    class Handler(BaseHTTPRequestHandler):
        """One request, one answer, one connection."""

        def do_POST(self) -> None:
            """Read the whole request, and answer as the test wants."""
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            self.wfile.write(reply(json.loads(body), {name.lower(): value for name, value in self.headers.items()}))
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
