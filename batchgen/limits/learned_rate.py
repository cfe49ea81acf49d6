"""The limit of calls a minute that a provider keeps and does not say, as far as it showed itself."""

from collections import deque
from collections.abc import Callable

from batchgen.limits.sliding_window import GUARD, WINDOW, Start
from batchgen.runtime.clock import Clock

FEWEST = 3
"""With fewer calls taken in a minute than these, nothing is learned yet."""
TRIAL_SECONDS = 10.0
"""A limit that is not sure yet is tried after so long by a call beyond it."""
SHORTEST_TRIAL = 0.5
"""When trials succeed until they would follow each other faster, there is no limit."""
SPACE = 0.9
"""Calls start at this part of their even distance, so that a window is used up before its end."""
STEP = 0.05
"""Growth of a limit that is sure, as a part of it, after a quiet window of calls at the limit."""
FIRST_QUIET = 2
MOST_QUIET = 16
"""Windows that must be quiet before it grows, at first and at most."""
DOUBTS = 3
"""So many refusals below a proven limit show that calls a minute are not what is limited."""


class LearnedRate:
    """Calls a minute of one model: no limit until one shows itself, then a strict window.

    A new limit is not sure until a call beyond it was tried. When that is refused, it is sure; when it is taken, the
    limit is doubled and tried again sooner. A sure limit grows slowly in quiet times; the next refusal takes it back to
    what was proven, or to three quarters. `tell` takes a limit that has become sure.
    """

    def __init__(self, clock: Clock, tell: Callable[[int], None], known: int | None = None) -> None:
        self.limit = known
        self._clock = clock
        self._tell = tell
        self._starts: deque[Start] = deque()
        self._sure = known is not None
        self._trial: Start | None = None
        self._trial_due = 0.0
        self._trial_seconds = TRIAL_SECONDS
        self._proven = known or 0
        self._from = float("-inf")
        self._since = clock.monotonic()
        self._quiet = FIRST_QUIET
        self._doubts = 0
        self._calls = 0

    @property
    def sure(self) -> bool:
        """Whether it is sure what the limit is, or that there is none."""
        return self._sure or self.limit is None

    def wait(self, look: float) -> float:
        """Seconds until a call may start; `look` is how long a refusal takes at most."""
        if self.limit is None and self._trial is None:
            return 0.0
        now = self._clock.monotonic()
        if self._trial and not self._trial.refused and (self._trial.answered or now - self._trial.at > look):
            self._succeed()
        return self._until_start(now) if self.limit is not None else 0.0

    def started(self, start: Start) -> None:
        """Take a call that was let go."""
        if self.limit is not None:
            if self._until_room(start.at) > 0 and self._may_try(start.at):
                self._trial = start
            self._calls += 1
            self._grow(start.at)
        self._forget(start.at)
        self._starts.append(start)

    def refused(self, start: Start, told: float, *, limit: bool) -> None:
        """Take a refusal for `told` seconds, 0 without a word; `limit` says that it shows one, if there is none yet."""
        now = self._clock.monotonic()
        if self.limit is None:
            taken = self._taken(now)
            if limit and taken >= FEWEST:
                self._try(taken)
                self._from = now + told if told else self._from
        elif start is self._trial:
            self._settle(self._proven)
        elif not self._sure and start.at < self._since:
            self.limit = self._proven = max(1, self._taken(now))
        elif start.at >= self._since:
            self._lower()

    def _until_start(self, now: float) -> float:
        room = self._until_room(now)
        return min(room, max(0.0, self._trial_due - now)) if self._may_try(now) else room

    def _may_try(self, now: float) -> bool:
        """Whether a call beyond the limit would tell something: only when what is proven is used up."""
        return not (self._sure or self._trial) and len(self._counted(now)) >= self._proven

    def _try(self, limit: int) -> None:
        self.limit, self._sure, self._doubts = limit, False, 0
        self._proven, self._trial_seconds = limit, TRIAL_SECONDS
        self._begin()

    def _succeed(self) -> None:
        """Double a limit that a trial refuted; trials that succeed in a row leave none."""
        self._trial, self._trial_seconds = None, self._trial_seconds / 4
        self.limit = 2 * (self.limit or 1)
        self._begin()
        if self._trial_seconds < SHORTEST_TRIAL:
            self.limit = None

    def _lower(self) -> None:
        """Go back towards what was proven; below that by a quarter, or give the limit up."""
        assert self.limit is not None, "only a learned limit is lowered"
        if self.limit <= self._proven:
            self._doubts += 1
        if self._doubts >= DOUBTS:
            self.limit, self._sure = None, False
        elif self.limit > self._proven:
            self._quiet = min(2 * self._quiet, MOST_QUIET)
            self._settle(max(self._proven, 3 * self.limit // 4 if self._sure else 0))
        else:
            self._settle(max(1, 3 * self.limit // 4))

    def _settle(self, limit: int) -> None:
        told = self._sure
        self.limit, self._proven, self._sure, self._trial = limit, limit, True, None
        self._begin()
        if not told:
            self._tell(limit)

    def _begin(self) -> None:
        self._since, self._calls = self._clock.monotonic(), 0
        self._trial_due = self._since + self._trial_seconds

    def _grow(self, now: float) -> None:
        limit = self.limit or 0
        if self._sure and self._calls >= self._quiet * limit and now - self._since >= self._quiet * WINDOW:
            self._doubts = 0
            self.limit = limit + max(1, int(STEP * limit))
            self._begin()

    def _taken(self, now: float) -> int:
        """Return calls of the last minute that were not refused."""
        self._forget(now)
        return sum(not start.refused for start in self._starts)

    def _forget(self, now: float) -> None:
        """Let go of what is older than a minute."""
        while self._starts and self._starts[0].at <= now - WINDOW - GUARD:
            self._starts.popleft()

    def _until_room(self, now: float) -> float:
        limit, counted = self.limit or 0, self._counted(now)
        if len(counted) >= limit:
            return counted[-limit] + WINDOW + GUARD - now
        return counted[-1] + SPACE * WINDOW / limit - now if counted else 0.0

    def _counted(self, now: float) -> list[float]:
        """Return the starts of the last minute that count: none before the provider said to go on."""
        self._taken(now)
        return [start.at for start in self._starts if not start.refused and start.at >= self._from]
