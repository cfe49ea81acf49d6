"""A catalogue of ten thousand images: its report comes soon, stays small, and opens."""

import csv
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from shutil import rmtree

import pytest
from PIL import Image

from batchgen.reporter.accounts import read
from batchgen.reporter.page import Page, Section, render
from batchgen.reporter.thumbs import Thumbs
from tests.reporter.browsing import image
from tests.reporter.chromium import Browser
from tests.reporter.conftest import Rows, a_run

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


MANY = 20_000
OPENED = """new Promise((done) => {
  const seen = () => [...document.images].some((each) => each.naturalWidth);
  const look = () => (seen() ? done(performance.now()) : setTimeout(look, 5));
  look();
})"""
SCROLLED = """new Promise((done) => {
  const frames = [];
  let last = 0;
  const step = (now) => {
    if (last) frames.push(now - last);
    last = now;
    scrollBy(0, 900);
    if (frames.length < 100) requestAnimationFrame(step);
    else done(frames.sort((a, b) => a - b)[95]);
  };
  requestAnimationFrame(step);
})"""


@pytest.mark.slow
def test_a_long_page_opens_and_scrolls_as_a_bare_one_does(tmp_path: Path, browser: Browser) -> None:
    """With the same 20,000 images, in turns: it opens in at most twice the time, and its frames are no longer."""
    rows = tuple(image(number) for number in range(MANY))
    (tmp_path / "thumbs").mkdir()
    small = BytesIO()
    Image.effect_noise((320, 320), 60).convert("RGB").save(small, "WEBP")
    for row in rows:
        (tmp_path / "thumbs" / f"{row.sha256}.webp").write_bytes(small.getvalue())
    thumbs = Thumbs(frozenset(str(row.sha256) for row in rows))
    page = Page(read(Rows(run=a_run()), None), images=Section(rows, MANY), thumbs=thumbs)  # type: ignore[arg-type]
    bare = "".join(f'<img width=180 height=180 loading=lazy src="thumbs/{row.sha256}.webp">' for row in rows)
    (tmp_path / "ours.html").write_text(render(page), encoding="utf-8")
    (tmp_path / "bare.html").write_text(f"<!doctype html><title>bare</title>{bare}", encoding="utf-8")
    told: dict[str, list[tuple[float, float]]] = {"ours": [], "bare": []}
    for _ in range(2):
        for name, times in told.items():
            with browser.page((tmp_path / f"{name}.html").as_uri(), tmp_path) as here:
                times.append((here.js(OPENED), here.js(SCROLLED)))
    ours, bare_one = (tuple(map(min, zip(*told[name], strict=True))) for name in ("ours", "bare"))
    assert ours[0] <= 2 * bare_one[0]
    assert ours[1] <= 1.5 * bare_one[1]


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
