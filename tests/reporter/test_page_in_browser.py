"""The page in a real browser: found, sorted, looked at, reviewed and handed on, with nothing asked from outside."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.reporter.browsing import Open, Reviewed, image, long_page, shop
from tests.reporter.chromium import Browser, Page
from tests.reporter.conftest import IDENTITY, Rows, a_run, write

pytestmark = pytest.mark.sample(2)

READY = "document.getElementById('found')?.textContent"
CURRENT = "document.querySelector('.card.current b')?.textContent"
SHUT = "!document.getElementById('view').open"
CARDS = "#sheet .card b"


@pytest.fixture(scope="session")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of a small shop."""
    folder = tmp_path_factory.mktemp("shop")
    return write(shop(folder), folder).page


@pytest.fixture
def opened(browser: Browser, shown: Path, tmp_path: Path) -> Open:
    """Open a page and wait until its images can be used."""

    @contextmanager
    def ready(page: Path = shown, **look: Any) -> Iterator[Page]:
        with browser.page(page.as_uri(), tmp_path, **look) as here:
            here.until(READY)
            yield here

    return ready


@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_it_opens_in_peace(width: int, dark: bool, opened: Open, shown: Path) -> None:
    """No error, nothing asked from elsewhere, no sideways scroll: the whole page, each detail and the large view."""
    with opened(width=width, dark=dark) as page:
        sideways = "document.documentElement.scrollWidth > innerWidth"
        assert not page.js(sideways)
        page.js("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        page.js("document.getElementById('choices').click()")
        page.js("document.getElementById('images').scrollIntoView()")
        page.settle()
        assert not page.js(sideways)
        page.press("ArrowRight", "Enter")
        page.until("document.querySelector('#view-image img').naturalWidth === 96")
        assert not page.js(f"{sideways} || document.querySelector('.side').scrollWidth > innerWidth")
        assert (
            page.js("getComputedStyle(document.body).backgroundColor")
            == f"rgb({'21, 20, 18' if dark else '250, 249, 246'})"
        )
        assert page.complaints() == []
        home = shown.parent.parent.as_uri()
        assert [address for address in page.asked_for() if not address.startswith((home, "data:,"))] == []


def test_images_are_found(opened: Open) -> None:
    """Search, filters and review states narrow the sheet, together; one button shows all again."""
    with opened() as page:
        assert page.texts("#found") == ["13 images"]
        page.press("/")
        page.type("OAK number")
        assert page.texts("#found") == ["7 of 13 images"]
        page.press("Escape")
        page.choose("[data-filter=category]", "seating")
        assert page.texts(CARDS) == ["seating-00", "seating-06", "seating-12"]
        page.choose("[data-filter=state]", "moderated")
        assert page.texts(CARDS) == ["seating-12"]
        assert page.texts("#sheet .card .state") == ["moderated"]
        page.choose("#reviewed", "undecided")
        assert page.js("!document.getElementById('nothing').hidden")
        page.click("#clear")
        assert page.texts("#found") == ["13 images"]


def test_images_are_sorted_and_grouped(opened: Open) -> None:
    """The sheet stands in groups of the first tag; other groups and orders are a choice away."""
    with opened(height=3000) as page:
        assert page.texts(".group-head > span") == ["seating", "tables", "lighting"]
        assert page.texts(".group-head small")[0] == "5 images · $0.058"
        page.choose("#sort", "dearest")
        assert page.texts(CARDS)[:2] == ["seating-03", "seating-06"]
        page.choose("#group", "one sheet")
        costs = [float(text[1:]) for text in page.texts("#sheet .caption .n")]
        assert costs == sorted(costs, reverse=True)
        page.choose("#group", "by colour")
        assert page.texts(".group-head > span") == ["oak", "teak"]


def test_one_image_is_seen_large(opened: Open) -> None:
    """Enter and a click open the large view, arrows lead on within what is found, Escape leads back."""
    with opened() as page:
        page.press("ArrowRight", "ArrowRight", "Enter")
        assert page.texts("#view-title") == ["seating-03"]
        assert page.texts("#view-prompt") == ["A teak piece, number 3"]
        page.press("ArrowRight", "ArrowRight")
        assert (page.texts("#view-title"), page.texts("#view-place")) == (["seating-09"], ["4 of 13"])
        page.until("document.querySelector('#view-image img').naturalWidth === 96")
        page.press("Escape")
        assert page.js(SHUT)
        assert page.js(CURRENT) == "seating-09"
        page.press("Home", "ArrowRight", "ArrowDown")
        assert page.js(CURRENT) == "tables-04"
        page.press("ArrowUp", "ArrowUp")
        assert page.js(CURRENT) == "seating-03"
        page.click("#sheet .card .frame")
        assert page.texts("#view-title") == ["seating-00"]
        page.click("#next")
        assert page.texts("#view-title") == ["seating-03"]
        page.click("#close")
        assert page.js(SHUT)


def test_a_review_by_keyboard_is_handed_on(opened: Open, shown: Path) -> None:
    """Approve, reject and note without a mouse, each going on to the next image; the file holds exactly that."""
    with opened() as page:
        page.press("ArrowRight", "a", "n")
        page.type('Warmer light, "please" <b>')
        page.press("Escape")
        assert not page.js(SHUT)
        page.press("r", "r", "u", "a", "r", "u", "Escape", "Escape")
        assert page.js(SHUT)
        assert page.texts("#tally") == ["2 approved · 1 rejected · 9 undecided"]
        page.click("#export")
        review = json.loads(page.downloaded("review.json").read_text("utf-8"))
        assert page.texts("#review-note") == [f"Exported. Next: batchgen review review.json {shown.parents[1].name}"]
        assert page.complaints() == []
    decided = [(0, "approved", ""), (3, "rejected", 'Warmer light, "please" <b>'), (6, "approved", "")]
    assert review == {
        "batchgen_review": 1,
        "output": IDENTITY,
        "decisions": [
            {
                "job": row.job_id, "key": row.job_key, "slot": 0, "sha256": row.sha256,
                "decision": decision, "note": note,
            }
            for row, decision, note in ((image(number), decision, note) for number, decision, note in decided)
        ],
    }  # fmt: skip


def test_decisions_stay_in_the_browser(opened: Open) -> None:
    """What is decided by click is still there after loading the page again, and can be taken back."""
    with opened() as page:
        page.click(".card [data-decide=approved]")
        assert page.texts("#tally") == ["1 approved · 0 rejected · 11 undecided"]
        page.reload()
        page.until("document.querySelector('.card[data-review=approved]')")
        assert page.texts("#export") == ["Export review (1)"]
        page.choose("#reviewed", "approved")
        assert page.texts(CARDS) == ["seating-00"]
        page.click(".card [data-decide=approved]")
        assert page.texts("#tally") == ["0 approved · 0 rejected · 12 undecided"]
        assert page.js("document.getElementById('export').disabled")


def test_a_review_starts_where_the_ledger_stands(opened: Open, tmp_path: Path) -> None:
    """What the ledger knows is shown, and what it learned after an export counts more than what the browser kept."""
    report = write(Rows([Reviewed(*image(0)), image(1)], run=a_run()), tmp_path).page
    with opened(report) as page:
        assert page.texts("#tally") == ["1 approved · 0 rejected · 1 undecided"]
        page.press("ArrowRight", "Enter")
        assert page.js("document.getElementById('note').value") == "As it is."
        page.press("r", "Escape")
        page.click("#export")
        assert json.loads(page.downloaded("review.json").read_text())["decisions"][0]["decision"] == "rejected"
        page.reload()
        page.until("document.querySelector('.card[data-review=rejected]')")
        later = time.time() + 60
        os.utime(report, (later, later))
        page.reload()
        page.until("document.querySelector('.card[data-review=approved]')")
        assert page.texts("#export") == ["Export review"]


def test_light_and_dark_can_be_chosen(opened: Open) -> None:
    """The button goes from what the system has to light, to dark, and the choice stays."""
    with opened(dark=True) as page:
        ground = "getComputedStyle(document.body).backgroundColor"
        dark = page.js(ground)
        page.click("#theme")
        light = page.js(ground)
        page.click("#theme")
        assert (light, page.js(ground)) == ("rgb(250, 249, 246)", dark)
        page.reload()
        assert page.texts("#theme") == ["☾ Dark"]


def test_charts_change_their_dimension(opened: Open) -> None:
    """The chart of money has a choice of dimensions, one shown at a time."""
    with opened() as page:
        page.click("#tab-charts")
        panels = "[...document.querySelectorAll('[data-panel=money]')].filter((each) => !each.hidden).length"
        before = page.texts("[data-panel=money]:not([hidden]) .name")
        page.choose("select[data-panels=money]", "by colour")
        assert page.texts("[data-panel=money]:not([hidden]) .name") == ["teak", "oak"] != before
        assert page.js(panels) == 1


@pytest.mark.slow
def test_ten_thousand_images_are_scrolled_like_fifty(opened: Open, tmp_path: Path) -> None:
    """Only cards near the window exist, at every place of a long sheet, and every image can be reached."""
    report = tmp_path / "report.html"
    report.write_text(long_page(10_000), encoding="utf-8")
    with opened(report) as page:
        for share in (0, 0.3, 0.7, 1):
            page.js(f"scrollTo(0, {share} * document.documentElement.scrollHeight)")
            page.until("document.querySelectorAll('.card').length")
            page.settle()
            assert page.js("document.querySelectorAll('.card').length") < 200
        assert page.texts(CARDS)[-1] == "lighting-9998"
        page.press("/")
        page.type("number 9999")
        assert page.texts(CARDS) == ["seating-9999"]
        page.press("Enter", "ArrowRight", "a")
        assert page.texts("#tally") == ["1 approved · 0 rejected · 9,999 undecided"]


def test_nothing_in_a_text_is_run(opened: Open, tmp_path: Path) -> None:
    """Texts that would be markup, scripts or addresses are words, on cards, in choices and in the large view."""
    evil = '"><img src=x onerror=alert(1)><script>alert(2)</script></script><svg onload=alert(3)>'
    row = image(
        0,
        job_id=evil,
        prompt=evil,
        quality=evil,
        cost_flags=json.dumps([evil]),
        reason_code="other",
        reason_detail=evil,
    )
    tagged = row._replace(tags=json.dumps([[evil, evil]]), path=f"images/{evil}.png")
    report = write(Rows([tagged, image(1)], run=a_run()), tmp_path).page
    with opened(report) as page:
        page.press("ArrowRight", "Enter")
        assert page.texts("#view-title") == [evil]
        assert page.happened("Page.javascriptDialogOpening") == []
        assert page.js("document.querySelectorAll('img[onerror], svg[onload], script').length") == 2
        assert not [address for address in page.asked_for() if address.endswith("/x")]
