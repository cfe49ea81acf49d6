"""Four runs with one key and one ledger, each a process of its own, keep the limit of their provider over sockets."""

from pathlib import Path

import pytest

from batchgen.mock import MockConfig
from batchgen.mock.embedded import start_embedded
from tests.process.launcher import Launcher
from tests.process.world import image

RATE, SECONDS, RUNS = 240, 150, 4
MANIFEST = """\
name: part-{number}
ledger: one.db
defaults: {{model: gpt-image-2.5-flare, size: 1024x1024, quality: low}}
limits: {{images_per_minute: {rate}, concurrency: 12, max_cost: 100}}
jobs:
  - {{id: "{{{{ number }}}}", rows: jobs.csv, prompt: "Image number {{{{ number }}}}"}}
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_four_runs_use_one_limit_and_never_more(fresh: Path, launcher: Launcher) -> None:
    """No call is refused, and at least 97 % of the limit is used for as long as all of them work."""
    each = RATE * SECONDS // 60 // RUNS + 15
    config = MockConfig(images_per_minute=RATE, latency=(2.0, 8.0), fixed_bytes=image())
    server = start_embedded(config)
    try:
        (fresh / "jobs.csv").write_text("number\n" + "".join(f"{number}\n" for number in range(each)), "utf-8")
        children = []
        for number in range(RUNS):
            (fresh / f"m{number}.yaml").write_text(MANIFEST.format(number=number, rate=RATE), "utf-8")
            words = ("run", f"m{number}.yaml", "--provider", "openai", "--base-url", server.base_url)
            children.append(launcher.start(*words, "--output", f"out{number}", cwd=fresh))
        assert [child.wait(400) for child in children] == [0] * RUNS, [child.said for child in children]
        calls = server.bill()["requests"]
    finally:
        server.stop()
    refused = [one["at"] for one in calls if one["status"] == 429]
    assert refused == []
    assert len(calls) == each * RUNS
    begin = calls[0]["at"]
    used = sum(one["at"] < begin + SECONDS for one in calls)
    assert used >= 0.97 * RATE * SECONDS / 60
