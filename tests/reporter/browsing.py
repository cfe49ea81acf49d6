"""A report to look at in a browser: a small shop with every state, and a way to open its page."""

import json
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from hashlib import sha256
from pathlib import Path
from typing import Any

from PIL import Image

from batchgen.ledger import CallRow, EarlierRow, ImageRow, JobRow, MeasuredRow
from batchgen.model import FileImage, ReasonCode
from batchgen.reporter.accounts import read
from batchgen.reporter.page import Page, Section, render
from tests.reporter.chromium import Page as Opened
from tests.reporter.conftest import Rows, a_job, a_run, an_image

CATEGORIES = ("seating", "tables", "lighting")
Open = Callable[..., AbstractContextManager[Opened]]
SERVERS = Path(os.environ.get("BATCHGEN_TEST_SERVERS") or Path(__file__).parents[2] / ".servers")
AXE = SERVERS / "node_modules/axe-core/axe.min.js"


def axe_is_there() -> bool:
    """Whether axe-core is installed on this machine."""
    return AXE.exists()


def faults_in(page: Opened) -> list[str]:
    """Say what axe-core finds in a page as it stands."""
    if not page.js("!!window.axe"):
        page.ask("Runtime.evaluate", expression=AXE.read_text("utf-8"))
    told = page.js("axe.run(document, {resultTypes: ['violations']}).then((found) => JSON.stringify(found.violations))")
    return [f"{each['id']}: {[node['html'][:200] for node in each['nodes']][:2]}" for each in json.loads(told)]


class Reviewed(ImageRow):
    """An image about which the ledger knows a decision."""

    review = "approved"
    note = "As it is."


def image(number: int, **changed: Any) -> ImageRow:
    """Return the stored image of a number: each with its own id, key, prompt and cost."""
    category, colour = CATEGORIES[number % 3], ("oak", "teak")[number % 2]
    values = {
        "job_id": f"{category}-{number:02}", "job_key": f"{number:064x}", "sha256": f"{number + 4096:064x}",
        "path": f"images/{category}-{number:02}.png", "prompt": f"A {colour} piece, number {number}",
        "cost_micro_usd": 10_000 + 1_000 * (number * 7 % 12), "width": 96, "height": 64,
        "tags": json.dumps([["category", category], ["colour", colour]]), "last_run": a_run().run_id,
    }  # fmt: skip
    return an_image(**{**values, **changed})


def job_of(row: ImageRow, **changed: Any) -> JobRow:
    """Return the job of an image."""
    place = f"products.csv:{int(row.job_key, 16) + 2}:1"
    values = {"job_id": row.job_id, "job_key": row.job_key, "prompt": row.prompt, "tags": row.tags, "place": place}
    return a_job(**{**values, "last_run": row.last_run, "confirmed_micro_usd": row.cost_micro_usd, **changed})


def shop(folder: Path) -> Rows:
    """Twelve stored images with their files, and one that moderation stopped."""
    stored = [image(number) for number in range(12)]
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for number, row in enumerate(stored):
        Image.new("RGB", (96, 64), (20 * number, 120, 200 - 10 * number)).save(folder / str(row.path))
    why = {"reason_code": ReasonCode.MODERATED, "reason_cause": "moderation_blocked"}
    gone = {"state": "moderated", "path": None, "sha256": None, "cost_micro_usd": 0, "format": None}
    stopped = image(12, **why, **gone)
    jobs = [*map(job_of, stored), job_of(stopped, outcome="moderated", stored=0, moderated=1, moderated_slots="[0]")]
    calls = [CallRow(a_run().run_id, n / 2, n + 1.5, n / 3 + 1, int(n < 12), 10_000) for n in range(13)]
    return Rows([*stored, stopped], jobs, run=a_run(), calls=calls)


def studio(folder: Path) -> Rows:
    """Images with what belongs beside them: one of three slots, an edit with its reference, one that was redrawn."""
    rows = [image(number) for number in range(4)]
    rows += [
        image(4, job_id="bench-with-a-very-long-name-in-oak", slot=slot, sha256=f"{slot + 9000:064x}")
        for slot in range(3)
    ]
    rows = [row._replace(path=f"images/{place}.png") for place, row in enumerate(rows)]
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for place, row in enumerate(rows):
        Image.new("RGB", (1200, 800), (30 * place, 120, 220 - 20 * place)).save(folder / str(row.path))
    lamp, before = folder / "lamp.png", folder / "superseded.png"
    for path, colour in ((lamp, "gold"), (before, "tan")):
        Image.new("RGB", (300, 200), colour).save(path)
    sent = FileImage(str(lamp), sha256(lamp.read_bytes()).hexdigest(), lamp.stat().st_size, 300, 200)
    earlier = EarlierRow(rows[2].job_key, 0, before.name, sha256(before.read_bytes()).hexdigest(), "png")
    rows[3] = rows[3]._replace(failed_checks='["margin"]')
    measured = MeasuredRow(rows[3].job_id, "", str(rows[3].sha256), "[]", 0.125, 0.02, 40.0, "", '["margin"]', 0)
    return Rows(
        rows, [job_of(row) for row in rows[:5]], run=a_run(), earlier=[earlier], measured=[measured],
        sent=[(rows[1].job_key, sent)],
    )  # fmt: skip


def long_page(number: int) -> str:
    """Return a page with so many images, made without their files."""
    rows = tuple(image(each) for each in range(number))
    return render(Page(read(Rows(run=a_run()), None), images=Section(rows, number, "images.csv")))  # type: ignore[arg-type]
