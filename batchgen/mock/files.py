"""Images at addresses: signed query strings that must come back byte for byte, and addresses that die."""

import base64
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import blake2b
from urllib.parse import quote

from batchgen.mock.plan import Hit
from batchgen.runtime.clock import Clock

KINDS = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp", "gif": "image/gif", "svg": "image/svg+xml"}
MOST_BYTES = 1 << 30


@dataclass(slots=True)
class Stored:
    """One image and the one spelling of its address that opens it. `fault` spoils its downloads."""

    data: bytes
    kind: str
    target: str
    expires: float
    fault: Hit | None = None
    reads: int = 0


@dataclass(slots=True)
class Files:
    """The images of one server, at most a gibibyte; the oldest go first."""

    seconds: float
    seed: int
    clock: Clock
    _stored: dict[str, Stored] = field(default_factory=dict)
    _bytes: int = 0

    def put(self, data: bytes, extension: str, fault: Hit | None = None) -> str:
        """Keep an image; return its path with the query that opens it."""
        secret = blake2b(f"{self.seed}|{len(self._stored)}|".encode() + data[:64], digest_size=18).digest()
        name = f"img-{len(self._stored):06d}-{secret[:4].hex()}.{extension}"
        signature = quote("a+b/" + base64.b64encode(secret + b"="[:1]).decode(), safe="")
        ends = (self.clock.now() + timedelta(seconds=self.seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
        target = f"/files/{name}?se={quote(ends, safe='')}&sp=r&sig={signature}"
        self._stored[name] = Stored(
            data, KINDS.get(extension, "image/png"), target, self.clock.monotonic() + self.seconds, fault
        )
        self._bytes += len(data)
        self._make_room()
        return target

    def get(self, name: str) -> Stored | None:
        """Find the image of a name, whatever its address."""
        found = self._stored.get(name)
        return found if found and found.data else None

    def opens(self, stored: Stored, target: str) -> bool:
        """Say whether exactly this path and query opens it now."""
        return target == stored.target and self.clock.monotonic() < stored.expires

    def _make_room(self) -> None:
        for old in self._stored.values():
            if self._bytes <= MOST_BYTES:
                return
            self._bytes -= len(old.data)
            old.data = b""
