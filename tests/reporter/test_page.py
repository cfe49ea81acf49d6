"""The page: readable money, its own script alone, and nothing that an untrusted text can add to it."""

import json
import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from batchgen.ledger import ImageRow, JobRow, UsageRow, Waste
from batchgen.money import MicroUSD, exact
from batchgen.reporter.accounts import read
from batchgen.reporter.gallery import script
from batchgen.reporter.page import Page, Section, render
from batchgen.reporter.page_data import Images
from batchgen.reporter.words import link, shown
from tests.reporter.conftest import write

VECTORS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<iframe src=javascript:alert(1)>",
    "<a href=javascript:alert(1)>x</a>",
    "<body onload=alert(1)>",
    "<style>*{display:none}",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<base href=//evil.example/>",
    "<form action=//evil.example><button>",
    "<input autofocus onfocus=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<video><source onerror=alert(1)>",
    "<math><mi xlink:href=javascript:alert(1)>",
    "<object data=javascript:alert(1)>",
    "<embed src=javascript:alert(1)>",
    "<!--<script>alert(1)-->",
    "<![CDATA[<script>]]>",
    "{{ 7*7 }}",
    "{% include '/etc/passwd' %}",
    "{{ ''.__class__ }}",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
]
WRAPPERS = ["{}", '">{}', "'>{}", "</p></details></style></title>{}", '" onmouseover="alert(1)" x="{}']


class Shape(HTMLParser):
    """The elements of a page with the names of their attributes, every address and text in it, and its data."""

    def __init__(self) -> None:
        """Start with nothing seen."""
        super().__init__()
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.addresses: list[str] = []
        self.texts: list[str] = []
        self.codes: list[tuple[str, str]] = []
        self.data: dict[str, Any] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _ in attrs)))
        self.addresses += [value or "" for name, value in attrs if name in {"href", "src"}]

    def handle_data(self, data: str) -> None:
        last, names = self.elements[-1] if self.elements else ("", ())
        if last == "script" and "type" in names and not self.data:
            self.data = json.loads(data)
            self.addresses += self.data["columns"]["href"]
            self.texts += [*self.data["texts"], *(value for kind in self.data["kinds"] for value in kind["values"])]
        elif last in {"script", "style"} and data.strip():
            self.codes.append((last, data))
        else:
            self.texts.append(data)


Make = Callable[..., JobRow]
Draw = Callable[..., Path]


@pytest.fixture
def page(
    tmp_path: Path, rows: Callable[..., Any], job: Make, image: Callable[..., ImageRow], tagged: Callable[..., str]
) -> Callable[..., tuple[str, Shape]]:
    """Write a report with this text in every place that comes from outside, and read its page."""

    def read(*texts: str, path: str = "images/chair-oak-0.png") -> tuple[str, Shape]:
        images, jobs = [], []
        for text in texts:
            words = dict.fromkeys(("job_id", "prompt", "model", "size", "quality"), text)
            words |= {"tags": tagged(**{text: text})}
            why = {"code": text, "message": text, "categories": json.dumps([text]), "stored": 0}
            images.append(image(**words, path=path, cost_flags=json.dumps([text])))
            jobs += [
                job(**words),
                job(**words, **why, outcome="failed", failed=1),
                job(**words, **why, outcome="moderated", moderated=1, moderated_slots="[0]"),
            ]
        wasted = [Waste("at_risk", text, 1, MicroUSD(1)) for text in texts]
        run = rows().run
        made = rows(images, jobs, wasted=wasted, run=replace(run, run_id=texts[0], why=texts[0]))
        html = write(made, tmp_path).page.read_text("utf-8")
        shape = Shape()
        shape.feed(html)
        return html, shape

    return read


def test_there_are_a_hundred_payloads() -> None:
    """The list of payloads does not shrink."""
    assert len(set(VECTORS)) * len(set(WRAPPERS)) >= 100


@pytest.mark.sample(2)
@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_nothing_is_added_by_untrusted_text(wrapper: str, page: Callable[..., tuple[str, Shape]], draw: Draw) -> None:
    """Of 125 payloads none makes an element, an attribute, or an address that leaves the folder."""
    draw()
    _, plain = page(*(f"chair {n:02}" for n in range(len(VECTORS))))
    payloads = [wrapper.replace("{}", vector) for vector in VECTORS]
    _, shape = page(*payloads)
    assert shape.elements == plain.elements
    assert shape.addresses == plain.addresses
    assert shape.codes == plain.codes
    text = "".join(shape.texts)
    assert [payload for payload in payloads if shown(payload) not in text] == []


@pytest.mark.parametrize(
    "name",
    [
        "50% off?.png",
        "a b#c.png",
        "javascript:alert(1).png",
        "q\"x'<b>.png",
        "ä/ö.png",
        "//evil.example/x.png",
        "&lt.png",
    ],
)
def test_links_are_relative_and_encoded(name: str, page: Callable[..., tuple[str, Shape]], draw: Draw) -> None:
    """The way to an image is a relative, percent-encoded path that leads back to its file."""
    draw(f"images/{name}")
    _, shape = page("a chair", path=f"images/{name}")
    (address,) = [a for a in shape.addresses if a.startswith("..")]
    assert urlsplit(address)[:2] == ("", "")
    assert unquote(urlsplit(address).path) == f"../images/{name}"


def test_every_address_leads_to_a_file(tmp_path: Path, page: Callable[..., tuple[str, Shape]], draw: Draw) -> None:
    """Thumbnails and images are where the page says."""
    draw()
    _, shape = page("a chair")
    small = f"thumbs/{shape.data['columns']['sha256'][0]}.webp"
    there = [*(a for a in shape.addresses if not a.startswith(("#", "data:"))), small]
    assert shape.data["columns"]["thumb"] == [1]
    assert there
    assert all((tmp_path / "report" / unquote(address)).is_file() for address in there)


def test_the_page_asks_the_browser_for_nothing(page: Callable[..., tuple[str, Shape]]) -> None:
    """A policy forbids everything but its own style and script, by their hashes, and the images beside it."""
    html, shape = page("a chair")
    hashes = {tag: b64encode(sha256(code.encode()).digest()).decode() for tag, code in shape.codes}
    policy = (
        "default-src &#39;none&#39;; img-src &#39;self&#39; file: data:; "
        f"style-src &#39;sha256-{hashes['style']}&#39;; script-src &#39;sha256-{hashes['script']}&#39;; "
        "base-uri &#39;none&#39;; form-action &#39;none&#39;"
    )
    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in html
    assert "innerHTML" not in html
    assert not re.search(r"\bstyle=", html)
    assert "http://" not in html
    assert "https://" not in html


def test_an_svg_is_neither_shown_nor_linked(
    tmp_path: Path, rows: Callable[..., object], image: Callable[..., ImageRow]
) -> None:
    """An image that a browser might run stays a name."""
    shape = Shape()
    shape.feed(write(rows([image(path="images/a.svg", format="svg")]), tmp_path).page.read_text("utf-8"))
    assert (shape.data["columns"]["href"], shape.data["columns"]["thumb"]) == ([""], [0])
    assert not [address for address in shape.addresses if "svg" in address]


def test_money_is_in_dollars(tmp_path: Path, rows: Callable[..., object], job: Make) -> None:
    """Each of the four numbers stands on the page for itself, rounded first and to the micro-dollar beside it."""
    made = rows(
        [],
        [
            job(
                confirmed_micro_usd=1_500_000,
                estimated_micro_usd=42_001,
                at_risk_micro_usd=70_000,
                not_charged_micro_usd=3,
            )
        ],
    )
    html = write(made, tmp_path).page.read_text("utf-8")
    for name, exactly, shortly in (
        ("confirmed", "$1.50", "$1.50"), ("estimated", "$0.042001", "$0.042"), ("at_risk", "$0.07", "$0.07"),
        ("not_charged", "$0.000003", "$0.000003"),
    ):  # fmt: skip
        assert re.search(rf'data-figure="{name}" data-micro-usd="\d+" title="\{exactly} exactly">\{shortly}</b>', html)
        assert f'title="{exactly} exactly">{shortly}</b>' in html.partition('id="money"')[2]
    assert '<small class="exact">$0.042001 exactly</small>' in html


@pytest.mark.parametrize(
    ("paid", "words"),
    [
        (105, "cost 5.0 % more than expected."),
        (95, "cost 5.0 % less than expected."),
        (100, "cost what was expected of them."),
    ],
)
def test_the_estimate_is_compared(
    paid: int, words: str, tmp_path: Path, rows: Callable[..., object], job: Make
) -> None:
    """The page says how far the calls were from what was expected of them."""
    made = rows([], [job(confirmed_micro_usd=paid * 1000, expected_micro_usd=100_000)])
    html = write(made, tmp_path).page.read_text("utf-8")
    assert f"The calls {words}" in html
    assert exact(MicroUSD(100_000)) in html


def test_a_long_catalogue_is_cut_and_says_so(rows: Callable[..., Any], image: Callable[..., ImageRow]) -> None:
    """The page shows the first 20,000 images and names the file that has all."""
    kept = Images()
    kept.add([image(slot=n) for n in range(20_001)])
    summary = read(rows(), None)
    html = render(Page(summary, images=kept.images))
    assert '"count":20000' in html
    assert "Showing 20,000 of 20,001; images.csv has them all." in html


def test_a_tag_that_names_things_is_left_to_the_file(
    tmp_path: Path, rows: Callable[..., object], job: Make, tagged: Callable[..., str]
) -> None:
    """A tag with thousands of values makes no table and costs no memory; the others do."""
    tags = [tagged(sku=str(n), category="xyz"[n % 3]) for n in range(5_001)]
    usage = [UsageRow("m", "s", "q", "p", t, 1, 1, 0, 1, 1, 1, 0, 1, 0, 5, 0, 0, 0, 5) for t in tags]
    html = write(rows([], [job(tags=tags[0])], used=usage), tmp_path).page.read_text("utf-8")
    assert "By sku: more than 5,000 different values; usage.csv has them all." in html
    assert "By category</caption>" in html


def test_an_empty_ledger_has_a_page(tmp_path: Path, rows: Callable[..., object]) -> None:
    """Before the first run there is a page that says so."""
    html = write(rows(run=None), tmp_path).page.read_text("utf-8")
    assert "No image is stored yet." in html


def test_links_have_no_scheme() -> None:
    """Even without a folder before it a name is no scheme."""
    assert link("javascript:alert(1)") == "./javascript%3Aalert%281%29"


def test_invisible_characters_are_shown() -> None:
    """Lines stay lines; escapes and marks that turn text around become visible."""
    assert shown("a\nb\x1b[2Jc\u202ed") == "a\nb\\x1b[2Jc\\u202ed"


def test_data_cannot_leave_its_element() -> None:
    """Whatever a text holds, the JSON of the page has no character that means anything to HTML, and reads back."""
    text = "</script><!-- & \u2028 <script>"
    assert not set(script({text: [text]})) & set("<>&\u2028")
    assert json.loads(script({text: [text]})) == {text: [text]}


def test_an_id_goes_home_as_it_is(page: Callable[..., tuple[str, Shape]]) -> None:
    """An id with invisible characters is shown with escapes, and kept raw for the file of decisions."""
    _, shape = page("a\u202eb")
    assert shape.data["texts"][shape.data["columns"]["id"][0]] == "a\\u202eb"
    assert shape.data["raw"] == {"0": "a\u202eb"}


def test_the_live_page_has_no_code_of_its_own(rows: Callable[..., Any], image: Callable[..., ImageRow]) -> None:
    """Style, script and data come from addresses, so that a policy without inline code can hold."""
    shape = Shape()
    html = render(Page(read(rows([image()]), None), images=Section([image()], 1)), live=True)
    shape.feed(html)
    assert (shape.codes, shape.data) == ([], {})
    assert [a for a in shape.addresses if a.startswith("/")] == ["/page.css", "/page.js"]
    assert ("html", ("lang", "data-theme", "data-live")) in shape.elements
    assert "style=" not in html
    assert not [names for _, names in shape.elements if any(name.startswith("on") for name in names)]
