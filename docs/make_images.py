"""Make the images of the README and the site again: the report's page, the page of a run at work, a terminal recording.

`python docs/make_images.py` runs the samples on the mock, photographs the pages with headless chromium (Debian's
`chromium`, or the one named in CHROMIUM), and writes what a terminal shows as SVG. Run it when the page or the words change.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.text import Text

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT))
from tests.reporter.chromium import Browser, installed  # noqa: E402 - the tests' own driver

WIDTH, HEIGHT = 1280, 1160
DRAWN = "document.getElementById('live-done')?.getAttribute('width') > 480"
SEEN = "[...document.querySelectorAll('#strip img')].every((one) => one.naturalWidth)"
_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
SHOWN = (
    "batchgen init shop",
    "batchgen check shop/catalogue.yaml",
    "batchgen run shop/catalogue.yaml",
    "batchgen run shop/catalogue.yaml",
)


def main() -> None:
    """Write all images."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        shutil.copytree(ROOT / "manifests", folder / "manifests")
        _terminal(folder)
        _output("batchgen run manifests/catalogue.yaml --provider mock --output output/demo", folder)
        _page(folder / "output" / "demo" / "report" / "report.html", folder / "page.png")
        _live(folder)


def _output(line: str, folder: Path) -> str:
    """Return what a command prints; it is given as a person would."""
    return subprocess.run(
        _words(line), cwd=folder, env=_variables(), capture_output=True, text=True, check=True, timeout=240
    ).stdout


def _words(line: str) -> list[str]:
    return [sys.executable, "-m", "batchgen", *line.split()[1:]]


def _variables() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "96"}


@contextmanager
def _beside(line: str, folder: Path) -> Iterator[str]:
    """Run a command beside the block; gives the first line that it prints."""
    quiet = subprocess.DEVNULL
    with subprocess.Popen(
        _words(line), cwd=folder, env=_variables(), stdout=subprocess.PIPE, stderr=quiet, text=True
    ) as command:
        assert command.stdout
        try:
            yield command.stdout.readline().strip()
        finally:
            command.terminate()


def _terminal(folder: Path) -> None:
    console = Console(record=True, width=100, file=StringIO(), color_system="truecolor", force_terminal=True)
    for line in SHOWN:
        console.print(Text.assemble(("$ ", "bold green"), (line, "bold")))
        console.print(Text(_output(line, folder).rstrip() + "\n"))
    drawn = _FONTS.sub("", console.export_svg(title="batchgen"))  # an image asks the network for nothing
    (HERE / "terminal.svg").write_text(drawn, encoding="utf-8")


def _page(page: Path, shot: Path) -> None:
    browser = os.environ.get("CHROMIUM", "chromium")
    size = f"--window-size={WIDTH},{HEIGHT}"
    told = [
        browser,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--virtual-time-budget=8000",
        size,
    ]
    subprocess.run([*told, f"--screenshot={shot}", page.as_uri()], check=True, timeout=200, capture_output=True)
    _kept(shot, "report.webp")


def _live(folder: Path) -> None:
    """Photograph the page of a run that is half done, with a decision of each kind."""
    browser = installed()
    if browser is None:
        sys.exit("there is no chromium on this machine")
    output = folder / "output" / "catalogue"
    with _beside("batchgen mock --latency 2-3 --moderation 0.03 --errors 0.05 --seed 5", folder) as base_url:
        draw = f"batchgen run manifests/catalogue.yaml --provider mock --base-url {base_url} --concurrency 2"
        drawing = subprocess.Popen(
            _words(f"{draw} --max-cost 2 --output {output} --quiet"),
            cwd=folder,
            env=_variables(),
            stderr=subprocess.DEVNULL,
        )
        while not (output / "ledger.db").exists():
            drawing.poll()
        with (
            _beside(f"batchgen view {output} --no-open", folder) as page,
            Browser.started(browser, folder / "profile") as started,
            started.page(page, folder, width=WIDTH, height=HEIGHT) as window,
        ):
            window.until(DRAWN, 200)
            window.press("ArrowRight", "a", "r")
            window.js("scrollTo(0, 0)")
            window.until(SEEN)
            window.settle()
            shot = window.shot(folder / "live.png")
        drawing.terminate()
        drawing.wait(60)
    _kept(shot, "live.webp")


def _kept(shot: Path, name: str) -> None:
    with Image.open(shot) as image:
        image.convert("RGB").save(HERE / name, "WEBP", quality=82, method=6)


if __name__ == "__main__":
    main()
