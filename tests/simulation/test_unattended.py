"""What nobody watches: outages, refusals, storms, signals and kills."""

import random
from dataclasses import replace

import pytest

from batchgen.errors import Exit
from batchgen.model import Limits, OutcomeKind, Settings, SlotState, StopKind
from batchgen.money import MicroUSD
from batchgen.planner import Choices
from tests.simulation.conftest import NewWorld
from tests.simulation.laws import play, states
from tests.simulation.provider import Weather
from tests.simulation.world import Scene, job, jobs

pytestmark = pytest.mark.sample(4)

LIMITS = Limits(concurrency=16, max_cost=MicroUSD(500_000_000))
SETTINGS = Settings("sim", limits=LIMITS)


@pytest.mark.parametrize("slow_disk", [True, False])
def test_an_outage_costs_at_most_what_was_in_flight(new_world: NewWorld, slow_disk: object) -> None:
    """All calls time out and are charged: 21 before the breaker opens, three probes after, and the run gives up."""
    scene = Scene(jobs(100), Weather({"silent": 1.0}, charged_part=1.0), SETTINGS, slow_disk=bool(slow_disk))
    story = play(new_world("outage"), scene)
    assert story.status is Exit.UNAVAILABLE
    assert len(story.sky.bill) <= 5 + 16 + 3
    before = [line for line in story.sky.bill if line.attempt in story.sky.calls[:-3]]
    assert len(before) <= 21
    assert story.seconds < 600 + 600 + 60 + 120 + 240 + 3 * 605


def test_an_outage_that_ends_is_only_a_delay(new_world: NewWorld) -> None:
    """After a run that gave up, the next one finishes the job."""
    scene = Scene(jobs(40), Weather({"cut_off": 1.0}), SETTINGS)
    world = new_world("ends")
    assert play(world, scene).status is Exit.UNAVAILABLE
    after = play(world, replace(scene, weather=Weather()))
    assert after.totals.jobs.not_started == 0
    assert after.totals.jobs.held <= 5 + 3, "only jobs that had their one more try"
    assert play(world, replace(scene, weather=Weather(), choices=Choices(at_risk=True))).status is Exit.OK


@pytest.mark.parametrize("form", [0, 1, 2])
@pytest.mark.parametrize("slow_disk", [True, False])
@pytest.mark.parametrize("first", [1, 20, 57])
def test_nothing_leaves_once_the_quota_is_gone(new_world: NewWorld, form: int, first: int, slow_disk: object) -> None:
    """Three forms of it, 32 calls side by side: only what was in flight still ends, two seconds later all is over."""
    random.seed(form)
    settings = replace(SETTINGS, limits=replace(LIMITS, concurrency=32))
    weather = Weather(no_quota_from=first, quota_form=form, seconds=(5.0, 30.0))
    story = play(new_world(form), Scene(jobs(200), weather, settings, slow_disk=bool(slow_disk)))
    assert story.status is Exit.ACCOUNT
    assert story.sky.after_refusal == 0
    refused = len(story.sky.calls) - first + 1
    assert refused <= 32
    assert story.totals.jobs.failed == 0
    assert story.seconds < 200


def test_a_revoked_key_stops_the_run(new_world: NewWorld) -> None:
    """No call leaves after the first refusal, and every job that had none is not started."""
    story = play(new_world("key"), Scene(jobs(100), Weather(no_key_from=30), SETTINGS))
    assert story.status is Exit.ACCOUNT
    assert len(story.sky.calls) <= 29 + 16
    assert story.kinds[OutcomeKind.FAILED] == 0


def test_what_fails_always_is_tried_twice(new_world: NewWorld) -> None:
    """One prompt that breaks the server costs two calls, and the others nothing."""
    weather = Weather(poisoned=frozenset({"j3"}))
    story = play(new_world("poison"), Scene(jobs(30), weather, SETTINGS))
    calls = {call.job_id: 0 for call in story.sky.calls}
    for call in story.sky.calls:
        calls[call.job_id] += 1
    assert calls.pop("j3") == 2
    assert set(calls.values()) == {1}
    assert story.status is Exit.HELD


def test_moderation_sticks(new_world: NewWorld) -> None:
    """Two tries, then no call in any later run."""
    weather = Weather(blocked=frozenset({"j1", "j2"}))
    scene = Scene(jobs(6, 2), weather, SETTINGS)
    world = new_world("blocked")
    first = play(world, scene)
    assert first.status is Exit.SOME_FAILED
    assert len(first.sky.calls) == 4 + 2 * 2
    assert states(world, scene.jobs[1].key) == [SlotState.MODERATED] * 2
    assert len(play(world, scene).sky.calls) == 0


def test_the_first_jobs_refused_alike_stop_the_run(new_world: NewWorld) -> None:
    """A wrong parameter in every job is found after three, and nothing was spent."""
    one_by_one = replace(SETTINGS, limits=replace(LIMITS, concurrency=1))
    weather = Weather(doomed=frozenset(one.id for one in jobs(50)))
    story = play(new_world("doomed"), Scene(jobs(50), weather, one_by_one))
    assert story.status is Exit.INPUT
    assert len(story.sky.calls) == 3


def test_a_wrong_job_among_good_ones_stops_nothing(new_world: NewWorld) -> None:
    """What was charged before shows that the manifest is not wrong as a whole."""
    weather = Weather(doomed=frozenset({"j5", "j6", "j7", "j8"}))
    one_by_one = replace(SETTINGS, limits=replace(LIMITS, concurrency=1))
    story = play(new_world("some"), Scene(jobs(20), weather, one_by_one))
    assert story.status is Exit.SOME_FAILED
    assert story.kinds == {OutcomeKind.DONE: 16, OutcomeKind.FAILED: 4}


@pytest.mark.slow
def test_a_provider_that_is_never_free_ends_the_run(new_world: NewWorld) -> None:
    """Refusals that cost nothing do not burn through the whole manifest: run again later."""
    random.seed(1)
    scene = Scene(jobs(300), Weather({"overloaded": 1.0}), SETTINGS)
    world = new_world("overload")
    story = play(world, scene)
    assert story.status is Exit.UNAVAILABLE
    assert len(story.sky.calls) < 150
    assert story.sky.billed == 0
    assert play(world, replace(scene, weather=Weather())).status is Exit.OK


def test_nothing_but_rate_limits_ends_the_run(new_world: NewWorld) -> None:
    """Half an hour of refusals without any image, and the run gives up."""
    story = play(new_world("limits"), Scene(jobs(30), Weather({"limited": 1.0}), SETTINGS))
    assert story.status is Exit.UNAVAILABLE
    assert story.totals.jobs.not_started == 30
    assert 1800 <= story.seconds < 3600


@pytest.mark.parametrize("seed", range(12))
def test_a_signal_stops_dispatch_and_drains(new_world: NewWorld, seed: int) -> None:
    """What is under way is finished and settled, nothing else leaves, and the next run goes on."""
    random.seed(seed)
    weather = Weather({"whole": 3.0, "short": 1.0, "limited": 1.0, "overloaded": 0.5, "cut_off": 0.2})
    scene = Scene(jobs(60, 2), weather, SETTINGS, slow_disk=seed % 2 == 0, signal_at=7.0 * seed)
    world = new_world(seed)
    story = play(world, scene)
    assert story.status is Exit.SIGINT
    assert all(row.ended is not None for row in world.ledger.report_rows.attempts())
    assert story.totals.images.moderated == 0 or seed > 2, "nobody gives a slot up that was never asked for again"
    assert play(world, replace(scene, weather=Weather(), signal_at=None)).status in {Exit.OK, Exit.SOME_FAILED}


@pytest.mark.parametrize("seed", range(12))
def test_whatever_was_cut_off_is_at_risk_and_found_again(new_world: NewWorld, seed: int) -> None:
    """The second signal, or a kill: no call is forgotten, and the next run draws what is missing."""
    random.seed(seed)
    weather = Weather({"whole": 3.0, "short": 1.0, "limited": 1.0, "cut_off": 0.2}, seconds=(1.0, 30.0))
    scene = Scene(jobs(60, 2), weather, SETTINGS, slow_disk=seed % 2 == 0, abort_at=0.01 + 6.3 * seed)
    world = new_world(seed)
    story = play(world, scene)
    assert story.aborted
    open_calls = [row for row in world.ledger.report_rows.attempts() if row.ended is None]
    assert len(open_calls) <= 16
    after = play(world, replace(scene, weather=Weather(), abort_at=None))
    assert after.status in {Exit.OK, Exit.SOME_FAILED, Exit.HELD}
    told = play(world, replace(scene, weather=Weather(), abort_at=None, choices=Choices(at_risk=True)))
    assert told.totals.images.uncertain == 0


def test_a_full_disk_stops_the_run_and_forgets_no_call(new_world: NewWorld) -> None:
    """Answers that could not be stored stay reserved until recovery finds them."""
    world = new_world("disk")
    story = play(world, Scene(jobs(60), Weather(disk_full_from=20), SETTINGS))
    assert story.status is Exit.STORAGE
    open_calls = [row for row in world.ledger.report_rows.attempts() if row.ended is None]
    assert 1 <= len(open_calls) <= 16


def test_a_small_job_fits_where_a_big_one_does_not(new_world: NewWorld) -> None:
    """What does not fit waits or stays; smaller ones go on; the status says that a limit did it."""
    big, small = job("big", 8, quality="high"), tuple(job(f"s{number}", quality="low") for number in range(5))
    limits = replace(LIMITS, max_cost=MicroUSD(100_000))
    world = new_world("small")
    story = play(world, Scene((big, *small), Weather(), replace(SETTINGS, limits=limits)))
    assert story.status is Exit.LIMIT
    assert {one.job.id for one in story.outcomes if one.kind is OutcomeKind.DONE} == {one.id for one in small}


def test_a_call_waits_for_what_others_give_back(new_world: NewWorld) -> None:
    """The cap holds three worst cases; as calls cost less than that, more of them are made."""
    high = 41_500
    limits = replace(LIMITS, max_cost=MicroUSD(8 * high))
    settings = replace(SETTINGS, limits=limits)
    # Sizes left to the model: reserved at the dearest, settled for what was drawn.
    auto = tuple(job(f"a{number}", size="auto", quality="medium") for number in range(40))
    story = play(new_world("back"), Scene(auto, Weather(), settings))
    spent = story.totals.money.confirmed
    assert limits.max_cost is not None
    assert 0 <= limits.max_cost - spent < max(item.cost.quote.high for item in story.planned if item.cost)


@pytest.mark.parametrize("amount", [4000])
def test_a_thousand_refused_jobs_ask_the_ledger_once(new_world: NewWorld, amount: int) -> None:
    """Once the budget is gone, jobs that can never fit cost no transaction each."""
    world = new_world("refused")
    limits = replace(LIMITS, max_cost=MicroUSD(1))
    counted: list[str] = []
    world.ledger._database.at = counted.append
    story = world.run(Scene(jobs(amount), Weather(), replace(SETTINGS, limits=limits)))
    assert story.status is Exit.LIMIT
    assert story.kinds == {OutcomeKind.NOT_STARTED: amount}
    assert counted.count("ledger.reserve.before_begin") <= 2


def test_a_server_slower_than_configured_is_used_well(new_world: NewWorld) -> None:
    """A limit that is half of ours: refusals are few, and at least 85 % of it is used once it is found."""
    limits = replace(LIMITS, concurrency=64, images_per_minute=60)
    weather = Weather(per_minute=30, seconds=(3.0, 15.0))
    story = play(new_world("slower"), Scene(jobs(450), weather, replace(SETTINGS, limits=limits)))
    assert story.status is Exit.OK
    refused = len(story.sky.calls) - 450
    assert refused <= 0.12 * len(story.sky.calls)
    assert story.seconds <= 450 / (0.85 * 30) * 60 + 180


def test_a_mismatch_is_kept_failed_or_drawn_again(new_world: NewWorld) -> None:
    """As the user wants it; what was paid for stays on the disk."""
    from batchgen.model import OnMismatch

    unlike = Scene(jobs(6, 2), Weather({"unlike": 1.0}), SETTINGS)
    for policy, status, calls in (
        (OnMismatch.KEEP, Exit.OK, 6),
        (OnMismatch.FAIL, Exit.SOME_FAILED, 6),
        (OnMismatch.RETRY_ONCE, Exit.OK, 12),
    ):
        world = new_world(policy)
        scene = replace(unlike, settings=replace(SETTINGS, on_mismatch=policy))
        story = play(world, scene)
        assert (story.status, len(story.sky.calls)) == (status, calls), policy
        assert all(slot.path for slot in world.ledger.jobs.known(scene.jobs)[0].slots)
        assert len(play(world, scene).sky.calls) == 0
    failed, once = (replace(SETTINGS, on_mismatch=policy) for policy in (OnMismatch.FAIL, OnMismatch.RETRY_ONCE))
    retried = play(world := new_world("x"), replace(unlike, settings=failed))
    assert retried.status is Exit.SOME_FAILED
    again = play(world, replace(unlike, weather=Weather(), settings=once, choices=Choices(retry_failed=True)))
    assert again.status is Exit.OK


def test_everything_bad_at_once_names_the_worst(new_world: NewWorld) -> None:
    """A full disk comes before a refused key."""
    story = play(new_world("worst"), Scene(jobs(60), Weather(disk_full_from=5, no_key_from=12), SETTINGS))
    assert story.status is Exit.STORAGE
    assert {stop.kind for stop in story.stops} >= {StopKind.STORAGE}
