"""What is odd about a provider's answers is told once in a run, in words that people can act on."""

from pathlib import Path

import pytest

from batchgen.mock import Rule
from tests.wire.scene import Notes, scene


@pytest.mark.sample(2)
@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize(
    ("fault", "place"),
    [
        ("shape_images", "images"),
        ("shape_wrapped", "data.data"),
        ("shape_result", "result"),
        ("shape_key", "data"),
        ("shape_predictions", "predictions"),
    ],
)
def test_an_answer_of_another_shape_is_told_once(place_of_work: Path, fault: str, place: str, n: int) -> None:
    """Four jobs are stored; one line names the address, and the place in the answer where the images stand."""
    with scene(place_of_work, rules=(Rule(fault),)) as here:
        watch = Notes()
        seen = here.run(here.manifest([{"id": f"j{at}", "prompt": f"Lamp {at}", "n": n} for at in range(4)]), watch)
        assert (seen.exit, seen.result.summary["images"]["stored"]) == (0, 4 * n)
        told = [note for note in watch.notes if "the images stand at" in note]
        assert len(told) == 1, watch.notes
        assert f"stand at {place}" in told[0]
        assert here.handle.base_url in told[0]
