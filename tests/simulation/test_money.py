"""Money under parallel calls: never over the cap, never much below it, and a price table that is wrong."""

import random
from dataclasses import replace
from random import Random

import pytest

from batchgen.errors import Exit
from batchgen.model import Limits, OnUncertain, Retry, Settings, StopKind
from batchgen.money import MicroUSD
from batchgen.planner import Choices
from tests.simulation.conftest import NewWorld
from tests.simulation.laws import play
from tests.simulation.provider import Weather
from tests.simulation.scenes import ENDS
from tests.simulation.world import Scene, Story, World, job, jobs

STORMY = {"whole": 5.0, "broken": 0.3, "limited": 0.5, "overloaded": 0.5, "unconnected": 0.5, "short": 1.0, "lost": 0.1}


def crowd(seed: int) -> Scene:
    """Draw many jobs of all sizes for 64 parallel calls, and a cap that is too small for them."""
    random.seed(seed)
    chance = Random(f"crowd {seed}")
    names = [f"j{number}" for number in range(chance.randint(65, 110))]
    many = tuple(
        job(
            name,
            chance.choice((1, 1, 2, 4)),
            size=chance.choice(("1024x1024", "1024x1536")),
            quality=chance.choice(("low", "medium", "high")),
        )
        for name in names
    )
    cap = MicroUSD(chance.randint(100_000, 3_000_000))
    settings = Settings("sim", limits=Limits(concurrency=64, max_cost=cap), retry=Retry(attempts=2))
    return Scene(many, Weather(STORMY, seconds=(0.5, 90.0)), settings, slow_disk=chance.random() < 0.5)


def left_over(world: World, story: Story, cap: int) -> tuple[int, int]:
    """Say what the cap leaves in the end, and the cheapest call that was not made because of it."""
    exposure = world.ledger.reservations.exposure(story.run_id)
    assert exposure.reserved == 0
    unmade = [
        item.cost.quote.high
        for item in story.planned
        if item.cost and not any(call.job_key == item.job.key for call in story.sky.calls)
    ]
    return cap - exposure.spent - exposure.at_risk, min(unmade, default=0)


def under_the_cap(new_world: NewWorld, seed: int) -> None:
    """Overshoot nothing (a law after every commit), and leave less than one reservation."""
    scene = crowd(seed)
    cap = scene.settings.limits.max_cost
    assert cap is not None
    world = new_world(seed)
    story = play(world, scene)
    left, cheapest = left_over(world, story, cap)
    assert left >= 0
    if story.refused and cheapest and not story.stops:
        assert story.status is Exit.LIMIT
        assert left < cheapest, f"{left} is left, and a call for {cheapest} was not made"


@pytest.mark.sample(1)
@pytest.mark.parametrize("first", [0, 6])
def test_a_cap_is_never_passed_and_well_used(new_world: NewWorld, first: int) -> None:
    """64 calls at once, random latencies and failures: not a micro-dollar over, less than one reservation under."""
    for seed in range(first, first + 6):
        under_the_cap(new_world, seed)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(100, 3100, 100))
def test_thousands_of_caps_are_never_passed(new_world: NewWorld, first: int) -> None:
    """The same, many times."""
    for seed in range(first, first + 100):
        under_the_cap(new_world, seed)


@pytest.mark.sample(6)
@pytest.mark.parametrize("seed", range(20))
def test_a_price_three_times_the_tables_stops_the_run(new_world: NewWorld, seed: int) -> None:
    """The overshoot is what was in flight, at its true price; the run stops and names the price row."""
    random.seed(seed)
    limits = Limits(concurrency=8, max_cost=MicroUSD(400_000))
    scene = Scene(jobs(60, 2), Weather(dear=3), Settings("sim", limits=limits), slow_disk=seed % 2 == 0)
    world = new_world(seed)
    story = play(world, scene)
    assert story.status is Exit.LIMIT
    (stop,) = [stop for stop in story.stops if stop.kind is StopKind.LIMIT]
    assert "price row" in stop.why
    assert "gpt-image-2" in stop.why
    assert len(story.sky.calls) <= 8, "nothing left after the first dear answer"
    over = sum(max(0, line.micro_usd - line.attempt.quote.high) for line in story.sky.bill)
    exposure = world.ledger.reservations.exposure(story.run_id)
    assert exposure.spent == story.sky.billed
    assert exposure.spent <= 400_000 + over


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)])
def test_doubtful_calls_cost_little(new_world: NewWorld, seed: int) -> None:
    """One call in ten may have been charged: at most one more paid call for a job, and no job is lost."""
    random.seed(seed)
    limits = Limits(concurrency=16, max_cost=MicroUSD(300_000_000))
    weather = Weather({"whole": 9.0, "cut_off": 0.5, "broken": 0.5}, charged_part=1.0)
    scene = Scene(jobs(1000), weather, Settings("sim", limits=limits))
    world = new_world(seed)
    story = play(world, scene)
    ideal = sum(line.micro_usd for line in story.sky.bill) / len(story.sky.bill) * 1000
    assert all(len(verdicts) <= 2 for verdicts in story.sky.calls_of().values())
    assert story.sky.billed <= 1.15 * ideal
    assert story.totals.images.stored + story.totals.images.uncertain == 1000
    again = play(world, replace(scene, weather=Weather(), choices=Choices(at_risk=True)))
    assert again.totals.images.stored == 1000


@pytest.mark.parametrize("seed", range(5))
def test_who_holds_never_pays_twice(new_world: NewWorld, seed: int) -> None:
    """With --on-uncertain hold no slot is ever paid for twice, over as many runs as you like; the rest is held."""
    random.seed(seed)
    settings = Settings("sim", on_uncertain=OnUncertain.HOLD)
    weather = Weather({"whole": 5.0, "cut_off": 1.0, "broken": 1.0, "lost": 1.0, "silent": 0.5, "limited": 1.0})
    choices = Choices(on_uncertain=OnUncertain.HOLD)
    scene = Scene(jobs(40, 2), weather, settings, choices, abort_at=40.0 if seed % 2 else None)
    world = new_world(seed)
    paid: dict[tuple[str, int], int] = {}
    stories = [play(world, each) for each in (scene, *[replace(scene, abort_at=None)] * 2)]
    for story in stories:
        for line in story.sky.bill:
            for slot in line.attempt.slots:
                paid[line.attempt.job_key, slot] = paid.get((line.attempt.job_key, slot), 0) + 1
    assert max(paid.values()) == 1
    assert stories[-1].status in {Exit.HELD, Exit.UNAVAILABLE}
    assert stories[-1].totals.jobs.held > 0


@pytest.mark.sample(6)
@pytest.mark.parametrize("end", [*(end for end in ENDS if end not in {"limited", "unlike"}), "later"])
def test_no_way_to_fail_goes_on_for_ever(new_world: NewWorld, end: str) -> None:
    """Whatever every single call meets, the run ends, and what it paid is in the books."""
    random.seed(end)
    scene = Scene(jobs(12, 2), Weather({end: 1.0}), Settings("sim", limits=Limits(max_cost=MicroUSD(50_000_000))))
    story = play(new_world(end), scene)
    assert story.seconds < 4 * 3600
