"""A proxy before a store that drops connections, cuts them off on either side of an answer, and slows them down."""

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from random import Random
from urllib.parse import urlsplit

PIECE = 64 * 1024


@dataclass
class Weather:
    """What happens to a connection, by chance; `down`: every one is refused.

    drop: it is reset when it comes. cut: for each piece that goes through, in either direction, that part of it arrives
    and then nothing. slow: for each piece, so many seconds at most.
    """

    drop: float = 0.06
    cut: float = 0.03
    slow: float = 0.05
    down: bool = False
    met: dict[str, int] = field(default_factory=lambda: {"drop": 0, "cut": 0, "piece": 0})


class Proxy:
    """Forwards connections to a server on this machine, as its weather allows."""

    def __init__(self, url: str, weather: Weather, seed: int) -> None:
        there = urlsplit(url)
        self.weather = weather
        self._target = (there.hostname or "", there.port or 80)
        self._chance, self._lock = Random(seed), threading.Lock()
        self._door = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self._door.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        with suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()

    def _happens(self, what: str, part: float) -> bool:
        with self._lock:
            happens = self._chance.random() < part
            self.weather.met[what] += happens
            return happens

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._door.accept()
            except OSError:
                return
            if self.weather.down or self._happens("drop", self.weather.drop):
                _reset(client)
                continue
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._target, 10)
        except OSError:
            _reset(client)
            return
        back = threading.Thread(target=self._pipe, args=(server, client), daemon=True)
        back.start()
        self._pipe(client, server)
        back.join()
        client.close()
        server.close()

    def _pipe(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(PIECE):
                self.weather.met["piece"] += 1
                time.sleep(self._chance.uniform(0, self.weather.slow))
                if self.weather.down or self._happens("cut", self.weather.cut):
                    other.sendall(data[: self._chance.randrange(len(data))])
                    break
                other.sendall(data)
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def _reset(connection: socket.socket) -> None:
    """Close a connection so that the other side finds it reset."""
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@contextmanager
def proxy(url: str, weather: Weather, seed: int = 0) -> Iterator[Proxy]:
    """Stand before a server for as long as the context lasts."""
    found = Proxy(url, weather, seed)
    try:
        yield found
    finally:
        found.close()
