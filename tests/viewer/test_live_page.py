"""The live page in a real browser, beside a run that draws."""

import asyncio
import sqlite3
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from time import sleep
from typing import Any

import pytest

from batchgen.app.output.maintain import opened
from batchgen.app.view.page_source import OutputPage
from batchgen.app.view.serve import files
from batchgen.viewer import ViewServer
from tests.patience import wait_until
from tests.rehearsal import KEYS, rehearsal
from tests.reporter.browsing import axe_is_there, faults_in
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
        source = OutputPage(workspace.root, store)
    loop, told = asyncio.new_event_loop(), list[str]()
    end = asyncio.Event()
    server = ViewServer(source, "127.0.0.1", 0, files())
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
    """Say what the ledger knows of decisions about the images that are there."""
    with sqlite3.connect(folder / "ledger.db") as db:
        return list(db.execute("SELECT decision, note FROM reviews JOIN images USING (job_key, slot, attempt_id)"))


SETTINGS: dict[str, Any] = {
    "provider": "openai",
    "limits": {"max_cost": 10, "concurrency": 2},
    "defaults": {"quality": "low", "size": "1024x1024", "output_format": "webp"},
}


@contextmanager
def at_work(tmp_path: Path, jobs: Sequence[Mapping[str, Any]], **mock: Any) -> Iterator[tuple[Path, str, Any]]:
    """Draw jobs and serve their page beside it: the folder, the page's address, and what tells how the run ended."""
    folder = tmp_path / "output" / "scene"
    with rehearsal(tmp_path, SETTINGS, **mock) as scene, ThreadPoolExecutor(1) as thread:
        ended = thread.submit(scene.run, scene.manifest(jobs, **SETTINGS))
        wait_until(lambda: scene.bill)
        with viewed(folder) as address:
            yield folder, address, lambda: ended.result(60)


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the keys that providers want."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)


def test_images_come_are_decided_and_the_run_is_steered(tmp_path: Path, chromium: Browser) -> None:
    """Without a click images appear; keys write into the ledger; buttons pause and drain the run; nothing is odd."""
    with at_work(tmp_path, JOBS, latency=(0.4, 0.5)) as (folder, address, ended):
        with chromium.page(address, tmp_path) as page:
            looked_at(page, folder)
        assert ended().exit == 4


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


ROOMS = ("kitchen", "garden", "bedroom")
CATALOGUE = [
    {"id": f"{room}-chair-{number:03}", "prompt": f"Chair {number} <b>", "n": 1 + (number == 3), "tags": {"room": room}}
    for number in range(100)
    for room in ROOMS
]
WEATHER: dict[str, Any] = {"latency": (0.35, 0.45), "errors": 0.06, "moderation": 0.03, "partial": 0.1}


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("width", "dark"), [(400, True), (1280, False)])
def test_a_catalogue_is_worked_through_while_it_is_drawn(
    width: int, dark: bool, tmp_path: Path, chromium: Browser
) -> None:
    """300 jobs on a bad day, with two people looking: all that the page can do, and nobody is left out by it."""
    with at_work(tmp_path, CATALOGUE, **WEATHER) as (folder, address, ended):
        with (
            chromium.page(address, tmp_path, width=width, dark=dark) as page,
            chromium.page(address, tmp_path, width=2000, dark=not dark) as other,
        ):
            page.until(f"{SHOWN} > 6")
            facts_are_told(page)
            page.click("[data-control=pause]")
            for each in (page, other):
                each.until("document.getElementById('live').dataset.state === 'paused'")
                if axe_is_there():
                    assert faults_in(each) == []
            worked_through(page, other, folder)
            sent_back(page, other, folder)
            page.click("[data-control=drain]")
            for each in (page, other):
                each.until(f"!({LIVE})")
                assert each.complaints() == []
                assert [one for one in each.asked_for() if not one.startswith("http://127.0.0.1")] == []
        last = ended()
        assert last.exit == 4
        assert last.charged == last.summary["money"]["confirmed_micro_usd"]
    with opened(folder, readonly=True) as output:
        assert output.ledger.accounts.audit() == ()
        small = {path.stem for path in (folder / "report" / "thumbs").glob("*.webp")}
        assert {row.sha256 for row in output.ledger.report_rows.images() if row.sha256} <= small


def facts_are_told(page: Page) -> None:
    """Progress, money against its limit, what it comes to, the pace, and the end."""
    page.until("document.querySelectorAll('#live-facts li').length >= 4")
    facts = " | ".join(page.texts("#live-facts li"))
    for words in ("of $10.00 spent", "in all", "images a minute", "under way"):
        assert words in facts
    assert page.texts("#live-line")[0].endswith("of 303 images")
    page.until("document.getElementById('live-end').textContent.includes('left')")
    assert not page.js("document.documentElement.scrollWidth > innerWidth")
    assert page.js("document.getElementById('strip').scrollLeft") == 0, "the newest are seen"


def worked_through(page: Page, other: Page, folder: Path) -> None:
    """Decide by key, by group and for two at once; take back; what one decides the other sees; link and pack."""
    page.choose("#filters select[data-filter=state]", "stored")
    page.press("ArrowRight", "a", "r", "n")
    page.type("Warmer light")
    page.press("Escape", "Escape", "u")
    wait_until(lambda: sorted(decisions(folder)) == [("approved", ""), ("rejected", "")])
    other.until("document.querySelector('.card[data-review=rejected]')")
    page.press("ArrowRight", "x", "ArrowRight", "x", "c")
    page.until("document.getElementById('compare').open")
    if axe_is_there():
        assert faults_in(page) == []
    page.press("2")
    wait_until(lambda: len(decisions(folder)) == 4)
    page.press("u")
    wait_until(lambda: len(decisions(folder)) == 2)
    page.press("x", "ArrowRight", "x")
    page.click("#pick-files")
    with zipfile.ZipFile(page.downloaded("images.zip")) as packed:
        assert len(packed.namelist()) == 2
    page.click("#unpick")
    page.press("Enter")
    page.until("document.querySelector('#view-image img')?.naturalWidth > 0")
    if axe_is_there():
        assert faults_in(page) == []
    named, at = page.texts("#view-title"), page.js("location.hash")
    page.press("Escape")
    other.js(f"location.hash = {at!r}")
    other.until("document.getElementById('view').open")
    assert other.texts("#view-title") == named
    other.press("Escape")


def sent_back(page: Page, other: Page, folder: Path) -> None:
    """Let what is rejected join the run: its price is told, it is drawn soon, and what it was is beside it."""
    assert page.js("document.getElementById('again-draw').textContent").startswith("Draw 1 again for about $0.0")
    page.click("#again-draw")
    page.until("document.getElementById('again-said').textContent.startsWith('1 image is drawn again')")
    page.click("[data-control=resume]")
    wait_until(lambda: decisions(folder) == [("approved", "")])
    page.until("document.querySelector('.card[data-redrawn=true]')")
    other.until("document.querySelector('.card[data-redrawn=true]')")
    page.click(".card[data-redrawn=true] .frame")
    page.until("document.querySelector('[data-role=before] img')?.naturalWidth > 0")
    page.press("Escape")
    page.js(
        "(() => { const calls = document.querySelector('#live [data-control=concurrency]'); calls.value = '6';"
        " calls.dispatchEvent(new Event('change', {bubbles: true})); })()"
    )
    page.until("document.getElementById('live-said').textContent === 'at most 6 at once'")
