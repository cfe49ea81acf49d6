"""What the latest calls of a lane say of a refusal: chance, which is that call's own, or more than that."""

from collections import deque

from batchgen.limits.sliding_window import Start

LATEST = 32
"""Calls that are looked at."""
CHANCE = 1 / 3
"""Chance refuses at most this part of them, by Laplace's rule of succession: one refused of one call says little."""
RATED_CHANCE = 0.22
"""The same where rates are configured: there a refusal is rarely chance, and a refused tenth is to be the most."""
FEW = 8
"""Fewer refusals do not yet make a limit, whatever their part."""
RUN = 3
"""So many refusals in a row are a wall."""
LOOK = 2.0
"""Seconds after which a call that is not refused counts as taken: refusals come sooner, images later."""
LONGEST_LOOK = 60.0
"""The same where refusals come late, as through a gateway that asks again itself before it tells of one."""


class Refusals:
    """The latest calls of a lane in the order of their starts."""

    def __init__(self, *, rated: bool) -> None:
        self._rated = rated
        self._latest: deque[Start] = deque(maxlen=LATEST)
        self._seconds: float | None = None

    @property
    def look(self) -> float:
        """Seconds in which a refusal would have come: a few times as many as the slowest of late took, or some more."""
        seconds = self._seconds
        return LOOK if seconds is None else min(LONGEST_LOOK, max(0.05, min(3 * seconds, seconds + LOOK)))

    @property
    def part(self) -> float:
        """The part of the latest calls that was refused."""
        return self.count / max(1, len(self._latest))

    @property
    def count(self) -> int:
        """Refusals among the latest calls."""
        return sum(start.refused for start in self._latest)

    @property
    def is_most(self) -> bool:
        """Whether at least half of the latest calls were refused, and not only a few."""
        return self.count >= FEW and 2 * self.count >= len(self._latest)

    def by_chance(self, now: float) -> bool:
        """Whether so few of the latest calls were refused that chance explains it.

        Without rates calls start in bursts, and those whose fate is open count as taken. With rates they start one by
        one, and only what is decided counts.
        """
        if not self._rated:
            return self._few([start.refused for start in self._latest], CHANCE)
        return not self.wall(now) and self._few(self._decided(now), RATED_CHANCE)

    def wall(self, now: float) -> bool:
        """Whether the last calls were refused one like the other."""
        last = self._decided(now)[-RUN:]
        return len(last) == RUN and all(last)

    def started(self, start: Start) -> None:
        """Take a call that was let go."""
        self._latest.append(start)

    def refused(self, start: Start, now: float) -> None:
        """Take a refusal."""
        start.refused = True
        self._seconds = max(now - start.at, 0.9 * (self._seconds or 0.0))

    def _decided(self, now: float) -> list[bool]:
        """Return of each call that was answered, or is old enough to count as taken, whether it was refused."""
        look = self.look
        return [start.refused for start in self._latest if start.refused or start.answered or now - start.at > look]

    @staticmethod
    def _few(refused: list[bool], chance: float) -> bool:
        return sum(refused) + 1 <= chance * (len(refused) + 2)
