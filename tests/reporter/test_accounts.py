"""summary.json: the keys that scripts rely on, and sums that hold."""

from collections.abc import Callable
from typing import Any

import pytest

from batchgen.ledger import Waste
from batchgen.money import MicroUSD
from batchgen.reporter import summary

Make = Callable[..., Any]


def keys(value: Any) -> Any:
    """Return the names in an object, at every depth."""
    return {name: keys(inner) for name, inner in value.items()} if isinstance(value, dict) else None


def test_the_keys_that_scripts_rely_on(rows: Make, job: Make) -> None:
    """Both accounts have the same blocks with the names of the contract."""
    made = summary(rows([], [job()]))
    blocks = {
        "jobs": dict.fromkeys(("total", "done", "partial", "moderated", "failed", "held", "not_started", "submitted")),
        "images": dict.fromkeys(
            ("wanted", "stored", "moderated", "failed", "uncertain", "lost_paid", "not_started", "submitted"),
        ),
        "attempts": dict.fromkeys(("sent", "retried")),
        "money": {
            f"{name}_micro_usd": None
            for name in ("confirmed", "estimated", "at_risk", "not_charged", "reserved", "cap")
        },
        "estimate": dict.fromkeys(f"{name}_micro_usd" for name in ("low", "expected", "high")),
        "seconds": None,
    }
    for account in (made, made["this_run"]):
        assert {name: keys(account[name]) for name in blocks} == blocks
    assert (made["run_id"], made["exit_code"]) == ("2026-11-20T02:00Z-7f3a", 0)
    assert made["seconds"] == 72.0


def test_wanted_is_the_sum_of_the_others(rows: Make, job: Make) -> None:
    """Whatever became of the images, none is missing from the account."""
    states = ("stored", "moderated", "failed", "uncertain", "lost_paid", "not_started", "submitted")
    images = summary(rows([], [job(**{state: n for n, state in enumerate(states)})]))["images"]
    assert images.pop("wanted") == sum(images.values()) == 21


@pytest.mark.parametrize(
    ("waste", "why", "paid", "at_risk"),
    [
        (Waste("at_risk", "timeout", 2, MicroUSD(9)), "unclear: timeout", 0, 9),
        (Waste("charged_no_result", "", 1, MicroUSD(7)), "paid, no usable image", 7, 0),
        (
            Waste("lost_paid", "url_expired", 1, MicroUSD(7)),
            "paid, the image could not be downloaded: url expired",
            7,
            0,
        ),
        (Waste("something_new", "x", 1, MicroUSD(7)), "something new: x", 7, 0),
    ],
)
def test_waste_has_its_reason(waste: Waste, why: str, paid: int, at_risk: int, rows: Make) -> None:
    """What brought no image is named, and what was perhaps paid is kept apart from what was paid."""
    (told,) = summary(rows(wasted=[waste]))["waste"]
    assert told == {"why": why, "attempts": waste.attempts, "paid_micro_usd": paid, "at_risk_micro_usd": at_risk}


def test_a_folder_without_runs_has_an_account(rows: Make) -> None:
    """Before the first run everything is nothing."""
    made = summary(rows(run=None))
    assert made["run_id"] is None
    assert made["images"]["wanted"] == made["money"]["confirmed_micro_usd"] == 0
