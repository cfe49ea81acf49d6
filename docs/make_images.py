"""Make the images of the README and the site again: the report's page, and a terminal recording.

`python docs/make_images.py` runs the samples on the mock, photographs the page with headless chromium (Debian's `chromium`, or
the one named in CHROMIUM), and writes what a terminal shows as SVG. Run it when the page or the words change.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from io import StringIO
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.text import Text

HERE = Path(__file__).parent
ROOT = HERE.parent
WIDTH, HEIGHT = 1280, 1160
_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
SHOWN = (
    "batchgen init shop",
    "batchgen check shop/catalogue.yaml",
    "batchgen run shop/catalogue.yaml",
    "batchgen run shop/catalogue.yaml",
)


def main() -> None:
    """Write both images."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        shutil.copytree(ROOT / "manifests", folder / "manifests")
        _terminal(folder)
        _output("batchgen run manifests/catalogue.yaml --provider mock --output output/demo", folder)
        _page(folder / "output" / "demo" / "report" / "report.html", folder / "page.png")


def _output(line: str, folder: Path) -> str:
    """Return what a command prints; it is given as a person would."""
    command = [sys.executable, "-m", "batchgen", *line.split()[1:]]
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "96"}
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=True, timeout=240)
    return done.stdout


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
    with Image.open(shot) as image:
        image.convert("RGB").save(HERE / "report.webp", "WEBP", quality=82, method=6)


if __name__ == "__main__":
    main()
