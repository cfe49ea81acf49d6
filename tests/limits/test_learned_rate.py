"""A limit that a provider does not say."""

import gc

from batchgen.limits.learned_rate import LearnedRate
from batchgen.limits.sliding_window import GUARD, WINDOW, Start
from tests import virtual_time


def test_calls_of_more_than_a_minute_ago_are_let_go() -> None:
    """A run of many hours holds the starts of its last minute, also while no limit shows itself."""

    async def hours() -> int:
        clock = virtual_time.VirtualClock()
        rate = LearnedRate(clock, tell=lambda _: None)
        for _ in range(3600):
            rate.started(Start(clock.monotonic()))
            await clock.sleep(1)
        assert rate.limit is None
        return _starts()

    before = _starts()
    assert virtual_time.run(hours()) - before <= WINDOW + GUARD + 1


def _starts() -> int:
    return sum(isinstance(one, Start) for one in gc.get_objects())
