"""More than a hundred payloads through every field of manifest and answer: none becomes more than text anywhere.

Ids, prompts, tags, file names, model names and a shop's words come from the manifest; error texts, revised prompts,
usage, echoes and headers from the server; notes from a review that somebody hands in.
"""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import unicodedata
import zipfile
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import openpyxl
import pytest

from tests.injection.conftest import DRAWN, Attacked
from tests.injection.payloads import ALL, ESCAPES, FORMULAS, MARKUP, PATHS
from tests.patience import PATIENCE

# What starts a formula in a spreadsheet (OWASP, CSV Injection), full-width forms included.
STARTS = tuple("=+-@\t\r|%\uff1d\uff0b\uff0d\uff20")
ORDERS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
SHEETS = ("images", "jobs", "usage", "moderated", "shop", "comparison")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def test_there_are_a_hundred_payloads_of_every_kind() -> None:
    """The lists do not shrink."""
    assert len(ALL) >= 100
    assert min(map(len, (FORMULAS, MARKUP, ESCAPES))) >= 30
    assert len(PATHS) >= 20


def test_the_attack_reached_the_report(attacked: Attacked) -> None:
    """Every payload was drawn and refused, some in two ways beside; what they cost is what was agreed."""
    images = attacked.summary["images"]
    assert (images["stored"], images["moderated"]) == (DRAWN, len(ALL))
    assert attacked.summary["money"]["confirmed_micro_usd"] == DRAWN * 10_000
    with (attacked.folder / "report" / "images.csv").open(encoding="utf-8", newline="") as file:
        assert len({row["note"] for row in csv.DictReader(file) if row["review"] == "approved"}) > 75


def test_no_file_leaves_its_folder_or_has_a_dangerous_name(attacked: Attacked) -> None:
    """Nothing appeared beside the output folder, and each name is one that every file system takes."""
    beside = {path.name for path in (*attacked.folder.parent.iterdir(), *attacked.folder.parents[1].iterdir())}
    assert beside == {"put", "out", "review.json", attacked.manifest.name}
    images = [path for path in (attacked.folder / "images").rglob("*") if path.suffix == ".png"]
    assert len(images) == DRAWN
    for path in (attacked.folder / "images").rglob("*"):
        assert path.name.isprintable(), "nothing in it is hidden, or turns it around"
        assert not path.name.startswith(("-", "~", " "))
        assert not path.name.endswith((".", " "))
        assert not set(path.name) & set('\\/:*?"<>|')
        assert len(path.name.encode()) <= 130
        assert not path.is_symlink()


@pytest.mark.parametrize("name", SHEETS)
def test_no_cell_of_a_csv_file_is_a_formula_or_an_order(name: str, attacked: Attacked) -> None:
    """No cell, and no column's name, starts a formula or drives a terminal; no cell becomes two, and no row."""
    text = (attacked.folder / "report" / f"{name}.csv").read_text("utf-8")
    assert not ORDERS.search(text)
    with (attacked.folder / "report" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    assert {len(row) for row in rows} == {len(head)}
    numbers = re.compile(r"-?\d+(\.\d+)?")
    assert [c for row in (head, *rows) for c in row if c.startswith(STARTS) and not numbers.fullmatch(c)] == []
    every = DRAWN + len(ALL)
    expected = {"images": every, "jobs": every, "moderated": len(ALL), "shop": DRAWN, "comparison": DRAWN - len(ALL)}
    assert len(rows) == expected.get(name, len(rows)) > 0


def test_no_cell_of_the_workbook_is_more_than_text_or_a_number(attacked: Attacked) -> None:
    """No formula, no link, no error, no relation to the world outside, on any sheet."""
    path = attacked.folder / "report" / "report.xlsx"
    for page in openpyxl.load_workbook(path).worksheets:
        kinds = {cell.data_type for row in page.iter_rows() for cell in row}
        assert kinds <= {"s", "n"}
        assert not any(cell.hyperlink for row in page.iter_rows() for cell in row)
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        inside = [archive.read(name) for name in names if name.startswith("xl/")]
    assert not any(re.search(rb"<f[ >]|<hyperlink|TargetMode=.External|<ddeLink|t=.e.", part) for part in inside)
    assert not any(word in name for name in names for word in ("vba", "external", "embed"))


class Shape(HTMLParser):
    """Which elements a page has with which attributes, and where its addresses lead."""

    def __init__(self, page: Path | str) -> None:
        """Read a page."""
        super().__init__()
        self.elements: set[tuple[str, tuple[str, ...]]] = set()
        self.addresses: list[str] = []
        self.feed(page if isinstance(page, str) else page.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add((tag, tuple(sorted(name for name, _ in attrs))))
        self.addresses += [value or "" for name, value in attrs if name in {"href", "src", "action", "srcdoc", "data"}]


def test_no_payload_is_markup_on_the_page(attacked: Attacked, harmless: Attacked) -> None:
    """The page has no element or attribute that one of harmless words has not, and every address leads to a file."""
    page = attacked.folder / "report" / "report.html"
    shape = Shape(page)
    plain = Shape(harmless.folder / "report" / "report.html")
    assert shape.elements <= plain.elements
    assert not ORDERS.search(page.read_text("utf-8").replace("\n", ""))
    fixed = [address for address in plain.addresses if address.startswith("data:")]
    assert [address for address in shape.addresses if address.startswith("data:")] == fixed
    for address in (address for address in shape.addresses if address not in fixed):
        split = urlsplit(address)
        assert split[:2] == ("", "")
        assert not split.path or (page.parent / unquote(split.path)).is_file()


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: the page is looked at by a parser alone")
@pytest.mark.slow
def test_no_payload_is_markup_in_a_browser(attacked: Attacked, harmless: Attacked, tmp_path: Path) -> None:
    """What a real browser makes of the page has no element, attribute or script beside the page's own."""
    assert CHROMIUM is not None
    words = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}", "--dump-dom"]
    seen = []
    for one in (attacked, harmless):
        page = (one.folder / "report" / "report.html").as_uri()
        done = subprocess.run([*words, page], capture_output=True, timeout=PATIENCE, check=True)
        seen.append(Shape(done.stdout.decode("utf-8")))
    assert len(seen[1].elements) > 10
    assert seen[0].elements <= seen[1].elements
    fixed = {address for address in seen[1].addresses if address.startswith("data:")}
    assert all(urlsplit(address)[:2] == ("", "") for address in {*seen[0].addresses} - fixed)


def test_every_line_of_a_log_is_one_event(attacked: Attacked) -> None:
    """No payload makes a line of its own, in the log or in any other JSON; none of it drives a terminal."""
    (log,) = attacked.folder.glob("runs/*/log.jsonl")
    events = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    calls = DRAWN + len(ALL)
    assert [event["event"] for event in events].count("dispatched") == calls
    assert [event["event"] for event in events].count("settled") == calls
    assert log.read_bytes().count(b"\n") == len(events)
    files = [*attacked.folder.glob("runs/**/*"), *attacked.folder.rglob("*.json")]
    for path in (path for path in files if path.is_file()):
        text = path.read_text("utf-8")
        assert not ORDERS.search(text.replace("\n", "")), path
        assert not any(is_hidden(character) for character in text), path
    assert len(list(attacked.folder.glob("images/**/*.json"))) == DRAWN


def is_hidden(character: str) -> bool:
    """Whether a character turns text around or is not seen at all."""
    return not character.isascii() and unicodedata.category(character) in {"Cf", "Cc", "Zl", "Zp"}


COMMANDS = """
import contextlib, sys
from batchgen.cli.main import main
from tests.injection.payloads import ESCAPES
manifest, folder, base_url = sys.argv[1:]
reads = ["--provider", "openai", "--base-url", base_url, "--output", folder]
for words in (
    ["check", manifest, *reads], ["plan", manifest, *reads], ["estimate", manifest, *reads],
    ["estimate", manifest, "--compare", *reads],
    ["run", manifest, *reads, "--max-cost", "9"], ["run", manifest, *reads, "--max-cost", "9", "--retry-failed"],
    ["status", folder], ["verify", folder], ["report", folder], ["resolve", folder], ["adopt", folder],
    *(words for bad in ESCAPES for words in (["plan", bad], ["status", bad])),
    *(words for bad in ESCAPES[::4] for words in (
        [bad], ["run", manifest, bad], ["run", manifest, "--only", bad, *reads],
        ["run", manifest, "--max-duration", bad], ["run", manifest, "--provider", bad], ["run", f"--{bad}", manifest],
    )),
):
    with contextlib.suppress(SystemExit):
        main([word.replace("\\0", "") for word in words])
"""


@pytest.mark.slow
def test_nothing_drives_a_terminal(attacked: Attacked, tmp_path: Path) -> None:
    """On a terminal of its own no command shows an escape, a C1 character, or a mark that turns text around."""
    folder = shutil.copytree(attacked.folder, tmp_path / "put")
    leader, follower = os.openpty()
    here = Path(__file__).parents[2]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "dumb", "PYTHONPATH": str(here)}
    child = subprocess.Popen(
        [sys.executable, "-c", COMMANDS, str(attacked.manifest), str(folder), attacked.base_url],
        cwd=tmp_path,
        env={**environment, "OPENAI_API_KEY": "sk-security-0123456789abcdef", "COLUMNS": "80", "LANG": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=follower,
        stderr=follower,
    )
    os.close(follower)
    seen = bytearray()
    try:
        while piece := os.read(leader, 65536):
            seen += piece
    except OSError:
        pass  # the terminal ends with its last process
    os.close(leader)
    assert child.wait() == 0
    text = seen.decode("utf-8").replace("\r\n", "\n")
    assert len(text.splitlines()) > 2 * len(ESCAPES)
    assert ORDERS.findall(text.replace("\n", "").replace("\r", "\x1b")) == []
    assert [character for character in text if is_hidden(character)] == []
    assert "Traceback" not in text
