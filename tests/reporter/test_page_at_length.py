"""A catalogue of ten thousand images: its report comes soon, stays small, and opens."""

import csv
import subprocess
import sys
from pathlib import Path
from shutil import rmtree

import pytest

from tests.reporter.chromium import Browser

NUMBER = 10_000
MEGABYTES = 500
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


WITNESS = """
import os, subprocess, sys
cores, *command = sys.argv[1:]
process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
os.sched_setaffinity(process.pid, sorted(os.sched_getaffinity(0))[: int(cores)])
_, status, used = os.wait4(process.pid, 0)
print(os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, used.ru_maxrss // 1024)
"""
"""Runs a command from a small process: to Linux, the peak of a child is never below what its parent holds."""


def batchgen(*words: str, cores: int = 99) -> tuple[float, int]:
    """Run a command on so many cores: its seconds of processor time, and its peak memory in MB. It has to end well.

    On one core, other work on the machine does not count: on a quiet machine the clock says no more.
    """
    command = [sys.executable, "-c", WITNESS, str(cores), sys.executable, "-m", "batchgen", *words]
    told = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    status, seconds, megabytes = told.stdout.split()
    assert status == "0"
    return float(seconds), int(megabytes)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_ten_thousand_jobs_are_reported(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Drawn by the mock, written within 30 s and 500 MB, again with what was there, and opened with all images."""
    with (tmp_path / "products.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["sku", "colour"])
        rows.writerows((f"{n:05}", ("oak", "teak", "ash")[n % 3]) for n in range(NUMBER))
    (tmp_path / "shop.yaml").write_text(MANIFEST, encoding="utf-8")
    output = tmp_path / "out"
    _, megabytes = batchgen("run", str(tmp_path / "shop.yaml"), "--output", str(output), "--quiet")
    assert megabytes < MEGABYTES
    rmtree(output / "report")
    for _ in range(2):
        seconds, megabytes = batchgen("report", str(output), cores=1)
        assert seconds < SECONDS
        assert megabytes < MEGABYTES
    browser: Browser = request.getfixturevalue("browser")  # last, so that the rest is measured without one, too
    with browser.page((output / "report" / "report.html").as_uri(), tmp_path) as page:
        page.until("document.getElementById('found')?.textContent === '10,000 images'")
        page.js("document.getElementById('sheet').scrollIntoView()")
        page.until("document.querySelector('.card img')?.naturalWidth")
        assert page.complaints() == []
        heap = {each["name"]: each["value"] for each in page.ask("Performance.getMetrics")["metrics"]}
        assert heap["JSHeapUsedSize"] < MEGABYTES * 1_000_000 / 5
