"""What waits, and why, as a person sees it on the live page in a real browser."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from batchgen.mock import Rule
from tests.patience import wait_until
from tests.rehearsal import rehearsal
from tests.reporter.browsing import axe_is_there, faults_in
from tests.reporter.chromium import Browser
from tests.viewer.test_live_page import LIVE, SETTINGS, chromium, keys, viewed

__all__ = ["chromium", "keys"]
JOBS = [{"id": f"lamp-{number:02}", "prompt": f"Lamp {number}"} for number in range(24)]


@dataclass(frozen=True)
class Scene:
    """What a run is told, what its provider does, and what the page says of it: a code, and words."""

    code: str
    words: tuple[str, ...]
    settings: dict[str, Any] = field(default_factory=dict)
    mock: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)


SCENES = {
    "pace": Scene(
        "rate",
        ("waiting for the pace that the limits allow", "it goes on by itself"),
        {"limits": {"max_cost": 10, "concurrency": 4, "images_per_minute": 6}},
    ),
    "refused": Scene(
        "rate",
        ("the provider asked for a pause; it goes on in", "it goes on by itself"),
        mock={"rules": (Rule("retry_after_value", skip=4, options={"value": "60"}),)},
    ),
    "breaker": Scene(
        "breaker",
        ("keeps failing in ways that may be charged", "it goes on when a call succeeds, or ends the run"),
        {"retry": {"attempts": 3, "base_seconds": 0.05, "breaker_probe_seconds": [60, 60, 60]}},
        {"rules": (Rule("status_500", skip=3),)},
    ),
    "batch": Scene(
        "batch",
        ("1 batch at the provider: 0 of 24 lines done", "they are collected when they are there"),
        {"route": "batch"},
        {"batch_seconds": 60.0},
        {"wait": True},
    ),
    "approval": Scene(
        "canary",
        ("lamp-00", "approve them in batchgen view"),
        {"canary": {"first": 2, "per": "template", "until": "approved"}},
        {"latency": (15, 16)},
    ),
}


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("width", "dark"), [(400, True), (1280, False)])
@pytest.mark.parametrize("name", SCENES)
def test_the_page_says_what_waits_and_what_lets_it_go_on(
    name: str, width: int, dark: bool, tmp_path: Path, chromium: Browser
) -> None:
    """With the very words of `status --json`, readable at every width; a run that waits can be ended from there."""
    scene, told = SCENES[name], SETTINGS | SCENES[name].settings
    folder = tmp_path / "output" / "scene"
    jobs = [{"id": "{{ id }}", "prompt": "{{ prompt }}", "rows": JOBS}]
    with rehearsal(tmp_path, told, **scene.mock) as at, ThreadPoolExecutor(1) as thread:
        ended = thread.submit(at.run, at.manifest(jobs, **told), **scene.options)
        wait_until(lambda: [*folder.glob("runs/*/status.json")] or ended.done())
        with viewed(folder) as address, chromium.page(address, tmp_path, width=width, dark=dark) as page:
            page.until(LIVE)
            page.until(f"document.querySelector('#live-waiting li[data-waits={scene.code}]')")
            shown = " | ".join(page.texts(f"#live-waiting li[data-waits={scene.code}]"))
            for words in scene.words:
                assert words in shown
            (status,) = folder.glob("runs/*/status.json")
            assert scene.code in [one["code"] for one in json.loads(status.read_text("utf-8"))["waiting"]]
            assert not page.js("document.documentElement.scrollWidth > innerWidth")
            if axe_is_there():
                assert faults_in(page) == []
            page.shot(tmp_path / f"{name}-{width}.png")
            page.click("[data-control=drain]")
            page.until(f"!({LIVE})")
            assert page.complaints() == []
        assert ended.result(60).exit in {4, 6, 7, 9}
