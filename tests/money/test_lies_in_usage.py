"""What servers say they counted, and did not: what is booked covers the bill, and the bill stays under the cap."""

from pathlib import Path
from random import Random

import pytest

from batchgen.mock import Rule
from batchgen.money import MicroUSD, exact
from tests.wire.scene import Scene, Seen, scene


def names(text: str) -> tuple[str, ...]:
    """Faults in one text."""
    return tuple(text.split())


LIES = names(
    "usage_dear usage_small usage_small_half usage_no_input usage_astronomic usage_bool usage_objects"
    " usage_contradicting usage_chat_names usage_missing usage_null usage_zero usage_negative usage_text usage_float"
    " usage_list usage_partial usage_10x data_empty fewer_1 other_size other_quality more_than_asked"
)
PARALLEL = 4
SEEDS = [pytest.param(seed, marks=[pytest.mark.slow] if seed >= 4 else []) for seed in range(60)]


def _booked(seen: Seen) -> int:
    return seen.charged + seen.money["at_risk_micro_usd"]


def _dearest(here: Scene) -> int:
    return max(int(entry["charged_micro_usd"]) for entry in here.bill())


@pytest.mark.sample(2)
@pytest.mark.parametrize("seed", SEEDS)
def test_no_lie_hides_a_cent_or_passes_the_cap(place_of_work: Path, seed: int) -> None:
    """Random histories of lying answers: booked is never less than the bill, the bill at most the cap and what flew."""
    chance = Random(seed)
    cap = chance.choice([0.05, 0.1, 0.5])
    jobs = [
        {
            "id": f"job-{at}",
            "prompt": f"Lamp {at} [[mock: fault={chance.choice([*LIES, 'ok', 'ok', 'ok'])}]]",
            "n": chance.choice([1, 1, 2, 4]),
            "quality": chance.choice(["low", "medium", "auto"]),
        }
        for at in range(24)
    ]
    with scene(place_of_work) as here:
        manifest = here.manifest(jobs, limits={"max_cost": cap, "concurrency": PARALLEL})
        for _ in range(2):
            before = here.billed
            seen = here.run(manifest)
            assert here.billed <= _booked(seen)
            assert here.billed - before <= cap * 1_000_000 + PARALLEL * _dearest(here)
            with here.ledger() as ledger:
                assert ledger.accounts.audit() == ()


@pytest.mark.parametrize("n", [1, 4])
def test_a_dear_truth_stops_the_run_and_names_the_price_row(place_of_work: Path, n: int) -> None:
    """Sixteen times the table, said and charged: booked as it is; nothing more than what was in flight is bought."""
    with scene(place_of_work, rules=(Rule("usage_dear"),)) as here:
        jobs = [{"id": f"lamp-{at}", "prompt": f"Lamp {at}", "n": n} for at in range(40)]
        seen = here.run(here.manifest(jobs, limits={"max_cost": 0.1 * n, "concurrency": PARALLEL}))
        assert seen.exit == 4
        assert len(here.bill()) <= PARALLEL
        assert here.billed == seen.money["confirmed_micro_usd"]
        assert "price row" in seen.result.summary["why"]
        assert "prices:" in seen.result.summary["why"]


def test_a_limit_that_leaves_something_to_draw_is_told_however_much_is_drawn(place_of_work: Path) -> None:
    """Night after night a dear truth stops the run: with status 4 until everything is drawn, also past the half."""
    with scene(place_of_work, rules=(Rule("usage_dear"),)) as here:
        jobs = [{"id": f"lamp-{at}", "prompt": f"Lamp {at}"} for at in range(9)]
        manifest = here.manifest(jobs, limits={"max_cost": 100, "concurrency": 2})
        nights = [here.run(manifest) for _ in range(6)]
        left = [seen.result.summary["jobs"]["not_started"] for seen in nights]
        assert 0 < left[2] < len(jobs) / 2
        assert [seen.exit for seen in nights] == [4 if count else 0 for count in left]
        assert here.billed == nights[-1].money["confirmed_micro_usd"]


@pytest.mark.sample(3)
@pytest.mark.parametrize("fault", ["usage_small", "usage_small_half", "usage_no_input"])
@pytest.mark.parametrize("n", [1, 4])
def test_a_count_that_is_too_small_is_an_estimate(place_of_work: Path, fault: str, n: int) -> None:
    """Fewer tokens than any image takes: settled at the table, marked and flagged."""
    with scene(place_of_work) as here:
        job = {"id": "lamp", "prompt": f"Lamp [[mock: fault={fault}]]", "n": n}
        seen = here.run(here.manifest([job]))
        (row,) = seen.attempts
        assert seen.exit == 0
        assert (row.estimated, "usage_implausible" in row.flags) == (True, True)
        assert here.billed <= seen.money["estimated_micro_usd"]
        assert seen.money["confirmed_micro_usd"] == 0


@pytest.mark.sample(2)
@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize(("others", "exit_status"), [([], 0), (["400_invalid"], 3), (["413"], 3)])
def test_the_last_call_may_be_dear(place_of_work: Path, others: list[str], exit_status: int, n: int) -> None:
    """When everything is drawn, a call above its bound is a warning: there is nothing that a higher limit could buy."""
    faults = [*others, "usage_dear"]
    jobs = [{"id": f"lamp-{at}", "prompt": f"Lamp [[mock: fault={one}]]", "n": n} for at, one in enumerate(faults)]
    with scene(place_of_work) as here:
        manifest = here.manifest(jobs, limits={"max_cost": 100, "concurrency": 1})
        seen = here.run(manifest)
        assert seen.exit == exit_status
        (told,) = [problem for problem in seen.result.problems if "price row" in problem.message]
        assert exact(MicroUSD(here.billed)) in told.message
        calls = len(here.bill())
        assert here.run(manifest).exit == 0  # what was told before is no news
        assert len(here.bill()) == calls
