"""Tells of one run, side by side and for a few seconds at most; whatever goes wrong in that is a warning."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from typing import Any

from batchgen.app.config.exit_status import WELL
from batchgen.app.notify.delivery import Recipients, beat, is_web, recipients, send
from batchgen.app.notify.message import Message, of_failure, of_run
from batchgen.app.watch import Watch
from batchgen.errors import Exit
from batchgen.model import Notify
from batchgen.redact import redacted
from batchgen.runtime.signals import Interrupted

PATIENCE = 10.0
"""Seconds that the end of a run waits for everybody who is told."""


@dataclass
class Notifier:
    """Tells of one run. Errands go in threads that nobody has to wait for: what hangs is left behind."""

    name: str
    variables: Mapping[str, str]
    watch: Watch
    notify: Notify = field(default_factory=Notify)
    patience: float = PATIENCE
    _begun: bool = False
    _start: list[threading.Thread] = field(default_factory=list)

    def begin(self) -> None:
        """Tell that the run has begun."""
        self._begun = True
        if url := self._who.heartbeat:
            self._start.append(_errand(lambda: beat(url, "/start", self.patience), lambda _trouble: None))

    def end(self, exit_: Exit, summary: Mapping[str, Any], output: object, *, well: bool | None = None) -> None:
        """Tell that the run has ended; one that had nothing to do, or has no news, is told to the monitor only.

        `well`: nothing is amiss but what an earlier run told.
        """
        with self._changing_nothing():
            old = well is True and exit_ is not Exit.OK
            content = exit_ in WELL if well is None else well
            idle = old or (content and not summary["this_run"]["attempts"]["sent"])
            self._tell(of_run(self.name, exit_, summary, output), well=content, idle=idle)

    def fail(self, error: Exception) -> None:
        """Tell that the run could not begin, or broke; a person at a terminal has seen the first already."""
        with self._changing_nothing():
            if not self._begun and self.watch.attended:
                return
            self._tell(of_failure(self.name, error), well=False)

    @contextmanager
    def _changing_nothing(self) -> Iterator[None]:
        """Whatever goes wrong in here, the run has ended as it has ended."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - a signal, or a bug of ours
            self.watch.on_note(f"warning: nobody was told: {type(error).__name__}", urgent=True)

    @property
    def _who(self) -> Recipients:
        return recipients(self.notify, self.variables)

    def _tell(self, notice: Message, *, well: bool, idle: bool = False) -> None:
        who, errands = self._who, dict[str, Callable[[], str]]()
        wanted = notice.event in self.notify.on and not idle and find_spec("apprise")
        for number, url in enumerate(who.urls if wanted else (), start=1):
            errands[f"notification {number} ({_kind(url)})"] = lambda url=url: send(url, notice)  # type: ignore[misc]
        if who.heartbeat and is_web(who.heartbeat):
            ending = "" if well else "/fail"
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
            _join([_errand(errand, partial(troubles.__setitem__, name)) for name, errand in errands.items()], end)
        except Interrupted:
            troubles = {name: "interrupted" for name, trouble in troubles.items() if trouble}
        for name, trouble in list(troubles.items()):
            if trouble:
                self.watch.on_note(f"warning: {name} failed: {trouble}", urgent=True)


def _kind(url: str) -> str:
    """Return the scheme of an address, which is all of it that is never a secret."""
    return redacted(url.partition(":")[0], limit=20)


def _errand(errand: Callable[[], str], tell: Callable[[str], None]) -> threading.Thread:
    thread = threading.Thread(target=lambda: tell(errand()), name="notifier", daemon=True)
    thread.start()
    return thread


def _join(threads: list[threading.Thread], end: float) -> None:
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
