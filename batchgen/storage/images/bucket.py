"""A store of objects: what obstore does, in the words of this house, with its errors by consequence."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

from batchgen.errors import InputError, StoreError, Unreachable
from batchgen.redact import redacted

MISSING_EXTRA = "pip install 'batchgen-images[cloud]' brings what reads and writes object stores"
PROBE = "batchgen/probe.txt"
TRIES = 2
"""Tries of one request after its first; whoever uploads what was paid goes on for longer."""
_RETRY: Any = {
    "max_retries": TRIES,
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=2), "base": 2},
    "retry_timeout": timedelta(seconds=20),
}
_CLIENT: Mapping[str, Any] = {"connect_timeout": timedelta(seconds=5), "timeout": timedelta(seconds=120)}
_QUERY = re.compile(r"\?\S*")
_SAID = re.compile(r"<Code>(.*?)</Code>\s*<Message>(.*?)</Message>", re.DOTALL)
"""What a store answers beside its status; the rest of it may repeat what was signed."""
_DEBUG = "Debug source:"
_SECRET = re.compile("KEY|TOKEN|SECRET|CONNECTION")
"""In the names of variables whose values are never shown."""
_PIECE = 4 * 1024 * 1024
_MOST_WORDS = 200

_IN_MEMORY: dict[str, Any] = {}
"""What `memory:` stores hold, by name, for as long as the process lives: for tests only."""


class Taken(Exception):
    """An object stands there already; nothing was written."""


@dataclass(frozen=True, slots=True)
class Found:
    """An object: its size, what the store calls its version, what was written beside it, and since when it is there."""

    path: str
    bytes: int
    e_tag: str = ""
    about: Mapping[str, str] = field(default_factory=dict)
    since: float = 0.0


class Bucket:
    """Objects below one address. Every method blocks; Unreachable when a later try may help, else StoreError.

    `honours` says whether an object is only created where none stands; a store that does not is looked at before.
    """

    def __init__(self, address: str, variables: Mapping[str, str], *, plain_http: bool) -> None:
        """Open nothing yet. `variables` hold credentials, which go to the store only."""
        self.address = address.rstrip("/")
        self.honours = True
        self._secrets = tuple(value for name, value in variables.items() if _SECRET.search(name.upper()))
        if find_spec("obstore") is None:
            raise InputError(f"{self.address}: {MISSING_EXTRA}")
        with self._told(""):
            self._store = _open(self.address, variables, plain_http=plain_http)

    def create(self, path: str, data: bytes | Path, about: Mapping[str, str]) -> str:
        """Write an object where none stands; Taken when one does. Returns what the store calls this version."""
        if not self.honours and self.head(path) is not None:
            raise Taken
        return self._put(path, data, about, "create" if self.honours else "overwrite")

    def replace(self, path: str, data: bytes | Path, about: Mapping[str, str]) -> str:
        """Write an object, whatever stands there."""
        return self._put(path, data, about, "overwrite")

    def honours_conditions(self, path: str, data: bytes, about: Mapping[str, str]) -> bool:
        """Try whether an object that stands at `path` with the same data is created a second time, which is wrong."""
        self.honours = False
        for _ in range(2):
            try:
                self._put(path, data, about, "create")
            except Taken:
                self.honours = True
            except Unreachable:
                self.replace(path, data, about)  # raises where it is not the condition that is refused
                continue
            break
        return self.honours

    def try_out(self) -> bool:
        """Write, read and remove a small object; whether conditions are honoured."""
        about = {"Content-Type": "text/plain"}
        self.replace(PROBE, b"probe", about)
        honours = self.honours_conditions(PROBE, b"probe", about)
        self.read(PROBE, len(b"probe"))
        self.delete(PROBE)
        return honours

    def _put(self, path: str, data: bytes | Path, about: Mapping[str, str], mode: Any) -> str:
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        with self._told(path):
            try:
                done = obstore.put(self._store, path, data, attributes=dict(about), mode=mode, use_multipart=False)
            except (AlreadyExistsError, PreconditionError):
                raise Taken from None
        return done["e_tag"] or ""

    def head(self, path: str) -> Found | None:
        """Describe an object; None when there is none."""
        import obstore

        with self._told(path), suppress(FileNotFoundError):
            got = obstore.get(self._store, path, options={"head": True})
            about = {str(name): str(value) for name, value in got.attributes.items()}
            return Found(path, got.meta["size"], got.meta["e_tag"] or "", about)
        return None

    def read(self, path: str, most: int) -> bytes | None:
        """Read a small object; None when there is none, or a larger one."""
        import obstore

        with self._told(path), suppress(FileNotFoundError):
            got = obstore.get(self._store, path)
            return bytes(got.bytes()) if got.meta["size"] <= most else None
        return None

    def pour(self, path: str, file: BinaryIO) -> bool:
        """Write the bytes of an object into a file; False when there is none."""
        import obstore

        with self._told(path), suppress(FileNotFoundError):
            file.writelines(obstore.get(self._store, path).stream(_PIECE))
            return True
        return False

    def listing(self, where: str) -> Iterator[Found]:
        """List the objects below a folder."""
        import obstore

        with self._told(where):
            for some in obstore.list(self._store, where):
                for meta in sorted(some, key=lambda meta: meta["path"]):  # not every store sorts as S3 does
                    since = meta["last_modified"].timestamp()
                    yield Found(meta["path"], meta["size"], meta["e_tag"] or "", since=since)

    def copy(self, old: str, new: str) -> None:
        """Copy an object with what is written beside it; whoever asks has looked that nothing stands there."""
        import obstore

        with self._told(new):
            obstore.copy(self._store, old, new)

    def delete(self, path: str) -> None:
        """Remove an object; nothing happens where there is none."""
        import obstore

        with self._told(path), suppress(FileNotFoundError):  # some stores tell of it
            obstore.delete(self._store, path)

    @contextmanager
    def _told(self, path: str) -> Iterator[None]:
        """Translate what obstore says; nothing of a credential is repeated."""
        from obstore import exceptions

        where = f"{self.address}/{path}".rstrip("/")
        try:
            yield
        except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError) as error:
            why = f"the store refuses access ({self._words(error)})"
            raise StoreError(f"{where}: {why}: look at credentials and at this machine's clock") from None
        except FileNotFoundError as error:
            raise StoreError(f"{where}: not there ({self._words(error)})") from None
        except (exceptions.InvalidPathError, exceptions.NotSupportedError) as error:
            raise StoreError(f"{where}: the store does not take this ({self._words(error)})") from None
        except (exceptions.BaseError, OSError) as error:
            raise Unreachable(f"{where}: the store does not answer ({self._words(error)})") from None

    def _words(self, error: Exception) -> str:
        """Return what the store says, else what became of the request; not which request it was, which fills a line."""
        text = str(error).partition(_DEBUG)[0].strip()
        said = _SAID.search(text)
        words = ": ".join(said.groups()) if said else text.rpartition(" - ")[2] or type(error).__name__
        return redacted(_QUERY.sub("", " ".join(words.split())), self._secrets, _MOST_WORDS)


def _open(address: str, variables: Mapping[str, str], *, plain_http: bool) -> Any:
    from obstore import store

    kind = address.partition(":")[0]
    if kind == "memory":
        return _IN_MEMORY.setdefault(address, store.MemoryStore())
    client: Any = dict(_CLIENT) | {"allow_http": plain_http}
    kinds: Mapping[str, Any] = {"s3": store.S3Store, "gs": store.GCSStore, "az": store.AzureStore}
    return kinds[kind].from_url(address, config=dict(variables), client_options=client, retry_config=_RETRY)
