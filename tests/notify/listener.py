"""A server on this machine that writes down who calls it, and may refuse, or leave a caller waiting."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

from tests.patience import PATIENCE

TOKEN = "tok-0123456789-secret"


@dataclass
class Listener:
    """What was asked of it. `messages` are bodies of POSTs, `beats` are paths of GETs, in their order."""

    port: int = 0
    status: int = 200
    hangs: bool = False
    messages: list[dict[str, Any]] = field(default_factory=list)
    beats: list[str] = field(default_factory=list)
    over: Event = field(default_factory=Event)

    @property
    def urls(self) -> str:
        """What Apprise posts to."""
        return f"json://127.0.0.1:{self.port}/{TOKEN}"

    @property
    def heartbeat(self) -> str:
        """What a cron monitor gives out."""
        return f"http://127.0.0.1:{self.port}/ping/{TOKEN}"

    @property
    def endings(self) -> list[str]:
        """The beats without what they have in common."""
        return [beat.removeprefix(f"/ping/{TOKEN}") for beat in self.beats]

    @property
    def variables(self) -> dict[str, str]:
        """The environment of somebody who wants to be told here."""
        return {"BATCHGEN_NOTIFY_URLS": self.urls, "BATCHGEN_HEARTBEAT_URL": self.heartbeat}


@contextmanager
def listening(*, status: int = 200, hangs: bool = False) -> Iterator[Listener]:
    """Listen on a free port of the loopback address."""
    listener = Listener(status=status, hangs=hangs)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            listener.messages.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self._answer()

        def do_GET(self) -> None:
            listener.beats.append(self.path)
            self._answer()

        def _answer(self) -> None:
            if listener.hangs:
                listener.over.wait(PATIENCE)
                return
            self.send_response(listener.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    listener.port = server.server_port
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield listener
    finally:
        listener.over.set()
        server.shutdown()
        thread.join()
        server.server_close()
