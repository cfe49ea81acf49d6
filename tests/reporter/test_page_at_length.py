"""A catalogue of ten thousand pictures: its report comes soon, stays small, and opens."""

import csv
import os
import subprocess
import sys
from pathlib import Path
from shutil import rmtree
from threading import Timer

import pytest

from tests.reporter.chromium import Browser

NUMBER = 10_000
MEGABYTES = 500
# The bar that people wait for, on whatever machine: a longer report is a broken one.
SECONDS = 30

MANIFEST = """
name: shop
provider: mock
defaults: {model: gpt-image-2.5-flare, size: 1024x1024, quality: low, output_format: webp}
limits: {concurrency: 32}
jobs:
  - id: "{{ sku }}"
    rows: products.csv
    prompt: "A {{ colour }} chair, number {{ sku }}"
    tags: {colour: "{{ colour }}"}
"""


def batchgen(*words: str, within: float) -> int:
    """Run a command in its own process; its peak memory in MB. It has to end well and in time."""
    process = subprocess.Popen([sys.executable, "-m", "batchgen", *words], stdout=subprocess.DEVNULL)
    stop = Timer(within, process.kill)
    stop.start()
    _, status, used = os.wait4(process.pid, 0)
    stop.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return used.ru_maxrss // 1024


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_ten_thousand_jobs_are_reported(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Drawn by the mock, written within 30 s and 500 MB, again with what was there, and opened with all pictures."""
    with (tmp_path / "products.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["sku", "colour"])
        rows.writerows((f"{n:05}", ("oak", "teak", "ash")[n % 3]) for n in range(NUMBER))
    (tmp_path / "shop.yaml").write_text(MANIFEST, encoding="utf-8")
    output = tmp_path / "out"
    assert batchgen("run", str(tmp_path / "shop.yaml"), "--output", str(output), "--quiet", within=3000) < MEGABYTES
    rmtree(output / "report")
    for _ in range(2):
        assert batchgen("report", str(output), within=SECONDS) < MEGABYTES
    browser: Browser = request.getfixturevalue("browser")  # last, so that the rest is measured without one, too
    with browser.page((output / "report" / "report.html").as_uri(), tmp_path) as page:
        page.until("document.getElementById('found')?.textContent === '10,000 pictures'")
        page.js("document.getElementById('sheet').scrollIntoView()")
        page.until("document.querySelector('.card img')?.naturalWidth")
        assert page.complaints() == []
        heap = {each["name"]: each["value"] for each in page.ask("Performance.getMetrics")["metrics"]}
        assert heap["JSHeapUsedSize"] < MEGABYTES * 1_000_000 / 5
