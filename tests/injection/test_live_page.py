"""The live page in a real browser, while a run draws what wants to be more than text: nothing runs, nothing is made."""

import json
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from batchgen.app.config.options import Options
from batchgen.app.run import start
from batchgen.app.watch import Unwatched
from tests.injection.conftest import REFUSE, says, written
from tests.injection.hostile import as_json, hostile
from tests.injection.payloads import ESCAPES, MARKUP
from tests.patience import wait_until
from tests.reporter.chromium import Browser, Page
from tests.viewer.test_live_page import LIVE, chromium, decisions, viewed

__all__ = ["chromium"]
IMAGE = "<img src=x onerror=pwn()>"
QUOTES = ('"><img src=x onerror=pwn()>', "'><svg onload=pwn()>", "`${pwn()}`", "\\u003cimg src=x onerror=pwn()>")
WORDS = tuple(dict.fromkeys((IMAGE, *MARKUP, *QUOTES, *ESCAPES)))
WATCH = """
window.ran = [];
window.pwn = () => { window.ran.push(new Error().stack); };
document.addEventListener('securitypolicyviolation', (event) => window.ran.push(event.blockedURI + event.sample));
"""
MADE = """
const foreign = new Set(['IFRAME', 'OBJECT', 'EMBED', 'BASE', 'MATH', 'VIDEO', 'SOURCE', 'LINK', 'META']);
const own = { IMG: /^\\/(image|thumb)\\//, A: /^(http:\\/\\/127\\.0\\.0\\.1|\\/|#)/ };
return JSON.stringify([...document.body.querySelectorAll('*')].filter((one) =>
    foreign.has(one.tagName) || one.id === 'pwned'
    || one.getAttributeNames().some((name) => name.startsWith('on') || name === 'srcdoc')
    || !(own[one.tagName] ?? /^/).test(one.getAttribute('src') ?? one.getAttribute('href') ?? '/image/')
).map((one) => one.outerHTML.slice(0, 200)))
"""
HIDDEN = "/[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]/"
SHOWN = "document.body.textContent.includes"


def slowly(request: Mapping[str, Any], headers: Mapping[str, str]) -> bytes:
    """Repeat the prompt wherever an answer has room for words, one call in five as a failure; it takes a moment."""
    time.sleep(0.25)
    if sum(map(ord, request["prompt"])) % 5 == 0 and not request["prompt"].endswith(REFUSE):
        word = request["prompt"]
        return as_json({"error": {"message": word, "type": word, "param": word, "code": word}}, 500, server=word)
    return says(request, headers)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("width", "dark"), [(400, True), (1280, False)])
def test_nothing_on_the_live_page_is_more_than_text(
    width: int, dark: bool, tmp_path: Path, chromium: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ids, prompts, tags, paths, models, a provider's reasons, notes, what is typed: all of it is seen as it is."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-security-0123456789abcdef")
    monkeypatch.setenv("USER", IMAGE)
    manifest, folder = written(tmp_path, WORDS), tmp_path / "output" / "attacked"
    with hostile(slowly) as base_url, ThreadPoolExecutor(1) as thread:
        ended = thread.submit(start.run_manifest, manifest, Options(base_url=base_url, output=folder), Unwatched())
        wait_until(lambda: [*folder.glob("runs/*/status.json")] or ended.done())
        with viewed(folder) as address, chromium.page("about:blank#", tmp_path, width=width, dark=dark) as page:
            page.ask("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
            page.go(address)
            page.until(LIVE)
            page.until("document.querySelectorAll('#sheet .card').length > 20")
            for look in looks(page):
                nothing_ran(page, look)
            page.click("[data-control=drain]")
            page.until(f"!({LIVE})")
            nothing_ran(page, "the end of the run")
            assert [
                one for one in page.asked_for() if not one.startswith(("http://127.0.0.1", "about:", "data:"))
            ] == []
        ended.result(60)
    assert {note for _, note in decisions(folder)} >= {IMAGE, *QUOTES[:2]}, "what was typed came into the ledger"


def nothing_ran(page: Page, where: str) -> None:
    """Hold what the page is now against what it may be: no script ran, nothing was made, nothing is turned around."""
    assert json.loads(page.js("JSON.stringify(window.ran)")) == [], where
    assert json.loads(page.js(f"(() => {{ {MADE} }})()")) == [], where
    assert not page.js(f"{HIDDEN}.test(document.documentElement.textContent)"), where
    assert page.complaints() == [], where


def looks(page: Page) -> Iterator[str]:
    """Go to every place where words of others are shown; say where."""
    assert page.js(f"{SHOWN}({IMAGE!r})"), "it is seen as text"
    yield "the sheet"
    for name in ("money", "charts", "details", "images"):
        page.js(f"document.getElementById('tab-{name}')?.click()")
        page.js("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        yield name
    page.js("document.querySelector('#sheet .card .frame').click()")
    page.until("document.getElementById('view').open")
    for number in range(12):
        page.press("ArrowRight")
        yield f"large view {number}"
    page.press("Escape")
    page.choose("#filters select[data-filter=state]", "stored")
    page.until("[...document.querySelectorAll('#sheet .card')].every((one) => one.dataset.state === 'stored')")
    page.press("ArrowRight")
    for word in (IMAGE, QUOTES[0], QUOTES[1]):
        page.press("n")
        page.type(word)
        page.press("Escape", "r")  # which goes on to the next image
        yield f"the note {word}"
    page.press("Escape", "ArrowRight", "x", "ArrowRight", "x", "c")
    page.until("document.getElementById('compare').open")
    yield "two side by side"
    page.press("Escape")
    for at in range(page.js("document.querySelectorAll('#filters select').length")):
        for option in ("one.options.length - 1", "0"):
            page.js(
                f"(() => {{ const one = document.querySelectorAll('#filters select')[{at}];"
                f" one.selectedIndex = {option};"
                " one.dispatchEvent(new Event('change', {bubbles: true})); })()"
            )
            yield f"filter {at} at {option}"
    page.js(f"location.hash = '#q=' + encodeURIComponent({IMAGE!r})")
    yield "the address"
    page.js("location.hash = ''")
