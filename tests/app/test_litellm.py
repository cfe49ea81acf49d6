"""LiteLLM's proxy, as it is, in front of the mock: a gateway that nobody here wrote."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
import yaml

from batchgen.app.run.run_end import RunResult
from batchgen.app.run.start import run_manifest
from batchgen.ledger import Ledger
from batchgen.model import AttemptState
from batchgen.runtime.clock import SystemClock
from tests.app.test_hidden_limits import FastClock, Notes
from tests.rehearsal import Rehearsal, rehearsal
from tests.storage.servers import HOME, started

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

FRONT, BEHIND = "sk-front-0123456789", "sk-behind-0123456789"
A_MINUTE = 10
SPEED = 3
"""Seconds of the clock in one of the machine: the proxy has time to answer."""
JOBS = 100
READY_SECONDS = 180.0
"""It loads for half a minute where nothing else is at work."""


@pytest.fixture
def behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Rehearsal, dict[str, Any]]]:
    """Return the mock with a limit that it keeps and does not tell, and what a manifest says of the proxy before it."""
    program = HOME / "litellm" / "bin" / "litellm"
    if not program.exists():
        pytest.skip(f"litellm is not installed in {HOME}: make torture does it")
    monkeypatch.setenv("LITELLM_API_KEY", FRONT)
    window = 60 / SPEED
    with rehearsal(tmp_path, hidden_per_minute=A_MINUTE, window_seconds=window, key=BEHIND) as scene:
        model = {"model": "openai/gpt-image-2", "api_base": scene.handle.base_url, "api_key": BEHIND, "max_retries": 0}
        told = {
            "model_list": [{"model_name": "gpt-image-2", "litellm_params": model}],
            "router_settings": {"num_retries": 0, "disable_cooldowns": True},
            "general_settings": {"master_key": FRONT},
        }
        (tmp_path / "proxy.yaml").write_text(yaml.safe_dump(told), "utf-8")
        words = [str(program), "--config", str(tmp_path / "proxy.yaml"), "--host", "127.0.0.1", "--port", "{port}"]
        address = started(words, READY_SECONDS)
        warmed(f"{address}/v1/images/generations")
        (tmp_path / "gateway.yaml").write_text(f"like: litellm\nbase_url: {address}/v1\n", "utf-8")
        yield scene, {"provider": "./gateway.yaml", "defaults": {"quality": "low", "size": "1024x1024"}}


def warmed(address: str) -> None:
    """Draw one image, for which the proxy loads whatever it needs."""
    body = json.dumps({"model": "gpt-image-2", "prompt": "Nothing", "size": "1024x1024", "quality": "low"}).encode()
    headers = {"Authorization": f"Bearer {FRONT}", "Content-Type": "application/json"}
    urlopen(Request(address, body, headers), timeout=60).close()


def test_a_limit_that_nobody_names_is_learned_through_a_foreign_gateway(
    behind: tuple[Rehearsal, dict[str, Any]], tmp_path: Path
) -> None:
    """Ten a minute: all is stored and paid once, at most a quarter of the calls is refused; it is said and kept."""
    scene, settings = behind
    lamps = [{"id": f"lamp-{at}", "prompt": f"Lamp {at}"} for at in range(JOBS)]
    limits = {"max_cost": 100, "concurrency": 16}
    manifest = scene.manifest(lamps, "first", **settings, limits=limits, retry={})
    notes = Notes()
    result = played(scene, manifest, notes)
    assert (int(result.exit), result.summary["images"]["stored"]) == (0, JOBS), result.summary["why"]
    with Ledger.open(tmp_path / "out" / "ledger.db", ".", clock=SystemClock(), readonly=True) as ledger:
        calls = [row for row in ledger.report_rows.attempts() if row.state is not AttemptState.NOT_SENT]
    refused = [row for row in calls if row.code == "rate_limit"]
    assert 0 < len(refused) <= len(calls) / 4
    assert len(calls) == JOBS + len(refused)
    assert scene.billed - scene.bill[0]["charged_micro_usd"] == result.summary["money"]["confirmed_micro_usd"]
    assert len([line for line in notes.lines if "a minute for" in line]) == 1
    events = [json.loads(line) for log in (tmp_path / "out").rglob("*.jsonl") for line in log.read_text().splitlines()]
    assert len([event for event in events if event["event"] == "limit_learned"]) == 1


def played(scene: Rehearsal, manifest: Path, notes: Notes) -> RunResult:
    """Run with a clock by which a minute is twenty seconds, at the address that the provider file has."""
    return run_manifest(
        manifest, scene.options(manifest, base_url=None, output=scene.root / "out"), notes, clock=FastClock(SPEED)
    )
