"""A limit of calls a minute that nobody configured: it shows itself, is learned, told, and kept in the next run."""

from collections.abc import Callable

import pytest

from batchgen.limits import Limiter
from tests import virtual_time
from tests.limits.simulation import Batch, Bucket, Chance, Fixed, Policy, Sliding, limits, work_off

pytestmark = pytest.mark.sample(6)

HIDDEN = 10
DRAWING = (0.5, 2.0)
SEEDS = [pytest.param(8, id="8 seeds"), pytest.param(300, id="300 seeds", marks=pytest.mark.slow)]


@pytest.mark.parametrize("seeds", SEEDS)
@pytest.mark.parametrize("tells", [True, False], ids=["with Retry-After", "without"])
@pytest.mark.parametrize("calls", [30, 40, 100])
@pytest.mark.parametrize(
    "policy",
    [
        pytest.param(lambda: Sliding(HIDDEN), id="sliding"),
        pytest.param(lambda: Fixed(HIDDEN), id="fixed minutes"),
        pytest.param(lambda: Bucket(HIDDEN, HIDDEN), id="bucket"),
    ],
)
def test_a_hidden_limit_is_learned_and_kept(
    policy: Callable[[], Policy], calls: int, seeds: int, *, tells: bool
) -> None:
    """At most a quarter of the calls is refused, and a tenth in the next run; the limit is told about right."""
    batch = Batch(calls, 16, DRAWING, tells=tells)
    for seed in range(seeds):
        first = work_off(batch, policy(), seed)
        assert first.refused <= (first.refused + calls) / 4
        assert all(HIDDEN / 2 <= limit <= 1.5 * HIDDEN for limit in first.told)
        assert len(first.told) == 1
        assert first.seconds <= 2 * (calls - HIDDEN) * 60 / HIDDEN
        again = work_off(batch, policy(), seed + seeds, first.learned)
        assert again.refused <= (again.refused + calls) / 10


@pytest.mark.parametrize("seeds", SEEDS)
@pytest.mark.parametrize("refusing", [(0.5, 1.5), (1.2, 3.5)], ids=["a second", "a few seconds"])
@pytest.mark.parametrize(
    "policy",
    [
        pytest.param(lambda: Sliding(HIDDEN), id="sliding"),
        pytest.param(lambda: Fixed(HIDDEN), id="fixed minutes"),
        pytest.param(lambda: Bucket(HIDDEN, HIDDEN), id="bucket"),
    ],
)
def test_a_hidden_limit_is_learned_although_refusals_come_late(
    policy: Callable[[], Policy], refusing: tuple[float, float], seeds: int
) -> None:
    """As through a gateway that asks again itself before it tells of one: a quarter of a hundred calls at most."""
    batch = Batch(100, 16, DRAWING, tells=False, refusing=refusing)
    for seed in range(seeds):
        first = work_off(batch, policy(), seed)
        assert first.refused <= (first.refused + batch.calls) / 4
        assert all(HIDDEN / 2 <= limit <= 1.5 * HIDDEN for limit in first.told)
        assert len(first.told) == 1
        again = work_off(batch, policy(), seed + seeds, first.learned)
        assert again.refused <= (again.refused + batch.calls) / 10


def test_a_known_limit_holds_from_the_first_call_on() -> None:
    """What an earlier run learned spaces the first calls already, for its model alone."""

    async def main() -> None:
        limiter = Limiter(limits(concurrency=16), virtual_time.VirtualClock(), {"slow": HIDDEN})
        slow = [(await limiter.pace(model="slow")).at for _ in range(HIDDEN + 1)]
        assert slow[1] - slow[0] >= 0.8 * 60 / HIDDEN
        assert slow[-1] - slow[0] >= 60
        fast = [(await limiter.pace(model="fast")).at for _ in range(100)]
        assert fast[-1] == pytest.approx(fast[0], abs=0.01)

    virtual_time.run(main())


def test_an_outage_of_refusals_leaves_no_limit() -> None:
    """A provider that refuses everything for a while, and then nothing, is soon used to the full again."""

    class Outage:
        def ask(self, now: float, n: int) -> float | None:
            return 1.0 if 5 < now < 12 else None

    batch = Batch(400, 16, DRAWING)
    clean = work_off(batch, Chance(0, 0, 0), 0)
    result = work_off(batch, Outage(), 0)
    assert result.told == []
    assert result.seconds <= clean.seconds + 60


def test_a_limit_that_was_raised_is_found_out() -> None:
    """A known limit grows while nothing is refused."""
    batch = Batch(300, 16, DRAWING)
    assert work_off(batch, Sliding(6 * HIDDEN), 0, {"": HIDDEN}).seconds <= 0.95 * 300 * 60 / HIDDEN


def test_a_model_that_is_refused_at_random_loses_a_limit_that_is_none() -> None:
    """Refusals that go on below a known limit show that it is not what is limited."""
    batch = Batch(200, 16, DRAWING)
    result = work_off(batch, Chance(0.3, 1.0, 3), 0, {"": HIDDEN})
    assert result.seconds <= 200 * 60 / HIDDEN
