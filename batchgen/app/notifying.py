"""Tells people and cron monitors how a run ended: no exit status changes, nobody waits long, no address is shown."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from importlib.util import find_spec
from typing import Any, Self
from urllib.error import HTTPError
from urllib.parse import urlsplit, urlunsplit
from urllib.request import Request, urlopen

from batchgen.app.notice import Notice, of_failure, of_run
from batchgen.app.progress import Watch
from batchgen.app.signals import Interrupted
from batchgen.errors import Exit, Place, Problem
from batchgen.model import Notify
from batchgen.providers.redact import redacted
from batchgen.version import VERSION

URLS, HEARTBEAT = "BATCHGEN_NOTIFY_URLS", "BATCHGEN_HEARTBEAT_URL"
PATIENCE = 10.0
"""Seconds that the end of a run waits for everybody who is told."""
EXTRA = "notifications need an extra: pip install 'batchgen-images[notify]'"


@dataclass(frozen=True, slots=True)
class Recipients:
    """Who is told. `urls` are addresses for Apprise, `heartbeat` is that of a cron monitor; both are secrets."""

    urls: tuple[str, ...] = field(default=(), repr=False)
    heartbeat: str = field(default="", repr=False)


def recipients(notify: Notify, variables: Mapping[str, str]) -> Recipients:
    """The addresses, from the environment; a variable that is set to nothing tells nobody."""
    return Recipients(
        tuple(variables.get(notify.urls or URLS, "").replace(",", " ").split()),
        variables.get(notify.heartbeat or HEARTBEAT, "").strip(),
    )


def problems(notify: Notify, variables: Mapping[str, str], place: Place | None) -> Iterator[Problem]:
    """What would keep a run from telling anybody, found before anything is paid."""
    for name in (notify.urls, notify.heartbeat):
        if name and name not in variables:
            yield Problem(f"`notify`: {name} is not set; set it, or set it to nothing to tell nobody", place)
    found = recipients(notify, variables)
    if found.heartbeat and not _is_web(found.heartbeat):
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


def _is_web(url: str) -> bool:
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
    request = Request(whole, headers={"User-Agent": f"batchgen/{VERSION}"})  # noqa: S310 - `_is_web` was asked
    try:
        with urlopen(request, timeout=seconds):  # noqa: S310
            return ""
    except HTTPError as error:
        return f"HTTP {error.code}"
    except TimeoutError:
        return "no answer"
    except (OSError, ValueError, HTTPException) as error:
        return f"no connection ({type(getattr(error, 'reason', error)).__name__})"


def send(url: str, notice: Notice) -> str:
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


# ---- one run ---------------------------------------------------------------------------------------------------------


@dataclass
class Herald:
    """Tells of one run. Errands go in threads that nobody has to wait for: what hangs is left behind."""

    name: str
    variables: Mapping[str, str]
    watch: Watch
    notify: Notify = field(default_factory=Notify)
    patience: float = PATIENCE
    _begun: bool = False
    _start: list[threading.Thread] = field(default_factory=list)

    def begin(self) -> None:
        """The run has begun."""
        self._begun = True
        if url := self._who.heartbeat:
            self._start.append(_errand(lambda: beat(url, "/start", self.patience), lambda _trouble: None))

    def end(self, exit_: Exit, summary: Mapping[str, Any], output: object) -> None:
        """The run has ended; one that had nothing to do is told to the monitor only."""
        idle = exit_ is Exit.OK and not summary["this_run"]["attempts"]["sent"]
        self._tell(of_run(self.name, exit_, summary, output), exit_, idle=idle)

    def fail(self, error: Exception) -> None:
        """The run could not begin, or broke; a person at a terminal has seen the first for himself."""
        if self._begun or not self.watch.attended:
            self._tell(of_failure(self.name, error), getattr(error, "exit", Exit.BUG))

    @property
    def _who(self) -> Recipients:
        return recipients(self.notify, self.variables)

    def _tell(self, notice: Notice, exit_: Exit, *, idle: bool = False) -> None:
        who, errands = self._who, dict[str, Callable[[], str]]()
        wanted = notice.event in self.notify.on and not idle and find_spec("apprise")
        for number, url in enumerate(who.urls if wanted else (), start=1):
            errands[f"notification {number} ({_kind(url)})"] = lambda url=url: send(url, notice)  # type: ignore[misc]
        if who.heartbeat and _is_web(who.heartbeat):
            ending = "" if exit_ is Exit.OK else "/fail"
            errands["the heartbeat"] = lambda: self._last_beat(who.heartbeat, ending)
        if errands:
            self._wait(errands)

    def _last_beat(self, url: str, ending: str) -> str:
        """After the first one, which may still be on its way."""
        _join(self._start, time.monotonic() + self.patience / 2)
        return beat(url, ending, self.patience)

    def _wait(self, errands: Mapping[str, Callable[[], str]]) -> None:
        """Run all errands side by side, wait as long as patience lasts, and warn of those that failed."""
        end = time.monotonic() + self.patience
        troubles = dict.fromkeys(errands, f"no answer within {self.patience:g} s")
        try:
            _join([_errand(errand, _note(troubles, name)) for name, errand in errands.items()], end)
        except Interrupted:
            troubles = {name: "interrupted" for name, trouble in troubles.items() if trouble}
        for name, trouble in list(troubles.items()):
            if trouble:
                self.watch.on_note(f"warning: {name} failed: {trouble}", urgent=True)


def _kind(url: str) -> str:
    """The scheme of an address, which is all of it that is never a secret."""
    return redacted(url.partition(":")[0], limit=20)


def _note(troubles: dict[str, str], name: str) -> Callable[[str], None]:
    return lambda trouble: troubles.update({name: trouble})


def _errand(errand: Callable[[], str], tell: Callable[[str], None]) -> threading.Thread:
    thread = threading.Thread(target=lambda: tell(errand()), name="herald", daemon=True)
    thread.start()
    return thread


def _join(threads: list[threading.Thread], end: float) -> None:
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
