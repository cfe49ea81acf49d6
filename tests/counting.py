"""A small server in a thread that answers what a function says, and remembers what it was asked."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self

Answered = tuple[int, Any]


@dataclass(frozen=True)
class Heard:
    """One request: its path with query, its headers with lower-case names, its JSON body."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


class Counting:
    """Answers every request with the status and JSON that `answer` gives for it."""

    def __init__(self, answer: Callable[[Heard], Answered]) -> None:
        """Listen on a free port of the loopback address."""
        self.heard: list[Heard] = []
        heard = self.heard

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                names = {name.lower(): value for name, value in self.headers.items()}
                try:
                    body = json.loads(text) if text else None
                except ValueError:
                    body = text
                heard.append(Heard(self.command, self.path, names, body))
                status, said = answer(heard[-1])
                data = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = _serve  # noqa: N815 - the library's names

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def base_url(self) -> str:
        """What a client takes as its base URL."""
        return f"{self.origin}/v1"

    @property
    def posts(self) -> list[Heard]:
        """What could have been charged."""
        return [one for one in self.heard if one.method == "POST"]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
