"""Two and four providers with random deaths, refusals and limits, in virtual time."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from batchgen.model import Charge, Limits, Lost, OnUncertain, OutcomeKind, Receipt, Remedy, StopKind
from tests.simulation.conftest import NewWorld
from tests.simulation.provider import Weather
from tests.simulation.several import Several, Side, Skies, WideWorld, any_several, by_slot, skies_of
from tests.simulation.world import Story, World, jobs


@pytest.fixture
def wide(new_world: NewWorld) -> Iterator[NewWorld]:
    """Make worlds with several providers, where others are made."""
    worlds: list[World] = []

    def make(seed: object) -> World:
        path = new_world(seed).path
        worlds.append(WideWorld(Path(f"{path}.wide{len(worlds)}"), seed))
        return worlds[-1]

    yield make
    for world in worlds:
        world.close()


def play(world: World, scene: Several) -> Story:
    """Run a scene and hold it against every law."""
    story = world.run(scene)
    sky = skies_of(story)
    assert not world.broken, world.broken
    assert world.ledger.accounts.audit() == ()
    each_limit_is_kept(scene, sky)
    nothing_is_asked_twice(scene, sky)
    what_can_be_drawn_is(scene, story)
    return story


def each_limit_is_kept(scene: Several, sky: Skies) -> None:
    """No provider gets more images in a minute or a day, or more calls at once, than its entry allows."""
    for side in scene.sides:
        mine = sorted((one for one in sky.asked if one.side == side.name), key=lambda one: one.begin)
        assert sky.each[side.name].most_in_flight <= side.limits.concurrency
        if side.limits.images_per_minute:
            for one in mine:
                window = [two.attempt.n for two in mine if one.begin <= two.begin < one.begin + 60]
                assert sum(window) <= max(side.limits.images_per_minute, *window), f"{side.name}: {window}"
        if side.limits.images_per_day:
            charged = [one.attempt.n for one in mine if not free(one.came)]
            assert sum(charged) <= side.limits.images_per_day, f"{side.name} drew {charged}"


def free(came: object) -> bool:
    """Whether nothing was charged for a call, for certain."""
    return isinstance(came, Receipt) and came.verdict.charge is Charge.NO


def nothing_is_asked_twice(scene: Several, sky: Skies) -> None:
    """No image is asked for while a call for it is under way, or once it may have been paid, but by the rules."""
    most = 0 if scene.settings.on_uncertain is OnUncertain.HOLD else scene.settings.retry.max_uncertain
    for slot, calls in by_slot(sky).items():
        for one, two in pairwise(calls):
            assert two.begin >= one.end, f"{slot} was asked for at {one.side} and {two.side} at once"
        doubtful = [one for one in calls if in_doubt(one.came)]
        assert len(doubtful) <= most + 1, f"{slot}: {doubtful}"
        if doubtful and most == 0:
            assert calls[-1] is doubtful[0], f"{slot} was asked for again"
    twice = {slot: given for slot, given in sky.gather().given.items() if given > 1}
    assert not twice, f"drawn again: {twice}"


def in_doubt(came: object) -> bool:
    """Whether a call may have been paid, and brought nothing."""
    return isinstance(came, Lost) or (isinstance(came, Receipt) and came.verdict.remedy is Remedy.UNCERTAIN)


def what_can_be_drawn_is(scene: Several, story: Story) -> None:
    """Every job ends well that a provider could draw which neither died, nor refused it, nor reached a limit."""
    refused_alike = any(stop.kind is StopKind.CONFIG for stop in story.stops)
    if refused_alike or scene.settings.limits.max_cost is not None or any(map(mischievous, scene.sides)):
        return
    out = skies_of(story).out
    sound = [one for one in scene.sides if not (one.dies or one.limits.images_per_day or one.name in out)]
    kinds = {outcome.job.id: outcome.kind for outcome in story.outcomes}
    for job in scene.jobs:
        quality = dict(job.request.params)["quality"]
        could = [one for one in sound if job.id not in one.weather.doomed and one.refuses != quality]
        if could:
            assert kinds[job.id] is OutcomeKind.DONE, f"{job.id} is {kinds[job.id]}; {could[0].name} could draw it"


def mischievous(side: Side) -> bool:
    """Whether its answers fail in ways that may be paid."""
    return bool(side.weather.weights.keys() - {"whole", "limited", "unconnected"})


def seeds(wide: NewWorld, numbers: range, count: int, *, mischief: bool) -> None:
    """Play scenes seed by seed."""
    for seed in numbers:
        try:
            play(wide(seed), any_several(seed, count, mischief=mischief))
        except BaseException as error:
            error.add_note(f"seed {seed}, {count} providers, mischief {mischief}")
            raise


@pytest.mark.sample(1)
@pytest.mark.parametrize("mischief", [False, True])
@pytest.mark.parametrize("count", [2, 4])
def test_laws_hold_with_several_providers(wide: NewWorld, count: int, mischief: bool) -> None:
    """What any provider could draw is drawn, nothing is asked elsewhere that may be paid, and limits are kept."""
    seeds(wide, range(10), count, mischief=mischief)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("mischief", [False, True])
@pytest.mark.parametrize("count", [2, 4])
def test_laws_hold_with_several_providers_over_many_seeds(wide: NewWorld, count: int, mischief: bool) -> None:
    """The same, many times."""
    seeds(wide, range(1000, 1250), count, mischief=mischief)


def shares(story: Story) -> Counter[str]:
    """How many images each provider was asked for."""
    return Counter(one.side for one in skies_of(story).asked)


def test_the_cheapest_with_room_is_asked(wide: NewWorld) -> None:
    """The dear provider draws what the cheap one has no room for, and nothing where that has."""
    cheap, dear = Side("cheap"), Side("dear", price=2)
    story = play(wide(0), Several(jobs(4), sides=(dear, cheap)))
    assert shares(story) == {"cheap": 4}
    story = play(wide(1), Several(jobs(12), sides=(dear, cheap)))
    assert shares(story)["cheap"] >= 4
    assert shares(story)["dear"] >= 4


def test_equal_prices_share_by_weight(wide: NewWorld) -> None:
    """Two thirds and one third, and nothing for one without weight."""
    sides = (Side("two", weight=2), Side("one"), Side("none", weight=0))
    story = play(wide(0), Several(jobs(30), sides=tuple(sides)))
    assert shares(story)["none"] == 0
    assert abs(shares(story)["two"] - 20) <= 4


def test_who_has_no_weight_draws_what_no_other_can(wide: NewWorld) -> None:
    """It takes over when the others are out."""
    sides = (Side("first", Weather(no_quota_from=3)), Side("last", weight=0))
    story = play(wide(0), Several(jobs(10), sides=sides))
    assert story.kinds == {OutcomeKind.DONE: 10}
    assert story.events["provider_out"] == 1
    assert story.stops == ()


def test_two_limits_are_used_to_the_full(wide: NewWorld) -> None:
    """Two providers with 30 images a minute each draw nearly 60 a minute together."""
    sides = tuple(Side(name, limits=Limits(images_per_minute=30, concurrency=60)) for name in ("a", "b"))
    story = play(wide(0), Several(jobs(150), sides=sides))
    begun = sorted(one.begin for one in skies_of(story).asked)
    assert 149 / (begun[-1] - begun[0]) * 60 >= 0.97 * 60
