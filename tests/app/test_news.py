"""What the next run does is what the last one said, and nobody is told twice of what has not changed."""

from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from batchgen.app.config.exit_status import next_step
from batchgen.app.output import maintain
from batchgen.mock import MockConfig, Rule
from batchgen.mock.embedded import start_embedded
from batchgen.model import OnUncertain
from tests.batch.scene import QuickClock
from tests.notify.listener import listening
from tests.rehearsal import Ended, Rehearsal, rehearsal
from tests.virtual_time import EPOCH

pytestmark = pytest.mark.sample(6)

JOBS = [{"id": f"j{at:02}", "prompt": f"A lamp {at}"} for at in range(12)]
ONE_BY_ONE = {"max_cost": 100, "concurrency": 1}
MODERATED = "A lamp [[mock: fault=moderation_input]]"
BLOCKED = "[[mock: fault=moderation_input]]"
AWAY = "[[mock: fault=input_unreachable]]"
CUT = "A lamp [[mock: fault=truncated]]"
DOUBTFUL = "A lamp [[mock: fault=status_500]]"


def is_well(ended: Ended) -> bool:
    """Whether the run is quiet and a success for a monitor."""
    return ended.exit == 0 or (ended.exit in {3, 4, 7, 9} and not ended.summary["news"])


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    "prompt", [DOUBTFUL, "A lamp [[mock: fault=unknown_task]]", "A lamp [[mock: fault=status_504]]"]
)
def test_what_is_held_stays_held(scene: Rehearsal, prompt: str) -> None:
    """Each later run asks nothing and ends with 7 without news, until somebody says otherwise."""
    manifest = scene.manifest([{"id": "a", "prompt": prompt}, {"id": "b", "prompt": "A chair"}])
    first = scene.run(manifest)
    calls = len(scene.bill)
    assert (first.exit, first.summary["news"]) == (7, True)
    for _ in range(3):
        rows, _sums = scene.plan(manifest)
        assert rows["a"].action.value == "held"
        again = scene.run(manifest)
        assert (again.exit, len(scene.bill), is_well(again)) == (7, calls, True)
    assert not is_well(scene.run(manifest, strict=True))
    scene.run(manifest, on_uncertain=OnUncertain.RETRY)
    assert len(scene.bill) > calls


def test_resolved_jobs_are_asked_for_again(scene: Rehearsal) -> None:
    """`resolve retry` gives a held job to the next run, and `fail` gives it up."""
    manifest = scene.manifest([{"id": "a", "prompt": DOUBTFUL}])
    output = scene.run(manifest).folder
    calls = len(scene.bill)
    maintain.resolve(output, decision="retry")
    assert scene.run(manifest).exit == 7
    assert len(scene.bill) > calls
    maintain.resolve(output, decision="fail")
    assert [scene.run(manifest).exit for _ in range(2)] == [3, 0]


ENDINGS = ["status_500", "404_html", "404_model", "401", "402", "429_quota", "status_400", "status_503_json",
           "unknown_task", "account_paused", "html_200_console", "405"]  # fmt: skip


@pytest.mark.sample(2)
@pytest.mark.parametrize("fault", ENDINGS)
@pytest.mark.parametrize("good", [0, 3])
def test_a_run_that_all_calls_stopped_goes_on(
    tmp_path: Path, fault: str, good: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever stopped it, no job is failed for it: when the cause is gone, the same command draws all that is left."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-rehearsal-0123456789abcdef")
    looks = {"quality": "low", "size": "1024x1024", "output_format": "webp"}
    fair = start_embedded(MockConfig())
    settings = {"provider": "openai", "defaults": looks}
    try:
        with rehearsal(tmp_path, settings, rules=(Rule(fault, skip=good),)) as scene:
            manifest = scene.manifest(JOBS, limits=ONE_BY_ONE)
            first = scene.run(manifest)
            assert first.exit in {2, 3, 5, 6}
            jobs = first.summary["jobs"]
            if first.exit != 3:
                assert jobs["done"] + jobs["not_started"] == len(JOBS)
            assert "same command" in next_step(first.exit, first.summary.get("cause", ""), first.summary)
            again = scene.run(manifest, base_url=fair.base_url)
            assert (again.exit, again.summary["jobs"]["done"]) == (0, len(JOBS))
    finally:
        fair.stop()


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("job", "settings"),
    [
        ({"id": "a", "prompt": MODERATED}, {}),
        ({"id": "a", "n": 2, "prompt": "A lamp [[mock: fault=fewer_1]]"}, {"on_partial": "accept"}),
        ({"id": "a", "prompt": "A lamp [[mock: fault=status_400]]"}, {}),
    ],
    ids=["moderated", "short", "refused"],
)
def test_what_failed_is_told_once(scene: Rehearsal, job: dict[str, object], settings: dict[str, Any]) -> None:
    """Exit 3, then 0 while nothing changes; 3 again under `strict`, and when another job fails."""
    manifest = scene.manifest([job], **settings)
    assert [scene.run(manifest).exit for _ in range(3)] == [3, 0, 0]
    assert scene.run(manifest, strict=True).exit == 3
    more = scene.manifest([job, {"id": "z", "prompt": f"Other: {MODERATED}"}], **settings)
    assert [scene.run(more).exit for _ in range(2)] == [3, 0]


@pytest.mark.sample(1)
@pytest.mark.parametrize("removed", [False, True])
def test_a_dead_address_is_told_once(scene: Rehearsal, *, removed: bool) -> None:
    """Each run looks for the paid image again, and nobody hears of it again; also when its row is gone."""
    jobs = [{"id": "a", "prompt": "A lamp [[mock: fault=download_404]]"}, {"id": "b", "prompt": "A chair"}]
    first = scene.run(scene.manifest(jobs), clock=QuickClock())
    assert (first.exit, first.summary["news"]) == (3, True)
    later = [scene.run(scene.manifest(jobs[1:] if removed else jobs), clock=QuickClock()) for _ in range(2)]
    assert [(ended.exit, ended.summary["news"]) for ended in later][-1] == (0, False)
    assert len(scene.bill) == 2


def test_accepted_jobs_are_closed_for_good(scene: Rehearsal) -> None:
    """Not even `strict` tells of them, and they stand in no list of what to reword."""
    manifest = scene.manifest([{"id": "a", "prompt": MODERATED}, {"id": "b", "prompt": f"More: {MODERATED}"}])
    ended = scene.run(manifest)
    assert maintain.accept(ended.folder, only=("a",)) == ("a",)
    again = scene.run(manifest, strict=True)
    assert again.exit == 3
    assert "resolve --accept" in next_step(3, "", again.summary)
    assert [row["id"] for row in ended.table("moderated")] == ["b"]
    assert maintain.accept(ended.folder) == ("b",)
    closed = scene.run(manifest, strict=True)
    assert closed.exit == 0
    assert "resolve --accept" not in next_step(3, "", closed.summary)
    assert ended.table("moderated") == []
    assert len(scene.bill) == 4


def test_a_limit_is_told_when_it_is_met_first(scene: Rehearsal) -> None:
    """A night's budget that ends each night with 4 is no alarm, and a new failure under it is."""
    jobs = [{"id": f"j{at}", "prompt": f"A lamp {at}"} for at in range(16)]
    nights = [scene.run(scene.manifest(jobs), max_images=2) for _ in range(2)]
    assert [(night.exit, is_well(night)) for night in nights] == [(4, False), (4, True)]
    failing = [{**job, "prompt": MODERATED, "priority": "high"} if job["id"] == "j4" else job for job in jobs]
    nights = [scene.run(scene.manifest(failing, limits=ONE_BY_ONE), max_images=4) for _ in range(2)]
    assert [(night.exit, is_well(night)) for night in nights] == [(4, False), (4, True)]


@pytest.mark.slow
def test_a_month_of_nights(scene: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty nights, a day apart, over a catalogue that is edited once a week: people hear of each trouble once.

    One job is moderated, one reference is no file, one is dead at its address. A message comes when something was drawn
    or is news, the exit status is 3 in the very nights with new trouble, and the monitor is content in all others.
    """
    chance = Random(30)
    (scene.root / "photos").mkdir()
    rows = {f"s{at:02}": f"A stool {at}" for at in range(8)} | {"bad": MODERATED, "away": f"Of {AWAY}"}
    drawn, troubled = {0, 7, 14, 21, 28}, {0, 14, 28}
    calls = charged = 0
    with listening() as people:
        for name, value in people.variables.items():
            monkeypatch.setenv(name, value)
        for night in range(30):
            if night and night % 7 == 0:
                sku = chance.choice([name for name in rows if name.startswith("s")])
                rows[sku] = f"A stool of week {night // 7}" + (f" {BLOCKED}" if night in troubled else "")
            jobs: list[dict[str, object]] = [{"id": sku, "prompt": prompt} for sku, prompt in rows.items()]
            photo = {"id": "dead", "rows": [{"photo": "gone"}], "images": "photos/{{ photo }}.jpg"}
            manifest = scene.manifest([*jobs, photo | {"prompt": "In a room"}], bad_rows="skip")
            before = len(people.messages), len(people.beats)
            ended = scene.run(manifest, clock=QuickClock(EPOCH + timedelta(days=night)))
            said, beats = people.messages[before[0] :], people.endings[before[1] :]
            fresh, charged, calls = len(scene.bill) > calls, ended.charged, len(scene.bill)
            assert fresh == (night in drawn), night
            assert ended.exit == (3 if night in troubled else 0), night
            assert is_well(ended) == (night not in troubled), night
            assert beats == ["/start", "/fail" if night in troubled else ""], night
            assert [f"(exit {ended.exit})" in one["title"] for one in said] == ([True] if night in drawn else []), night
            assert ended.summary["rows"]["rejected"] == 1
    assert scene.billed == charged
