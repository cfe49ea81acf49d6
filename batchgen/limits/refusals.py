"""What the latest calls of a lane say of a refusal: chance, which is that call's own, or a limit of all."""

from collections import deque

from batchgen.limits.sliding_window import Start

LATEST = 20
"""Calls that are looked at."""
LOOK = 2.0
"""Seconds after which a call that is not refused counts as taken: refusals come sooner, images later."""
CHANCE = 0.25
"""Chance refuses at most this part of the latest calls."""
RUNS = 2
"""So many runs of refusals that ended by themselves are needed before the next one may be chance."""


class Refusals:
    """The latest calls of a lane, and the run of refusals that it is in.

    A run ends when a call is taken that started after the first refusal of the run had come: a limit refuses whatever
    comes until it has room again.
    """

    def __init__(self) -> None:
        self._starts: deque[Start] = deque(maxlen=2 * LATEST)
        self._run = 0
        self._began = 0.0
        self._ended = 0
        self._seconds = LOOK

    @property
    def look(self) -> float:
        """Seconds in which a refusal would have come: a few times as many as the slowest of late took."""
        return min(LOOK, max(0.05, 3 * self._seconds))

    def started(self, start: Start) -> None:
        """Take a call that was let go."""
        self._starts.append(start)

    def answered(self, start: Start) -> None:
        """Take an answer that is no refusal."""
        start.answered = True
        if self._run and start.at > self._began:
            self._end()

    def refused(self, start: Start, now: float) -> None:
        """Take a refusal."""
        if self._run and any(one.at > self._began and self._taken(one, now) for one in self._starts):
            self._end()
        if not self._run:
            self._began = now
        start.refused = True
        self._run += 1
        self._seconds = max(now - start.at, 0.9 * self._seconds if self._seconds < LOOK else 0.0)

    def by_chance(self, now: float) -> bool:
        """Whether refusals are few, and end by themselves again and again."""
        decided = [start.refused for start in self._starts if start.refused or self._taken(start, now)][-LATEST:]
        return self._ended >= RUNS and sum(decided) <= CHANCE * len(decided)

    def part(self) -> float:
        """The part of the latest calls that was refused."""
        latest = [start.refused for start in self._starts][-LATEST:]
        return sum(latest) / max(1, len(latest))

    @property
    def run(self) -> int:
        """Refusals of the run that the lane is in."""
        return self._run

    def _end(self) -> None:
        self._run, self._ended = 0, self._ended + 1

    @staticmethod
    def _taken(start: Start, now: float) -> bool:
        return not start.refused and (start.answered or now - start.at > LOOK)
