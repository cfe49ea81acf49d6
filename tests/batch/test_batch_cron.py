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


@pytest.mark.slow
def test_three_days_of_cron(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Moderated, expired, an edited row, a budget of a day: images and money are as they should be."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    theirs = Stopped()
    handle = start_embedded(MockConfig(batch_seconds=3 * 3600), theirs)
    try:
        scene = Rehearsal(tmp_path, handle, dict(BATCH))
        wanted = jobs(6)
        wanted[0]["prompt"] = "A lamp [[mock: fault=moderation_input]]"
        wanted[1]["prompt"] = "A sofa [[mock: fault=line_expired times=1]]"
        wanted[2]["prompt"] = "A chair [[mock: fault=batch_expired times=1]]"
        each = scene.plan(scene.manifest(wanted))[1].high // 6
        day = {"day": round(each * 3.5 / 1e6, 6)}
        statuses, ended = list[int](), None
        for hour in range(72):
            theirs.seconds = hour * 3600
            if hour == 40:
                wanted[5]["prompt"] = "Another lamp"
            manifest = scene.manifest(wanted, budget=day)
            ended = scene.run(manifest, clock=QuickClock(BEGIN + timedelta(hours=hour)))
            statuses.append(ended.exit)
        assert ended is not None
        assert set(statuses) <= {0, 3, 4, 9}, statuses
        assert {4, 9} <= set(statuses)
        assert set(statuses[-12:]) <= {0, 3}
        assert ended.summary["images"] | {"stored": 5, "moderated": 1} == ended.summary["images"]
        assert [row["id"] for row in ended.table("moderated")] == ["j0"]
        spent = defaultdict[date, int](int)
        for row in attempts(ended.folder):
            spent[row.started.date()] += row.cost
        assert max(spent.values()) <= each * 3.5
        adds_up(scene, ended)
    finally:
        handle.stop()
