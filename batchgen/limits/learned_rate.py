"""The limit of calls a minute that a provider keeps and does not say, as far as it showed itself."""

from collections import deque
from collections.abc import Callable

from batchgen.limits.sliding_window import GUARD, WINDOW, Start
from batchgen.runtime.clock import Clock

FEWEST = 3
"""With fewer calls taken in a minute than these, nothing is learned yet."""
TRIAL_SECONDS = 4.0
"""A limit that is not sure yet is tried after so long by a call beyond it."""
SHORTEST_TRIAL = 0.5
"""When trials succeed this often, there is no limit."""
TRIALS = 2
"""So many refused trials make a limit sure."""
SPACE = 0.9
"""Calls start at this part of their even distance, so that a window is used up before its end."""
STEP = 0.05
"""Growth of a limit that is sure, as a part of it, after a quiet window of calls at the limit."""
MOST_QUIET = 16
DOUBTS = 2
"""So many refusals below a proven limit show that calls a minute are not what is limited."""


class LearnedRate:
    """Calls a minute of one model: no limit until one shows itself, then a strict window.

    A new limit is not sure: now and then a call beyond it is tried. When that is taken, the limit is doubled and tried
    sooner; when it is refused, tried later, until it is sure. A sure limit grows slowly in quiet times, and goes back
    to what was proven with the next refusal. `tell` takes a limit that has become sure.
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
        self._failed_trials = 0
        self._proven = known or 0
        self._since = clock.monotonic()
        self._quiet = 1
        self._doubts = 0
        self._calls = 0

    def wait(self, look: float) -> float:
        """Seconds until a call may start; `look` is how long a refusal takes at most."""
        if self.limit is None:
            return 0.0
        now = self._clock.monotonic()
        if self._trial and not self._trial.refused and (self._trial.answered or now - self._trial.at > look):
            self._succeed()
        room = self._until_room(now) if self.limit else 0.0
        if self._sure or self._trial or room <= 0:
            return room
        return min(room, max(0.0, self._trial_due - now))

    def started(self, start: Start) -> None:
        """Take a call that was let go."""
        if self.limit is not None:
            if self._until_room(start.at) > 0 and not self._sure:
                self._trial = start
            self._calls += 1
            self._grow(start.at)
        self._starts.append(start)

    def refused(self, start: Start, *, limit: bool) -> None:
        """Take a refusal; `limit` says that it shows one, if there is none yet."""
        now = self._clock.monotonic()
        if self.limit is None:
            taken = self._taken(now)
            if limit and taken >= FEWEST:
                self._try(taken)
        elif start is self._trial:
            self._fail(now)
        elif start.at > self._since:
            self._lower(now)

    def _try(self, limit: int) -> None:
        self.limit, self._sure, self._failed_trials, self._doubts = limit, False, 0, 0
        self._proven, self._trial_seconds = limit, TRIAL_SECONDS
        self._begin()

    def _succeed(self) -> None:
        """Double a limit that a trial refuted; trials that succeed in a row leave none."""
        self._trial, self._trial_seconds = None, self._trial_seconds / 2
        self.limit = 2 * (self.limit or 1)
        self._begin()
        if self._trial_seconds < SHORTEST_TRIAL:
            self.limit = None

    def _fail(self, now: float) -> None:
        self._trial, self._trial_seconds = None, 4 * self._trial_seconds
        self._trial_due = now + self._trial_seconds
        self._failed_trials += 1
        if self._failed_trials >= TRIALS and self.limit:
            self._settle(self.limit)

    def _lower(self, now: float) -> None:
        """Go back to what was proven; below that, to what was taken in the last minute."""
        assert self.limit is not None, "only a learned limit is lowered"
        if self.limit <= self._proven:
            self._doubts += 1
        if self._doubts >= DOUBTS:
            self.limit = None
        elif self.limit > self._proven:
            self._quiet = min(2 * self._quiet, MOST_QUIET)
            self._settle(self._proven)
        else:
            self._settle(max(1, min(self.limit - 1, max(self._taken(now), 3 * self.limit // 4))))

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
            self._proven = limit
            self.limit = limit + max(1, int(STEP * limit))
            self._begin()

    def _taken(self, now: float) -> int:
        """Calls of the last minute that were not refused."""
        while self._starts and self._starts[0].at <= now - WINDOW - GUARD:
            self._starts.popleft()
        return sum(not start.refused for start in self._starts)

    def _until_room(self, now: float) -> float:
        limit = self.limit or 0
        self._taken(now)
        taken = [start.at for start in self._starts if not start.refused]
        if len(taken) >= limit:
            return taken[-limit] + WINDOW + GUARD - now
        return taken[-1] + SPACE * WINDOW / limit - now if taken else 0.0
