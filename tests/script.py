"""A server in a thread that says exactly what a test tells it."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any


class Script:
    """Answers POSTs one after the other with (status, headers, body); the last answer stays. A number stalls.

    Every GET brings `image`, or the status `missing` while there is none.
    """

    def __init__(self, *answers: Any) -> None:
        """Listen on a free port of the loopback address."""
        self.answers = list(answers)
        self.asked: list[tuple[str, bytes]] = []
        self.missing, self.image = 501, b""
        self.over = Event()
        script = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                script.asked.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
                answer = script.answers.pop(0) if len(script.answers) > 1 else script.answers[0]
                if isinstance(answer, float):
                    script.over.wait(answer)
                    return
                status, headers, body = answer
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_GET(self) -> None:
                status = 200 if script.image else script.missing
                self.send_response(status)
                self.send_header("Content-Length", str(len(script.image)))
                self.end_headers()
                self.wfile.write(script.image)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    @property
    def base_url(self) -> str:
        """What a client takes as its base URL."""
        return f"http://127.0.0.1:{self.server.server_port}/v1"

    def stop(self) -> None:
        """Stop and wait."""
        self.over.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
