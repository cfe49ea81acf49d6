"""Work on the page: decide with the keys, compare, look closely, link, select and print."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.reporter.browsing import Open, axe_is_there, faults_in, image, studio
from tests.reporter.chromium import Browser, Page
from tests.reporter.conftest import Rows, a_run, write

READY = "document.getElementById('found')?.textContent"
TALLY = "#tally"
LARGE = "[...document.querySelectorAll('#view-image figure')].map((each) => each.dataset.role).join()"


@pytest.fixture(scope="session")
def page_of_the_studio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of a studio."""
    folder = tmp_path_factory.mktemp("studio")
    return write(studio(folder), folder).page


@pytest.fixture
def opened(browser: Browser, page_of_the_studio: Path, tmp_path: Path) -> Open:
    """Open the page, at an address within it."""

    @contextmanager
    def ready(at: str = "", **look: Any) -> Iterator[Page]:
        with browser.page(page_of_the_studio.as_uri() + at, tmp_path, **look) as here:
            here.until(READY)
            yield here
            assert here.complaints() == []

    return ready


@pytest.mark.parametrize(("width", "dark"), [(400, False), (1280, True)])
def test_a_review_goes_on_by_itself(width: int, dark: bool, opened: Open) -> None:
    """Decisions lead to the next image, all that are shown are decided at once, and u takes each step back."""
    with opened(width=width, dark=dark) as page:
        page.choose("#group", "one sheet")
        page.press("ArrowRight", "a", "r", "a")
        assert page.texts(TALLY) == ["2 approved · 1 rejected · 4 undecided"]
        assert page.js("document.querySelector('.card.current').dataset.job") == "seating-03"
        assert page.js("document.activeElement.dataset.job") == "seating-03"
        page.press("u")
        assert page.js("document.querySelector('.card.current').dataset.job") == "lighting-02"
        assert page.texts(TALLY) == ["1 approved · 1 rejected · 5 undecided"]
        page.press("/")
        page.type("bench")
        page.press("Escape")
        assert page.texts("[data-control=reject-all]") == ["Reject all 3"]
        page.click("[data-control=reject-all]")
        assert page.texts("#notice-words") == ["3 images rejected."]
        assert page.texts(TALLY) == ["1 approved · 4 rejected · 2 undecided"]
        assert "Drawing them again costs about $0.06" in page.texts("#again-words")[0]
        page.press("u")
        assert page.texts(TALLY) == ["1 approved · 1 rejected · 5 undecided"]
        page.click("#notice-undo")
        assert not page.js("document.documentElement.scrollWidth > innerWidth")


def test_cards_say_which_image_they_are(opened: Open) -> None:
    """By job, slot, state, decision, and whether it was redrawn; slots of one job and long names are told apart."""
    with opened() as page:
        page.choose("#group", "one sheet")
        names = ("job", "slot", "state", "review", "redrawn")
        told = ", ".join(f"d.{name}" for name in names)
        cards = page.js(f"[...document.querySelectorAll('.card')].map(({{dataset: d}}) => [{told}])")
        assert cards[2:5] == [
            ["lighting-02", "0", "stored", "", "true"],
            ["seating-03", "0", "stored", "", "false"],
            ["bench-with-a-very-long-name-in-oak", "0", "stored", "", "false"],
        ]
        assert page.texts(".card .slot") == ["1 of 3", "2 of 3", "3 of 3"]
        tail = "document.querySelector('[data-job^=bench] .cut span:last-child')"
        assert page.js(f"{tail}.getBoundingClientRect().right <= {tail}.closest('.card').getBoundingClientRect().right")
        assert page.js(f"{tail}.textContent").endswith("in-oak")
        page.choose("#drawn", "redrawn")
        assert page.texts(".card b") == ["lighting-02"]
        assert page.texts(".card .again") == ["↻ redrawn"]
        page.choose("#drawn", "drawn at any time")
        page.choose("#flag", "margin")
        assert page.texts(".card b") == ["seating-03"]


def test_an_image_is_seen_with_what_belongs_to_it(opened: Open) -> None:
    """The reference of an edit, what a redrawn one was before, every pixel of both, and what was measured."""
    with opened("#group=&image=tables-01/0") as page:
        page.until("document.querySelector('[data-role=reference] img').naturalWidth")
        assert page.js(LARGE) == "image,reference"
        page.press("ArrowRight")
        assert page.js(LARGE) == "image,before"
        page.until("document.querySelector('[data-role=before] img').naturalWidth === 300")
        page.until("document.querySelector('[data-role=image] img').naturalWidth === 1200")
        wide = "document.querySelector('[data-role=image] img').getBoundingClientRect().width"
        assert page.js(wide) < 1000
        page.press("z")
        assert page.js(wide) == 1200
        page.press("z", "ArrowRight")
        assert "12.5% of the border off its colour, margin 2.0%, sharpness 40" in page.texts("#view-facts dd")


def test_one_of_two_is_taken(opened: Open) -> None:
    """It is approved and the other one rejected, in one step that can be taken back."""
    with opened() as page:
        page.choose("#group", "one sheet")
        page.press("ArrowRight", "x", "ArrowRight", "x", "c")
        assert page.js("document.getElementById('compare').open")
        page.press("2")
        states = "['seating-00', 'tables-01'].map((job) => document.querySelector(`[data-job=${job}]`).dataset.review)"
        states = f"{states}.join()"
        assert page.js(states) == "rejected,approved"
        assert page.js("!document.getElementById('compare').open && document.getElementById('selection').hidden")
        page.press("u")
        assert page.js(states) == ","


def test_an_address_leads_to_what_was_seen(opened: Open) -> None:
    """Search, filters, order, tab, selection and the open image."""
    with opened() as page:
        page.choose("#sort", "dearest")
        page.choose("[data-filter=colour]", "oak")
        page.press("/")
        page.type("number")
        page.press("Escape", "ArrowRight", "x", "Enter")
        first, at = page.texts("#view-title"), page.js("location.hash")
    with opened(at) as page:
        assert page.texts("#view-title") == first
        page.press("Escape")
        assert page.texts("#picked") == ["1 image selected"]
        assert page.js("[...document.querySelectorAll('#bar select, #search')].map((each) => each.value)")[:3] == [
            "number", "tag:category", "dearest"
        ]  # fmt: skip
        assert page.js("document.querySelector('[data-filter=colour]').value") == "=oak"
        page.click("#tab-details")
        assert "tab=details" in page.js("location.hash")
    with opened("#tab=money") as page:
        assert page.js("document.getElementById('images').hidden && !document.getElementById('money').hidden")


def test_files_of_a_selection_are_named(opened: Open) -> None:
    """A page on disk says what packs them."""
    with opened() as page:
        page.press("ArrowRight", "x", "ArrowRight", "x")
        page.click("#pick-files")
        command = page.js("document.getElementById('files-list').value")
        assert command.startswith("zip selection.zip images/")
        assert command.count(".png") == 2


@pytest.mark.sample(1)
@pytest.mark.parametrize("number", [7, 410])
def test_paper_has_every_image_that_is_shown(number: int, browser: Browser, tmp_path: Path, opened: Open) -> None:
    """With its name and its price; also where the page draws only what is near the window."""
    with opened() if number == 7 else browser.page(_many(tmp_path, number).as_uri(), tmp_path) as page:
        page.until(READY)
        page.ask("Emulation.setEmulatedMedia", media="print")
        page.until(f"document.querySelectorAll('.card').length === {number}")
        assert page.js("document.querySelectorAll('.card .n').length") == number
        assert page.js("getComputedStyle(document.querySelector('.card')).breakInside") == "avoid"
        assert page.js("getComputedStyle(document.getElementById('bar')).display") == "none"
        page.ask("Emulation.setEmulatedMedia", media="screen")
        page.settle()
        assert page.js("document.querySelectorAll('.card').length") <= min(number, 300)


def _many(folder: Path, number: int) -> Path:
    return write(Rows([image(each) for each in range(number)], run=a_run()), folder).page


@pytest.mark.sample(1)
@pytest.mark.parametrize(("width", "dark"), [(400, True), (1280, False)])
def test_nothing_is_hidden_from_those_who_do_not_see(width: int, dark: bool, opened: Open) -> None:
    """axe-core finds no fault in the sheet, the tabs, the large view and the comparison."""
    if not axe_is_there():
        pytest.skip("axe-core is not installed (npm install --prefix .servers axe-core), so nobody looks for faults")
    with opened(width=width, dark=dark) as page:
        faults = partial(faults_in, page)
        assert faults() == []
        page.press("ArrowRight", "r", "x", "ArrowRight", "x", "c")
        assert faults() == []
        page.press("Escape", "ArrowRight", "Enter")
        assert faults() == []
        page.press("Escape")
        for tab in ("money", "charts", "details"):
            if page.js(f"!!document.getElementById('tab-{tab}')"):
                page.click(f"#tab-{tab}")
                assert faults() == []
