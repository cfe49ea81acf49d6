"""A provider that answers every call with one small picture, and counts what is asked of it."""

import base64
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

USAGE = {
    "input_tokens": 10,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 0},
    "output_tokens": 100,
    "total_tokens": 110,
}


@dataclass
class Provider:
    """Serves on `origin` between `with` and its end."""

    picture: bytes
    prompts: list[str] = field(default_factory=list)
    reads: int = 0

    def __enter__(self) -> Self:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.reads += 1
                self._answer(provider.picture, "image/webp")

            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                provider.prompts.append(asked["prompt"])
                self._answer(json.dumps(provider.answer(asked)).encode(), "application/json")

            def _answer(self, body: bytes, kind: str) -> None:
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Say what the Images API says."""
        picture = {"b64_json": base64.b64encode(self.picture).decode()}
        told: dict[str, Any] = {name: asked[name] for name in ("size", "quality", "output_format") if name in asked}
        return {"created": 1_700_000_000, "data": [picture] * asked.get("n", 1), "usage": USAGE, **told}
