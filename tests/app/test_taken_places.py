"""An image whose place is taken waits in the spool; the others are drawn, and nothing is bought again."""

import pytest

from tests.rehearsal import Rehearsal

PATH = "{{ ext }}/{{ sku }}-{{ index }}.{{ ext }}"


@pytest.mark.sample(1)
@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize("formats", [("png", "webp"), ("jpeg", "png"), ("webp", "jpeg")])
def test_images_that_meet_under_one_name_hold_up_no_others(scene: Rehearsal, formats: tuple[str, str], n: int) -> None:
    """A gateway answers PNG to every format: the second image of a name waits for room."""
    manifest = scene.manifest(
        [
            {
                "id": "{{ sku }}-{{ f }}",
                "matrix": {"f": list(formats), "sku": ["a", "b", "c"]},
                "n": n,
                "output_format": "{{ f }}",
                "prompt": "a {{ sku }} [[mock: fault=always_png]]",
            }
        ],
        output={"path": PATH},
    )
    first, second = scene.run(manifest), scene.run(manifest)
    bought = len(scene.bill)
    assert (first.exit, second.exit, bought) == (8, 8, 6)
    assert "another file stands there" in first.summary["why"]
    stored = {path.name for path in (first.folder / "images").rglob("*.png")}
    assert len(stored) == 3 * n
    (first.folder / "images" / "png").rename(first.folder / "elsewhere")
    third = scene.run(manifest)
    assert (third.exit, len(scene.bill)) == (0, bought)
    assert {path.name for path in (first.folder / "images").rglob("*.png")} == stored
