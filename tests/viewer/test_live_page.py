"""The live page in a real browser, beside a run that draws."""

import asyncio
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from time import sleep
from typing import Any

import pytest

from batchgen.app.output.maintain import opened
from batchgen.app.view.desk import OutputDesk
from batchgen.app.view.serve import files
from batchgen.viewer import ViewServer
from tests.patience import wait_until
from tests.rehearsal import KEYS, rehearsal
from tests.reporter.chromium import Browser, Page, installed

JOBS = [
    {"id": f"lamp-{number:02}", "prompt": f"Lamp <b>{number}</b>", "tags": {"<i>": "</script>"}} for number in range(40)
]
SHOWN = "[...document.querySelectorAll('#sheet img')].filter((one) => one.naturalWidth > 0).length"
LIVE = "!document.getElementById('live').hidden"


@contextmanager
def viewed(folder: Path) -> Iterator[str]:
    """Serve the page of a folder beside this test; its address."""
    with opened(folder, readonly=True) as (_, workspace, store):
        desk = OutputDesk(workspace.root, store)
    loop, told = asyncio.new_event_loop(), list[str]()
    end = asyncio.Event()
    server = ViewServer(desk, "127.0.0.1", 0, files())
    thread = Thread(target=lambda: loop.run_until_complete(server.serve(told.append, end)))
    thread.start()
    while not told:
        sleep(0.01)
    try:
        yield told[0]
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join()
        loop.close()


@pytest.fixture
def chromium(tmp_path: Path) -> Iterator[Browser]:
    """Start the browser, where there is one."""
    program = installed()
    if program is None:
        pytest.skip("no browser on this machine")
    with Browser.started(program, tmp_path / "profile") as ready:
        yield ready


def decisions(folder: Path) -> list[tuple[str, str]]:
    """Say what the ledger knows of decisions."""
    with sqlite3.connect(folder / "ledger.db") as db:
        return list(db.execute("SELECT decision, note FROM reviews"))


@pytest.mark.slow
def test_images_come_are_decided_and_the_run_is_steered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chromium: Browser
) -> None:
    """Without a click images appear; keys write into the ledger; buttons pause and drain the run; nothing is odd."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    settings: dict[str, Any] = {
        "provider": "openai",
        "limits": {"max_cost": 10, "concurrency": 2},
        "defaults": {"quality": "low", "size": "1024x1024", "output_format": "webp"},
    }
    folder = tmp_path / "output" / "scene"
    with rehearsal(tmp_path, settings, latency=(0.4, 0.5)) as scene, ThreadPoolExecutor(1) as thread:
        ended = thread.submit(scene.run, scene.manifest(JOBS, **settings))
        wait_until(lambda: scene.bill)
        with viewed(folder) as address, chromium.page(address, tmp_path) as page:
            looked_at(page, folder)
        assert ended.result(30).exit == 4


def looked_at(page: Page, folder: Path) -> None:
    """Go through the page as a person would."""
    page.until(LIVE)
    assert "token" not in page.js("location.href")
    page.js("document.getElementById('sheet').scrollIntoView()")
    before = page.js(SHOWN)
    page.until(f"{SHOWN} > {before} + 2")
    page.click("[data-control=pause]")
    page.until("document.getElementById('live').dataset.state === 'paused'")
    assert page.texts("#live-waiting b") == ["pause"]
    page.press("ArrowRight", "a")
    wait_until(lambda: decisions(folder) == [("approved", "")])
    page.press("u")
    wait_until(lambda: decisions(folder) == [])
    page.js(
        "(() => { const limit = document.querySelector('[data-control=max_cost]'); limit.value = '11';"
        " limit.dispatchEvent(new Event('change', {bubbles: true})); })()"
    )
    page.until("document.getElementById('live-said').textContent.startsWith('Not done')")
    page.click("[data-control=resume]")
    page.until("document.getElementById('live').dataset.state === 'drawing'")
    page.click("[data-control=drain]")
    page.until(f"!({LIVE})")
    assert page.complaints() == []
    assert [one for one in page.asked_for() if not one.startswith("http://127.0.0.1")] == []
