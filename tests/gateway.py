"""A gateway before another server that changes some of its answers."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Passed:
    """One answer of a server on its way: what it answers, and what may be given in its place."""

    method: str
    path: str
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        """Its body."""
        return json.loads(self.body)

    @property
    def is_creation(self) -> bool:
        """Whether a batch was asked for."""
        return self.method == "POST" and self.path.endswith("/batches")

    @property
    def is_poll(self) -> bool:
        """Whether it tells of one batch."""
        return self.method == "GET" and "/batches/" in self.path and self.status == 200

    @property
    def is_list(self) -> bool:
        """Whether it is a page of the list of batches."""
        return self.method == "GET" and "/batches?" in self.path

    @property
    def is_output(self) -> bool:
        """Whether it is what a batch brought."""
        return self.method == "GET" and self.path.endswith("/content")

    def saying(self, status: int, body: Any, **headers: str) -> "Passed":
        """Give another answer."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return Passed(self.method, self.path, status, data, {"Content-Type": "application/json", **names})


Alter = Callable[[Passed], Passed | None]


@contextmanager
def gateway(base_url: str, alter: Alter, *, asks: bool = True) -> Iterator[str]:
    """Serve a server at another address, which is given; `alter` says what to answer instead, if anything.

    Without `asks`, the server is only asked where nothing is answered instead.
    """
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(base_url))

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or None
            names = {name: value for name, value in self.headers.items() if name.lower() not in {"host", "connection"}}
            asked = urllib.request.Request(origin + self.path, sent, names, method=self.command)
            nothing = Passed(self.command, self.path, 0, b"")
            given = (alter(came := ask(asked)) or came) if asks else (alter(nothing) or ask(asked))
            self.send_response(given.status)
            for name, value in given.headers.items():
                if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                    self.send_header(name, value)
            is_head = self.command == "HEAD"
            self.send_header(
                "Content-Length", given.headers.get("Content-Length", "0") if is_head else str(len(given.body))
            )
            self.end_headers()
            self.wfile.write(b"" if is_head else given.body)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _serve  # noqa: N815 - the library's names

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    def ask(request: urllib.request.Request) -> Passed:
        method, path = request.get_method(), request.selector
        try:
            with urllib.request.urlopen(request) as answer:
                return Passed(method, path, answer.status, answer.read(), dict(answer.headers))
        except urllib.error.HTTPError as refused:
            return Passed(method, path, refused.code, refused.read(), dict(refused.headers))

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{urlsplit(base_url).path}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def once(alter: Alter) -> Alter:
    """Alter one answer; all others pass."""
    done: list[bool] = []

    def first(came: Passed) -> Passed | None:
        given = None if done else alter(came)
        done.extend([True] if given else [])
        return given

    return first
