"""A small server that speaks what obstore asks of Google's stores: objects by their XML API, with its conditions.

No emulator of that API is to be had from the registries of Python and npm, so this one stands in; what it does is what
Google's reference says of `x-goog-if-generation-match`, `x-goog-meta-…` and `list-type=2`.
"""

import itertools
import threading
from collections.abc import Mapping
from email.utils import formatdate
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

WHEN = "2026-11-01T12:00:00.000Z"


class Objects:
    """What lies in the buckets: bytes, what is written beside them, and a generation that grows with each writing."""

    def __init__(self) -> None:
        self.found: dict[str, tuple[bytes, Mapping[str, str], int]] = {}
        self.lock = threading.Lock()
        self.generations = itertools.count(1)

    def put(self, name: str, data: bytes, about: Mapping[str, str], condition: str | None) -> int | None:
        """Write an object; None where another generation stands there than the condition names, 0 for nothing."""
        with self.lock:
            standing = self.found[name][2] if name in self.found else 0
            if condition is not None and int(condition) != standing:
                return None
            generation = next(self.generations)
            self.found[name] = (data, dict(about), generation)
            return generation


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    objects: Objects

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_PUT(self) -> None:
        """Write an object, or copy one."""
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        about = {name.lower(): text for name, text in self.headers.items() if _is_kept(name)}
        if source := self.headers.get("x-goog-copy-source"):
            found = self.objects.found.get(f"/{unquote(source).lstrip('/')}")
            if found is None:
                return self._answer(404)
            data, about = found[0], dict(found[1])
        generation = self.objects.put(self._name, data, about, self.headers.get("x-goog-if-generation-match"))
        if generation is None:
            return self._answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")
        return self._answer(200, b"", _told(data, generation))

    def do_GET(self) -> None:
        """Give an object out, or list a bucket."""
        asked = parse_qs(urlsplit(self.path).query)
        if "list-type" in asked:
            return self._answer(200, self._listing(asked.get("prefix", [""])[0]), {"Content-Type": "application/xml"})
        return self._object()

    def do_HEAD(self) -> None:
        """Describe an object."""
        self._object()

    def do_DELETE(self) -> None:
        """Remove an object."""
        with self.objects.lock:
            self._answer(204 if self.objects.found.pop(self._name, None) else 404)

    @property
    def _name(self) -> str:
        return unquote(urlsplit(self.path).path)

    def _object(self) -> None:
        found = self.objects.found.get(self._name)
        if found is None:
            return self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        return self._answer(200, found[0], {**found[1], **_told(found[0], found[2])})

    def _listing(self, prefix: str) -> bytes:
        bucket = f"{self._name.rstrip('/')}/"
        names = sorted(name for name in self.objects.found if name.startswith(bucket + prefix))
        rows = "".join(self._row(name.removeprefix(bucket), *self.objects.found[name]) for name in names)
        return f"<ListBucketResult><IsTruncated>false</IsTruncated>{rows}</ListBucketResult>".encode()

    @staticmethod
    def _row(key: str, data: bytes, _about: Mapping[str, str], generation: int) -> str:
        facts = {"Key": key, "LastModified": WHEN, "ETag": _tag(data, generation), "Size": str(len(data))}
        inner = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in facts.items())
        return f"<Contents>{inner}</Contents>"

    def _answer(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _is_kept(name: str) -> bool:
    return name.lower() == "content-type" or name.lower().startswith("x-goog-meta-")


def _tag(data: bytes, generation: int) -> str:
    return f'"{md5(data, usedforsecurity=False).hexdigest()}-{generation}"'


def _told(data: bytes, generation: int) -> dict[str, str]:
    return {
        "ETag": _tag(data, generation),
        "x-goog-generation": str(generation),
        "Last-Modified": formatdate(usegmt=True),
    }


def start() -> str:
    """Start one that ends with the tests; returns its address."""
    handler = type("Bound", (Handler,), {"objects": Objects()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}"
