"""One job from request to outcome: which calls are made, and what is said of it in the end."""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from batchgen.errors import Exit
from batchgen.model import Limits, OnMismatch, OnPartial, OnUncertain, OutcomeKind, Settings, SlotState
from batchgen.money import MicroUSD
from batchgen.planner import Choices
from tests.simulation.laws import play, states
from tests.simulation.provider import Weather
from tests.simulation.world import Scene, Story, World, job

DONE, PARTIAL, MODERATED = OutcomeKind.DONE, OutcomeKind.PARTIAL, OutcomeKind.MODERATED
FAILED, HELD, OPEN = OutcomeKind.FAILED, OutcomeKind.HELD, OutcomeKind.NOT_STARTED
TOP_UP, ACCEPT, FAIL = (
    Settings("one"),
    Settings("one", on_partial=OnPartial.ACCEPT),
    Settings("one", on_partial=OnPartial.FAIL),
)
SINGLES, HOLD = Settings("one", images_per_request=1), Settings("one", on_uncertain=OnUncertain.HOLD)

NewWorld = Callable[[], World]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Make a world; back-off is the same every time."""
    random.seed(7)
    made = World(tmp_path / "ledger.db", "one")
    yield made
    made.close()


def told(world: World, *script: str, n: int = 4, settings: Settings = TOP_UP, **weather: object) -> Story:
    """Draw one job whose calls end as the script says."""
    one = job("a", n)
    return play(world, Scene((one,), Weather(script={"a": script}, **weather), settings))  # type: ignore[arg-type]


def asked(story: Story) -> list[tuple[str, int]]:
    """Say what each call was for, and for how many images."""
    return [(call.purpose.value, call.n) for call in story.sky.calls]


@pytest.mark.parametrize(
    ("script", "calls", "kind"),
    [
        (("give:4",), [("first", 4)], DONE),
        (("give:5",), [("first", 4)], DONE),
        (("give:3", "give:1"), [("first", 4), ("top_up", 1)], DONE),
        (("give:1", "give:3"), [("first", 4), ("top_up", 3)], DONE),
        (("give:1", "give:1", "give:2"), [("first", 4), ("top_up", 3), ("top_up", 2)], DONE),
        (("give:1", "give:1", "give:1"), [("first", 4), ("top_up", 3), ("top_up", 2)], PARTIAL),
        (("give:2", "give:0", "give:2"), [("first", 4), ("top_up", 2), ("top_up", 2)], DONE),
        (("give:2", "give:0", "give:0"), [("first", 4), ("top_up", 2), ("top_up", 2)], PARTIAL),
        (("give:2", "truncated", "give:2"), [("first", 4), ("top_up", 2), ("top_up", 2)], DONE),
        (("give:2", "blocked_early"), [("first", 4), ("top_up", 2)], PARTIAL),
        (("give:0", "give:4"), [("first", 4), ("retry", 4)], DONE),
        (("give:0", "give:0"), [("first", 4), ("retry", 4)], MODERATED),
        (("give:0", "give:3", "give:1"), [("first", 4), ("retry", 4), ("top_up", 1)], DONE),
        (("blocked_early", "give:4"), [("first", 4), ("retry", 4)], DONE),
        (("blocked_early", "blocked_early"), [("first", 4), ("retry", 4)], MODERATED),
        (("cut_off", "give:4"), [("first", 4), ("retry", 4)], DONE),
        (("cut_off", "broken"), [("first", 4), ("retry", 4)], HELD),
        (("cut_off", "give:2", "lost"), [("first", 4), ("retry", 4), ("top_up", 2)], HELD),
        (("limited",) * 6 + ("give:4",), [("first", 4)] * 7, DONE),
        (("unconnected",) * 7 + ("give:4",), [("first", 4)] * 8, DONE),
        (("overloaded",) * 3 + ("give:4",), [("first", 4), *[("retry", 4)] * 3], DONE),
        (("overloaded",) * 4, [("first", 4), *[("retry", 4)] * 3], FAILED),
    ],
)
def test_calls_of_one_job(
    world: World, script: tuple[str, ...], calls: list[tuple[str, int]], kind: OutcomeKind
) -> None:
    """Exactly the missing images are asked for again, and never more often than it makes sense."""
    story = told(world, *script)
    assert asked(story) == calls
    assert [one.kind for one in story.outcomes] == [kind]


@pytest.mark.parametrize(("settings", "kind"), [(ACCEPT, PARTIAL), (FAIL, FAILED), (TOP_UP, DONE)])
def test_who_accepts_less_asks_no_more(world: World, settings: Settings, kind: OutcomeKind) -> None:
    """What came is kept in any case, and what did not come is said."""
    story = told(world, "give:3", "give:1", settings=settings)
    assert len(story.sky.calls) == (2 if kind is DONE else 1)
    assert [one.kind for one in story.outcomes] == [kind]
    found = states(world, job("a", 4).key)
    assert found.count(SlotState.STORED) == (4 if kind is DONE else 3)


def test_calls_side_by_side_keep_their_slots_apart(world: World) -> None:
    """One image a call: what one of them meets is nothing to the others."""
    story = told(world, "give:1", "blocked_early", "cut_off", "give:1", settings=SINGLES)
    (outcome,) = story.outcomes
    assert outcome.kind is DONE
    assert sorted(call.slots for call in story.sky.calls[:4]) == [(0,), (1,), (2,), (3,)]
    assert len(story.sky.calls) == 6
    assert states(world, outcome.job.key) == [SlotState.STORED] * 4


def test_slots_end_each_for_itself(world: World) -> None:
    """Stored, moderated, held and stored: a run that shall ask again asks for one slot only, any other for none."""
    script = ("give:1", "blocked_early", "cut_off", "give:1", "blocked_early", "broken")
    settings = replace(SINGLES, retry=replace(SINGLES.retry, base_seconds=0.0))
    story = told(world, *script, settings=settings, seconds=(5.0, 5.1))
    (outcome,) = story.outcomes
    assert sorted(states(world, outcome.job.key)) == sorted(
        [SlotState.STORED, SlotState.STORED, SlotState.MODERATED, SlotState.UNCERTAIN]
    )
    assert outcome.kind is HELD
    assert told(world, settings=settings).sky.calls == []
    again = play(world, Scene((job("a", 4),), settings=settings, choices=Choices(at_risk=True)))
    assert [call.n for call in again.sky.calls] == [1]
    assert [one.kind for one in again.outcomes] == [PARTIAL]


def test_a_job_is_what_all_its_slots_are(world: World) -> None:
    """A new slot that is stored does not make a job done whose other slot was moderated long ago."""
    told(world, "blocked_early", "blocked_early", n=1)
    story = told(world, "give:1", n=2)
    assert [call.slots for call in story.sky.calls] == [(1,)]
    assert [one.kind for one in story.outcomes] == [PARTIAL]


def test_who_holds_is_not_charged_again(world: World) -> None:
    """One call, then a person decides: only who says so has it asked again."""
    story = told(world, "cut_off", settings=HOLD)
    assert asked(story) == [("first", 4)]
    assert [one.kind for one in story.outcomes] == [HELD]
    scene = Scene((job("a", 4),), settings=HOLD, choices=Choices(on_uncertain=OnUncertain.HOLD))
    assert asked(play(world, scene)) == []
    assert asked(play(world, replace(scene, settings=TOP_UP, choices=Choices()))) == []
    assert asked(play(world, replace(scene, settings=TOP_UP, choices=Choices(at_risk=True)))) == [("first", 4)]


@pytest.mark.parametrize("end", ["overloaded", "unreached"])
def test_a_provider_that_bills_every_call_gets_no_free_tries(world: World, end: str) -> None:
    """What is repeated for nothing elsewhere may have been charged here: one more try, then the job is held."""
    story = told(world, *[end] * 4, bills_failures=True)
    assert len(story.sky.calls) == (2 if end == "overloaded" else 4)


def test_a_image_that_is_not_as_asked_makes_room_for_its_successor(world: World) -> None:
    """Asked once more, the new image takes the slot and the old one steps aside; money counts both."""
    settings = replace(TOP_UP, on_mismatch=OnMismatch.RETRY_ONCE)
    story = told(world, "unlike", "give:2", n=2, settings=settings)
    assert asked(story) == [("first", 2), ("retry", 2)]
    assert story.sky.calls[1].replaces == story.sky.calls[1].job_key
    slots = world.ledger.jobs.known([story.outcomes[0].job])[0].slots
    assert {slot.attempt_id for slot in slots} == {story.sky.calls[1].id}
    assert story.totals.money.confirmed == story.sky.billed
    assert [one.kind for one in story.outcomes] == [DONE]


@pytest.mark.parametrize("end", ["blocked_early", "cut_off", "give:0", "give:1", "overloaded"])
def test_a_first_image_stays_when_the_second_try_fails(world: World, end: str) -> None:
    """Whatever happens to the second try, what was paid for is there."""
    settings = replace(TOP_UP, on_mismatch=OnMismatch.RETRY_ONCE)
    story = told(world, "unlike", *[end] * 4, n=2, settings=settings)
    assert states(world, story.sky.calls[0].job_key) == [SlotState.STORED] * 2
    assert [one.kind for one in story.outcomes] == [DONE]
    assert sum(call.purpose.value == "retry" for call in story.sky.calls) <= 4


def test_a_slot_that_was_never_asked_for_again_is_open(world: World) -> None:
    """A run that stops between a call and its top-up decides nothing; the next one goes on."""
    scene = Scene((job("a", 4),), Weather(script={"a": ("give:2",)}), signal_at=1.0)
    assert [one.kind for one in play(world, scene).outcomes] == [OPEN]
    after = play(world, replace(scene, weather=Weather(), signal_at=None))
    assert asked(after) == [("first", 2)]
    assert [one.kind for one in after.outcomes] == [DONE]


def test_a_job_that_finds_no_money_stands_where_it_stood(world: World) -> None:
    """What may have been charged before is still held, although this run could not afford another try."""
    assert [one.kind for one in told(world, "cut_off", "broken").outcomes] == [HELD]
    poor = replace(TOP_UP, limits=Limits(max_cost=MicroUSD(1)))
    story = play(world, Scene((job("a", 4),), settings=poor, choices=Choices(at_risk=True)))
    assert [one.kind for one in story.outcomes] == [HELD]
    assert story.status is Exit.LIMIT


def test_every_limit_that_refused_is_told(world: World) -> None:
    """Also when a second try for an image was refused first, which by itself is nobody's loss."""
    script = Weather(script={"a": ("unlike",), "b": ("give:1",)})
    high = 8_000
    limits = Limits(max_cost=MicroUSD(high), concurrency=1)
    settings = replace(TOP_UP, on_mismatch=OnMismatch.RETRY_ONCE, limits=limits)
    story = play(world, Scene((job("a"), job("b")), script, settings))
    assert [one.kind for one in story.outcomes] == [DONE, OPEN]
    assert story.status is Exit.LIMIT
    alone = play(world, Scene((job("c"),), Weather(script={"c": ("unlike",)}), settings))
    assert alone.status is Exit.OK


def test_a_probe_that_nobody_can_pay_for_keeps_nobody_waiting(world: World) -> None:
    """The breaker is open, the money is gone: everyone who waits hears of it."""
    high = 6_087
    limits = Limits(max_cost=MicroUSD(6 * high + high // 2), concurrency=2)
    many = tuple(job(f"j{number}") for number in range(12))
    story = play(world, Scene(many, Weather({"cut_off": 1.0}), replace(HOLD, limits=limits)))
    assert story.status is Exit.LIMIT
    assert len(story.sky.calls) == 6
