"""Where images stand when manifests change: what is paid is never stuck, and what is wanted stands in its place."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from batchgen.mock import Rule
from tests.rehearsal import KEYS, Rehearsal, rehearsal


def lamp(prompt: str, **more: Any) -> list[dict[str, Any]]:
    """One job for two images, whose path does not say its id."""
    return [{"rows": [{"sku": "s1"}], "prompt": prompt, "n": 2, **more}]


ADDRESSES = {"rules": (Rule("url_instead"),)}
BY_SKU = {"path": "{{ sku }}-{{ index }}.{{ ext }}"}


@pytest.fixture(params=[{}, ADDRESSES], ids=["pictures", "addresses"])
def scene(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rehearsal]:
    """Return a server that answers with images, or with their addresses."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    defaults = {"quality": "low", "size": "1024x1024", "output_format": "webp"}
    with rehearsal(tmp_path, {"provider": "openai", "defaults": defaults}, **request.param) as ready:
        yield ready


@pytest.mark.sample(2)
@pytest.mark.parametrize("ids", [({"id": "old-{{ sku }}"}, {"id": "new-{{ sku }}"}), ({}, {})])
def test_images_of_a_job_of_another_name_step_aside(scene: Rehearsal, ids: tuple[dict[str, str], ...]) -> None:
    """A job that is renamed, or gets another made-up id from another prompt, takes the place of what stood there."""
    first = scene.run(scene.manifest(lamp("A red lamp", **ids[0]), output=BY_SKU))
    old = {path.name: path.read_bytes() for path in (first.folder / "images").iterdir()}
    second = scene.run(scene.manifest(lamp("A blue lamp", **ids[1]), output=BY_SKU))
    assert (first.exit, second.exit) == (0, 0)
    now = {path.name: path.read_bytes() for path in (second.folder / "images").iterdir()}
    assert now.keys() == old.keys()
    assert not set(now.values()) & set(old.values())
    assert sorted(path.read_bytes() for path in (second.folder / "superseded").iterdir()) == sorted(old.values())
    assert len(scene.bill) == 2


def test_an_edit_that_is_taken_back_brings_its_images_back(scene: Rehearsal) -> None:
    """What was paid for is found again and stands in its place; what stood there steps aside; nothing is drawn."""

    def told(prompt: str) -> dict[str, bytes]:
        ended = scene.run(scene.manifest(lamp(prompt, id="lamp"), output=BY_SKU))
        assert ended.exit == 0, ended.summary
        wanted = ended.images("lamp")[:2]
        assert {row["fault"] for row in ended.images("lamp")} == {""}
        return {row["path"]: (ended.folder / row["path"]).read_bytes() for row in wanted}

    red, blue = told("A red lamp"), told("A blue lamp")
    assert red.keys() == blue.keys()
    assert [told("A red lamp"), told("A blue lamp"), told("A blue lamp"), told("A red lamp")] == [red, blue, blue, red]
    assert len(scene.bill) == 2
    aside = scene.root / "output" / "scene" / "superseded"
    assert sorted(path.read_bytes() for path in aside.iterdir()) == sorted(blue.values())
