"""The server's own bill, the ledger and every file of the report say the same money, to the micro-dollar."""

import json
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import openpyxl
import pyarrow.parquet as pq
import pytest

from batchgen.app.output import maintain
from batchgen.money import MicroUSD, exact
from tests.wire.scene import FOUR, Scene, Seen, scene

pytestmark = pytest.mark.sample(2)

Account = dict[str, int]
SEEDS = [pytest.param(seed, marks=[pytest.mark.slow] if seed >= 4 else []) for seed in range(200)]
WEATHER: dict[str, Any] = {"errors": 0.1, "moderation": 0.08, "partial": 0.4, "latency": (0.0, 0.02)}


def catalogue(chance: Random, jobs: int = 30) -> list[dict[str, Any]]:
    """Jobs of every kind: sizes, qualities, models, numbers of images, tags, one of them moderated for certain."""
    made = [
        {
            "id": f"job-{at}",
            "prompt": f"Lamp number {at} {chance.random()}",
            "n": chance.choice([1, 1, 2, 3, 4]),
            "model": chance.choice(["gpt-image-2.5-flare", "gpt-image-2", "gpt-image-1.5"]),
            "size": chance.choice(["1024x1024", "1536x1024", "1024x1536"]),
            "quality": chance.choice(["low", "medium"]),
            "tags": {"room": chance.choice(["hall", "den"])},
        }
        for at in range(jobs)
    ]
    refused = {"id": "refused", "prompt": "A lamp by Banksy", "n": 1}
    return [*made, refused, {"id": "thinned", "prompt": "A [moderated] lamp", "n": 4}]


@pytest.mark.sample(1)
@pytest.mark.parametrize("seed", SEEDS)
def test_bill_ledger_and_report_agree(place_of_work: Path, seed: int) -> None:
    """After errors, moderation and partial results mixed: one sum, wherever it is read."""
    with scene(place_of_work, seed=seed, **WEATHER) as here:
        chance = Random(seed)
        manifest = here.manifest(catalogue(chance), limits={"max_cost": 100, "concurrency": chance.choice([1, 8, 32])})
        first = here.run(manifest)
        _agree(here, first)
        again = here.run(manifest)
        _agree(here, again)
        assert again.money["confirmed_micro_usd"] >= first.money["confirmed_micro_usd"]
        assert again.slots("refused") == ("moderated",)


def _agree(here: Scene, seen: Seen) -> None:
    account = seen.money
    assert here.billed == account["confirmed_micro_usd"] + account["estimated_micro_usd"]
    _files_agree(seen, account)
    _words_agree(seen, account)
    _images_agree(seen, account)
    summary = seen.result.summary
    images, rows = dict(summary["images"]), summary["rows"]
    assert images.pop("wanted") == sum(images.values()) == sum(row.wanted for row in seen.jobs.values())
    assert rows["rows"] == rows["planned"] + rows["skipped"] + rows["rejected"] == len(seen.jobs)
    with here.ledger() as ledger:
        assert ledger.accounts.audit() == ()


def _files_agree(seen: Seen, account: Account) -> None:
    """Every table, in every format."""
    for name in ("jobs.csv", "usage.csv"):
        assert _sums(seen.table(name)) == account, name
    assert _sums(pq.read_table(seen.folder / "report" / "jobs.parquet").to_pylist()) == account
    book = openpyxl.load_workbook(seen.folder / "report" / "report.xlsx", read_only=True)
    for title in ("Jobs", "Usage"):
        head, *body = list(book[title].iter_rows(values_only=True))
        assert _dollars([dict(zip(map(str, head), row, strict=True)) for row in body]) == account, title
    book.close()


def _words_agree(seen: Seen, account: Account) -> None:
    """Every account in words: summaries, status and the page."""
    run_id = seen.result.summary["run_id"]
    written = (
        seen.json("report/summary.json"),
        seen.json(f"runs/{run_id}/summary.json"),
        maintain.read_status(seen.folder),
    )
    for told in written:
        assert {name: told["money"][name] for name in FOUR} == account
    page = (seen.folder / "report" / "report.html").read_text("utf-8")
    assert exact(MicroUSD(account["confirmed_micro_usd"])) in page


def _images_agree(seen: Seen, account: Account) -> None:
    """Say what the images cost, and what was paid for none, is all that was paid."""
    in_images = sum(int(row["cost_micro_usd"]) for row in seen.table("images.csv"))
    wasted = sum(cause["paid_micro_usd"] for cause in seen.result.summary["waste"])
    assert in_images + wasted == account["confirmed_micro_usd"] + account["estimated_micro_usd"]
    at_risk = sum(cause["at_risk_micro_usd"] for cause in seen.result.summary["waste"])
    assert at_risk == account["at_risk_micro_usd"]


def _dollars(rows: list[dict[str, Any]]) -> Account:
    return {name: sum(round(row[name.replace("_micro_usd", "_usd")] * 1e6) for row in rows) for name in FOUR}


def _sums(rows: list[dict[str, Any]]) -> Account:
    return {name: sum(int(row[name]) for row in rows) for name in FOUR}


def test_this_run_and_all_runs(place_of_work: Path) -> None:
    """`this_run` holds what one run did, the rest what the folder holds: two runs add up."""
    with scene(place_of_work) as here:
        jobs = [{"id": f"job-{at}", "prompt": f"Lamp {at}"} for at in range(6)]
        first = here.run(here.manifest(jobs[:4]))
        second = here.run(here.manifest(jobs))
        alone = [seen.result.summary["this_run"]["money"]["confirmed_micro_usd"] for seen in (first, second)]
        assert sum(alone) == second.money["confirmed_micro_usd"] == here.billed
        assert second.result.summary["this_run"]["images"]["stored"] == 2
        assert second.result.summary["images"]["stored"] == 6


@pytest.mark.parametrize("factor", ["0.5", "1"])
def test_estimate_against_actual_is_told(place_of_work: Path, factor: str) -> None:
    """Every summary says what was expected beside what it did cost."""
    with scene(place_of_work, price_factor=Decimal(factor)) as here:
        seen = here.run(here.manifest([{"id": "lamp", "prompt": "A lamp", "n": 4}]))
        told = json.loads((seen.folder / "report" / "summary.json").read_text())
        estimate, actual = told["estimate"], told["money"]["confirmed_micro_usd"]
        assert estimate["low_micro_usd"] <= estimate["expected_micro_usd"] <= estimate["high_micro_usd"]
        assert actual <= estimate["high_micro_usd"]
        if factor == "1":
            assert actual == here.billed
        else:  # half the tokens that such images take are no usage to believe: the table's figure, estimated
            assert (actual, told["money"]["estimated_micro_usd"]) == (0, 2 * here.billed)
