"""A cron line that runs every hour, over three days: the whole operation."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from batchgen.mock import MockConfig
from batchgen.mock.embedded import start_embedded
from tests.batch.scene import BATCH, QuickClock, adds_up, attempts, jobs
from tests.mock.test_mock_tasks import Stopped
from tests.rehearsal import KEYS, Rehearsal

BEGIN = datetime(2026, 11, 30, 6, 30, tzinfo=UTC)


def tell(words: dict[int, set[str]]) -> None:
    """See that a run that waits says for what, and one that a budget stopped says so."""
    assert all("at the provider ($" in why for why in words[9])
    assert all("budget of the day" in why for why in words[4])


@pytest.mark.slow
def test_three_days_of_cron(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Moderated, expired, topped up, an edited row, a budget of a day: images, money, words are as they should be."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    theirs = Stopped()
    handle = start_embedded(MockConfig(batch_seconds=3 * 3600), theirs)
    try:
        scene = Rehearsal(tmp_path, handle, dict(BATCH))
        wanted = [*jobs(6), {"id": "two", "prompt": "A vase [[mock: fault=fewer_1 times=1]]", "n": 2}]
        wanted[0]["prompt"] = "A lamp [[mock: fault=moderation_input]]"
        wanted[1]["prompt"] = "A sofa [[mock: fault=line_expired times=1]]"
        wanted[2]["prompt"] = "A chair [[mock: fault=batch_expired times=1]]"
        each = max(item.quote.high for item in scene.plan(scene.manifest(jobs(6)))[0].values() if item.quote)
        day = {"day": round(each * 3.5 / 1e6, 6)}
        statuses, words, ended = list[int](), defaultdict[int, set[str]](set), None
        for hour in range(72):
            theirs.seconds = hour * 3600
            if hour == 40:
                wanted[5]["prompt"] = "Another lamp"
            manifest = scene.manifest(wanted, budget=day)
            ended = scene.run(manifest, clock=QuickClock(BEGIN + timedelta(hours=hour)))
            statuses.append(ended.exit)
            words[ended.exit].add(ended.summary["why"])
        assert ended is not None
        assert set(statuses) <= {0, 3, 4, 9}, statuses
        assert {4, 9} <= set(statuses)
        assert set(statuses[-12:]) <= {0, 3}
        tell(words)
        assert ended.summary["images"] | {"stored": 7, "moderated": 1} == ended.summary["images"]
        assert [row.purpose.value for row in attempts(ended.folder) if row.job_id == "two"] == ["first", "top_up"]
        assert [row["id"] for row in ended.table("moderated")] == ["j0"]
        spent = defaultdict[date, int](int)
        for row in attempts(ended.folder):
            spent[row.started.date()] += row.cost
        assert max(spent.values()) <= each * 3.5
        adds_up(scene, ended)
    finally:
        handle.stop()
