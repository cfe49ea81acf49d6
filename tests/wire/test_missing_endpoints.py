"""A gateway without an endpoint for edits: its 404 stops edits, and nothing else."""

from pathlib import Path
from typing import Any

import pytest

from tests.wire.scene import Scene, dot, scene

GENERATIONS = 6
EDITS = 4


def jobs(here: Scene, fault: str, n: int, *, first: bool) -> list[dict[str, Any]]:
    """Make generations that go well, and edits that meet the fault, before or behind them."""
    (here.root / "lamp.jpg").write_bytes(dot())
    good = [{"id": f"lamp-{at}", "prompt": f"Lamp {at}", "n": n} for at in range(GENERATIONS)]
    told = f"Whiter [[mock: fault={fault}]]"
    edits = [{"id": f"edit-{at}", "prompt": f"{told} {at}", "images": "lamp.jpg", "n": n} for at in range(EDITS)]
    return [*edits, *good] if first else [*good, *edits]


@pytest.mark.sample(3)
@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("fault", ["404_html", "405", "404_url"])
def test_edits_alone_are_stopped(place_of_work: Path, fault: str, n: int, *, first: bool) -> None:
    """One call is refused, every generation is drawn, exit 6 says why; with the endpoint there, edits are drawn."""
    with scene(place_of_work, {"limits": {"max_cost": 100, "concurrency": 1}}) as here:
        told = jobs(here, fault, n, first=first)
        seen = here.run(here.manifest(told))
        counts = seen.result.summary["jobs"]
        assert (counts["done"], counts["not_started"], counts["failed"]) == (GENERATIONS, EDITS, 0)
        assert seen.exit == 6, seen.result.summary["why"]
        assert "has no endpoint for edit" in seen.result.summary["why"]
        assert len(here.bill()) == GENERATIONS + 1
        later = [{**job, "prompt": job["prompt"].replace(f" [[mock: fault={fault}]]", "")} for job in told]
        assert here.run(here.manifest(later)).exit == 0


@pytest.mark.parametrize("n", [1, 4])
def test_a_wrong_address_is_found_by_the_first_generation(place_of_work: Path, n: int) -> None:
    """Where nothing ever came and generations have no endpoint, the run stops after one call for each operation."""
    with scene(place_of_work, {"limits": {"max_cost": 100, "concurrency": 1}}) as here:
        told = jobs(here, "404_html", n, first=True)
        told = [{**job, "prompt": f"{job['prompt']} [[mock: fault=404_html]]"} for job in told]
        seen = here.run(here.manifest(told))
        assert (seen.exit, len(here.bill()) <= 2) == (2, True)
        assert seen.result.summary["jobs"]["not_started"] == GENERATIONS + EDITS
