"""A server that says the key it was sent back to its client, wherever a text fits; and a search for what stayed."""

import base64
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any
from urllib.parse import quote

KEY = "sk-CANARY+0123456789/abcdef=="
SPELLINGS = (
    KEY,
    quote(KEY, safe=""),
    quote(KEY, safe="").lower(),
    *(base64.b64encode(before + KEY.encode()).decode()[4:-4] for before in (b"", b"x", b"xy")),
)
"""The key as it stands, percent-encoded, and the inside of every base64 text that holds it."""
LETTERS = tuple("A" * before + KEY.rstrip("=") for before in range(4))
"""The key as letters of base64, at each place in a quantum."""
TRACES = (
    *(spelling.encode() for spelling in SPELLINGS),
    *(base64.b64decode(text[4:24].replace("-", "+"), validate=True) for text in LETTERS),
)
"""Also the inside of what base64 makes of it."""
SAID = " ".join((KEY, quote(KEY, safe=""), *(base64.b64encode(b + KEY.encode()).decode() for b in (b"", b"x", b"xy"))))


@dataclass(frozen=True)
class Answer:
    """A whole HTTP answer; `raw` stands for all of it, headers included."""

    status: str = "200 OK"
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes = b""
    length: int | None = None

    @property
    def wire(self) -> bytes:
        """The bytes on the wire."""
        if self.raw:
            return self.raw
        data = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        fields = {"Content-Type": "application/json", "Content-Length": str(self.length or len(data)), **self.headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return f"HTTP/1.1 {self.status}\r\n{head}\r\n".encode() + data


@dataclass
class Parrot:
    """Answers each POST by the name in brackets in its prompt, and each GET by its path."""

    answers: Mapping[str, Answer]
    port: int = 0
    authorized: list[str] = field(default_factory=list)

    @property
    def base_url(self) -> str:
        """What a client takes as its base URL."""
        return f"http://127.0.0.1:{self.port}/v1"

    def answer(self, target: str, body: bytes) -> bytes:
        """Say what to say to one request."""
        if (name := target.rpartition("/")[2]) not in self.answers:
            found = re.search(rb"\[(\w+)\]", body)
            name = found[1].decode() if found else ""
        return self.answers.get(name, Answer("404 Not Found")).wire.replace(b"PORT", str(self.port).encode())


@contextmanager
def parrot(answers: Mapping[str, Answer]) -> Iterator[Parrot]:
    """Return a parrot with these answers, in a thread."""
    bird = Parrot(answers)

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            target = self.rfile.readline().decode().split(" ")[1]
            headers = {}
            while (line := self.rfile.readline().decode().strip()) and ":" in line:
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            bird.authorized.append(headers.get("authorization", ""))
            body = self.rfile.read(int(headers.get("content-length", "0")))
            self.wfile.write(bird.answer(target, body))

    class Server(ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Check that a client that hangs up is no news."""

    with Server(("127.0.0.1", 0), Handler) as server:
        bird.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield bird
        finally:
            server.shutdown()
            thread.join()


def traces(*places: Path) -> list[str]:
    """Where any spelling of the key stands in files, names of files or folders; each with the words around it."""
    found = []
    for place in places:
        for path in (place, *place.rglob("*")) if place.is_dir() else (place,):
            data = path.name.encode() + b"\n" + (path.read_bytes() if path.is_file() else b"")
            for trace in TRACES:
                at = data.find(trace)
                if at >= 0:
                    found.append(f"{path}: ...{data[max(0, at - 80) : at + 60]!r}")
    return found
