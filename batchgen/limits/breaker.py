"""Stops dispatch to a model that keeps failing in ways that may be charged, and finds out when it is back.

A template whose jobs are moderated or fail, one after the other, is given up: the others of a run go on.
"""

import asyncio
import math
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from batchgen.limits.stop_gate import StopGate
from batchgen.model import Remedy
from batchgen.numerous import numerous
from batchgen.runtime.change import Change
from batchgen.runtime.clock import Clock

IN_A_ROW = 5
LAST = 50
WORST_PART = 0.2
THROTTLED_SECONDS = 30 * 60.0
LAST_OF_TEMPLATE = 20
"""How many jobs of a template are looked at: those that ended last."""
AT_LEAST = 10
"""Before so many have ended, nothing is said of a template."""

# The provider did its work, whatever it thought of the request. What is in neither set says nothing about that.
_GOOD = frozenset({Remedy.NONE, Remedy.MODERATED, Remedy.FAIL_JOB})
# Money may be gone, and nothing usable came for it.
_BAD = frozenset({Remedy.UNCERTAIN, Remedy.EMPTY})
_BROUGHT_NOTHING = "may have been charged and brought nothing usable"


@numerous
@dataclass(frozen=True, slots=True, eq=False)
class Ticket:
    """Leave to make one call; `probe` when the breaker is open and this call finds out whether to close it."""

    generation: int
    probe: bool = False


class Breaker:
    """The breaker of one model at one provider.

    It opens after `IN_A_ROW` calls in a row that failed uncertainly or were charged for nothing usable, or `WORST_PART`
    of the last `LAST` finished calls once there were so many. While it is open, one needed call at a time goes through
    as a probe, after each of `probe_seconds` in turn: one good answer closes it and clears the count, as many failed
    probes as there are waits give the model up. So do rate limits without any good answer for `THROTTLED_SECONDS`.

    A call that brought addresses is not judged before its images were fetched (`keep`). While the last judged call was
    no good one, as many calls wait to be judged as may fail in a row, and no more.
    """

    def __init__(self, probe_seconds: Sequence[float], clock: Clock, gate: StopGate | None = None) -> None:
        self.given_up = ""
        self._waits = tuple(probe_seconds)
        self._clock = clock
        self._gate = gate or StopGate()
        self._generation = 0
        self._in_a_row = 0
        self._last: deque[bool] = deque(maxlen=LAST)
        self._throttled_since: float | None = None
        self.is_open = False
        """Whether only probes may be made."""
        self._failed_probes = 0
        self._probe_at = 0.0
        self._probe: Ticket | None = None
        self._kept: set[Ticket] = set()
        self._proven = False
        self._changed = Change()
        self._wake = self._changed.tell

    @property
    def _has_room(self) -> bool:
        """Whether those that wait to be judged, if all were bad, would not be more in a row than may be."""
        return self._proven or len(self._kept) + self._in_a_row < IN_A_ROW

    @property
    def ready_in(self) -> float:
        """Seconds until leave to make a call would be given; infinite until a call ends. Given up is told at once."""
        if self.given_up:
            return 0.0
        if not self.is_open:
            return 0.0 if self._has_room else math.inf
        return max(0.0, self._probe_at - self._clock.monotonic()) if self._probe is None else math.inf

    async def allow(self) -> Ticket | None:
        """Wait for leave to make one call; None when the model was given up, Closed when the run stops first.

        Whoever gets a ticket must `record`, `keep` or `release` it.
        """
        self._gate.check()
        while not self.given_up:
            wait = None
            if not self.is_open:
                if self._has_room:
                    return Ticket(self._generation)
            elif self._probe is None:
                wait = self._probe_at - self._clock.monotonic()
                if wait <= 0:
                    self._probe = Ticket(self._generation, probe=True)
                    return self._probe
            with self._gate.waiting():
                await self._change(wait)
        return None

    def admits(self, ticket: Ticket) -> bool:
        """Whether a ticket is still good: ask again after waiting for anything else between `allow` and the call."""
        return not self.given_up and ticket.generation == self._generation

    def record(self, ticket: Ticket, remedy: Remedy) -> None:
        """Count how a finished call ended; calls from before the breaker opened or closed no longer count."""
        good, bad = remedy in _GOOD, remedy in _BAD
        if ticket in self._kept:
            self._kept.remove(ticket)
            self._wake()
        self._watch_rate_limit(good=good, throttled=remedy is Remedy.WAIT)
        if ticket is self._probe:
            self._probed(good=good, bad=bad)
        elif ticket.generation == self._generation and not ticket.probe and (good or bad):
            self._in_a_row = self._in_a_row + 1 if bad else 0
            self._proven = good
            self._last.append(bad)
            if self._in_a_row >= IN_A_ROW or (len(self._last) == LAST and sum(self._last) >= WORST_PART * LAST):
                self._turn(to_open=True)

    def keep(self, ticket: Ticket) -> None:
        """Judge a call later: what it brought waits at addresses. It must be recorded then."""
        self._kept.add(ticket)

    def release(self, ticket: Ticket) -> None:
        """Give back a ticket whose call was not made; does nothing for one that is recorded or kept."""
        if ticket is self._probe and ticket not in self._kept:
            self._probe = None
            self._wake()

    def _probed(self, *, good: bool, bad: bool) -> None:
        self._probe = None
        self._failed_probes += bad
        if good:
            self._turn(to_open=False)
        elif self._failed_probes >= len(self._waits):
            self._give_up(f"{IN_A_ROW} calls or more {_BROUGHT_NOTHING}, and {self._failed_probes} probes after them")
        else:
            self._probe_at = self._clock.monotonic() + self._waits[self._failed_probes]
            self._wake()

    def _watch_rate_limit(self, *, good: bool, throttled: bool) -> None:
        if good:
            self._throttled_since = None
        elif throttled:
            now = self._clock.monotonic()
            self._throttled_since = now if self._throttled_since is None else self._throttled_since
            if now - self._throttled_since >= THROTTLED_SECONDS:
                self._give_up(f"nothing but rate limits for {THROTTLED_SECONDS / 60:.0f} minutes")

    def _turn(self, *, to_open: bool) -> None:
        """Open or close; either begins a new count."""
        self.is_open = to_open
        self._generation += 1
        self._in_a_row = 0
        self._proven = not to_open
        self._last.clear()
        self._failed_probes = 0
        if to_open and self._waits:
            self._probe_at = self._clock.monotonic() + self._waits[0]
        elif to_open:
            self._give_up(f"{IN_A_ROW} calls or more {_BROUGHT_NOTHING}")
        self._wake()

    def _give_up(self, why: str) -> None:
        self.given_up = why
        self._wake()

    async def _change(self, at_most: float | None) -> None:
        """Wait until something changes, or a probe is due."""
        try:
            async with asyncio.timeout(at_most):
                await self._changed.wait()
        except TimeoutError:
            return


class Breakers:
    """The breakers of one run: one for each model."""

    def __init__(self, probe_seconds: Sequence[float], clock: Clock) -> None:
        self._probe_seconds = probe_seconds
        self._clock = clock
        self._gate = StopGate()
        self._of: dict[str, Breaker] = {}

    def __call__(self, model: str) -> Breaker:
        """Return the breaker of a model, always the same one."""
        if model not in self._of:
            self._of[model] = Breaker(self._probe_seconds, self._clock, self._gate)
        return self._of[model]

    @property
    def open(self) -> tuple[str, ...]:
        """Name the models of which only probes may be made."""
        return tuple(sorted(model for model, breaker in self._of.items() if breaker.is_open))

    def close(self) -> None:
        """Let everyone who waits for leave give up at once: the run stops."""
        self._gate.close()


@dataclass
class TemplateBreaker:
    """Counts how the jobs of each template end; what is given up stays so until the run ends."""

    given_up: dict[str, str] = field(default_factory=dict)
    _last: dict[str, deque[bool]] = field(default_factory=lambda: defaultdict(lambda: deque(maxlen=LAST_OF_TEMPLATE)))

    def note(self, template: str, *, in_vain: bool) -> bool:
        """Take how a job ended; whether its template is given up by that: two thirds of the last were in vain."""
        if not template or template in self.given_up:
            return False
        last = self._last[template]
        last.append(in_vain)
        if len(last) < AT_LEAST or sum(last) * 3 < len(last) * 2:
            return False
        self.given_up[template] = f"{sum(last)} of the last {len(last)} jobs of its template were moderated or failed"
        return True
