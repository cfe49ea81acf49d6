"""A model that is gone stops no batch of another, and its jobs wait for a later run."""

from typing import Any

import pytest

from tests.batch.scene import DEFAULTS, QuickClock, adds_up, created, until_collected
from tests.rehearsal import Rehearsal

GONE = "gpt-image-2.5-sunburst"
ROWS = 3


def rows(fault: str, n: int) -> list[dict[str, Any]]:
    """Write rows of two models, of which one has a fault in every row."""
    told = f" [[mock: fault={fault}]]" if fault else ""
    gone = [{"id": f"gone-{at}", "prompt": f"Sofa {at}{told}", "model": GONE, "n": n} for at in range(ROWS)]
    return [*gone, *({"id": f"there-{at}", "prompt": f"Lamp {at}", "n": n} for at in range(ROWS))]


@pytest.mark.sample(2)
@pytest.mark.parametrize("wait", [False, True])
@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize("fault", ["404_model", "model_google", "batch_no_model", "batch_create_no_model"])
def test_a_model_that_is_gone_stops_no_other_batch(scene: Rehearsal, fault: str, n: int, *, wait: bool) -> None:
    """Refused line by line, as a whole, or when it is created: the other batch is drawn, and no job is failed."""
    assert DEFAULTS["model"] != GONE
    manifest = scene.manifest(rows(fault, n))
    seen = scene.run(manifest, clock=QuickClock(), wait=wait)
    for _ in range(0 if wait else 12):
        assert seen.exit != 2 or not seen.summary["images"]["submitted"], "nothing is unspent while lines wait"
        if seen.exit != 9 and seen.summary["jobs"]["done"]:
            break
        seen = scene.run(manifest, clock=QuickClock(), wait=wait)
    counts = seen.summary["jobs"]
    assert (counts["done"], counts["not_started"], counts["failed"]) == (ROWS, ROWS, 0), seen.summary
    assert seen.exit in {2, 6}
    assert f"does not draw with {GONE}" in seen.summary["why"]
    assert created(scene) <= (2 if wait else 6)  # each run asks once more whether the model is back
    adds_up(scene, seen)
    plain = scene.manifest(rows("", n))
    back = until_collected(scene, plain, clock=QuickClock())
    assert (back.exit, back.summary["jobs"]["done"]) == (0, 2 * ROWS)
    adds_up(scene, back)
