"""Tells people and cron monitors how a run ended: no exit status changes, nobody waits long, no address is shown."""

import logging
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from importlib.util import find_spec
from typing import Self
from urllib.error import HTTPError
from urllib.parse import urlsplit, urlunsplit
from urllib.request import Request, urlopen

from batchgen.app.notify.message import Message
from batchgen.errors import Place, Problem
from batchgen.model import Notify
from batchgen.redact import redacted
from batchgen.version import VERSION

URLS, HEARTBEAT = "BATCHGEN_NOTIFY_URLS", "BATCHGEN_HEARTBEAT_URL"
EXTRA = "notifications need an extra: pip install 'batchgen-images[notify]'"
_BETWEEN = re.compile(r"[\s,]+(?=[A-Za-z0-9]{1,20}://)")  # a comma may also stand in an address


@dataclass(frozen=True, slots=True)
class Recipients:
    """Who is told. `urls` are addresses for Apprise, `heartbeat` is that of a cron monitor; both are secrets."""

    urls: tuple[str, ...] = field(default=(), repr=False)
    heartbeat: str = field(default="", repr=False)


def recipients(notify: Notify, variables: Mapping[str, str]) -> Recipients:
    """Return the addresses, from the environment; a variable that is set to nothing tells nobody."""
    return Recipients(
        tuple(url for url in _BETWEEN.split(variables.get(notify.urls or URLS, "").strip(" ,")) if url.strip()),
        variables.get(notify.heartbeat or HEARTBEAT, "").strip(),
    )


def problems(notify: Notify, variables: Mapping[str, str], place: Place | None) -> Iterator[Problem]:
    """Say what would keep a run from telling anybody, found before anything is paid."""
    for name in (notify.urls, notify.heartbeat):
        if name and name not in variables:
            yield Problem(f"`notify`: {name} is not set; set it, or set it to nothing to tell nobody", place)
    found = recipients(notify, variables)
    if found.heartbeat and not is_web(found.heartbeat):
        yield Problem(f"{notify.heartbeat or HEARTBEAT} holds no address that begins with https:// or http://", place)
    if found.urls and not find_spec("apprise"):
        yield Problem(EXTRA, place)
    elif found.urls:
        yield from _unknown(found.urls, notify.urls or URLS, place)


def _unknown(urls: tuple[str, ...], name: str, place: Place | None) -> Iterator[Problem]:
    import apprise

    with _Said():
        for number, url in enumerate(urls, start=1):
            if apprise.Apprise.instantiate(url) is None:
                yield Problem(f"{name}: address {number} is none that Apprise knows (see appriseit.com)", place)


def is_web(url: str) -> bool:
    """Whether this is an address that a monitor can have."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


# ---- one message on its way ------------------------------------------------------------------------------------------


def beat(url: str, ending: str, seconds: float) -> str:
    """GET a monitor's address with `ending` (`/start`, `/fail`) on its path; what went wrong, or nothing.

    Not by the client of the run, whose look-ups of names in threads would hold up the end of the process.
    """
    parts = urlsplit(url)
    whole = urlunsplit(parts._replace(path=parts.path.rstrip("/") + ending) if ending else parts)
    request = Request(whole, headers={"User-Agent": f"batchgen/{VERSION}"})  # noqa: S310 - `is_web` was asked
    try:
        with urlopen(request, timeout=seconds):  # noqa: S310
            return ""
    except HTTPError as error:
        error.close()
        return f"HTTP {error.code}"
    except TimeoutError:
        return "no answer"
    except (OSError, ValueError, HTTPException) as error:
        return f"no connection ({type(getattr(error, 'reason', error)).__name__})"


def send(url: str, notice: Message) -> str:
    """Hand a message to one address for Apprise; what went wrong, or nothing."""
    import apprise

    kinds = {"done": apprise.NotifyType.SUCCESS, "stopped": apprise.NotifyType.WARNING}
    with _Said() as said:
        kind = kinds.get(notice.event, apprise.NotifyType.FAILURE)
        try:
            service = apprise.Apprise.instantiate(url)
            sent = service is not None and service.notify(
                body=notice.body, title=notice.title, notify_type=kind, body_format=apprise.NotifyFormat.TEXT
            )
        except Exception as error:  # noqa: BLE001 - a plugin for a strange service raises what it likes
            return type(error).__name__
    return "" if sent else redacted(said.last or "it was not delivered", _secrets(url))


def _secrets(url: str) -> Iterator[str]:
    """Every part of an address that may be a token, the longest first."""
    parts = urlsplit(url)
    words = {url, parts.netloc, parts.username or "", parts.password or "", parts.query, *parts.path.split("/")}
    yield from sorted((word for word in words if len(word) > 3), key=len, reverse=True)


class _Said(logging.Handler):
    """Keeps the last warning of this thread; what Apprise logs reaches a terminal only where somebody asked for it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = ""
        self._thread = threading.get_ident()
        self._log = logging.getLogger("apprise")

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.last = record.getMessage()

    def __enter__(self) -> Self:
        if not self._log.handlers:
            self._log.addHandler(logging.NullHandler())
        self._log.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening."""
        self._log.removeHandler(self)
