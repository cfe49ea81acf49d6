"""Complaints of model, provider and price list point at the field that is wrong, and at the row where a row decides."""

from pathlib import Path

import pytest

from batchgen.app.config.options import Options
from batchgen.app.config.project import open_project
from batchgen.app.preview import check
from batchgen.app.preview.check import too_many
from tests.rehearsal import Rehearsal

MANIFEST = """\
defaults:
  model: gpt-image-2
  quality: ultra
jobs:
  - id: a
    prompt: a stool --ar 3:2
    size: 7x7
  - id: "b-{{ q }}"
    rows: rows.csv
    model: nonesuch
    quality: "{{ q }}"
    prompt: "{{ q }} stool"
    background: transparent
    output_format: jpeg
  - id: "c-{{ q }}"
    rows: rows.csv
    quality: "{{ q }}"
    prompt: "{{ q }} chair"
"""


def test_each_complaint_stands_where_its_field_is_written(tmp_path: Path) -> None:
    """Defaults, a job's own field, a template that the rows fill: each has its own place, and is said once."""
    (tmp_path / "m.yaml").write_text(MANIFEST, encoding="utf-8")
    (tmp_path / "rows.csv").write_text("q\nlow\nfoo\n", encoding="utf-8")
    found = check.check(open_project(tmp_path / "m.yaml", Options(provider="openai"))).problems
    places = {(str(problem.place).rpartition("/")[2], problem.message.split()[0]) for problem in found}
    assert places == {
        ("m.yaml:3:12", "gpt-image-2"),  # quality of defaults
        ("m.yaml:7:11", "size:"),
        ("m.yaml:6:13", "`--ar`"),
        ("m.yaml:10:12", "unknown"),  # no price
        ("m.yaml:13:17", "a"),  # transparent
        ("rows.csv:3:1", "gpt-image-2"),  # a cell
    }


@pytest.mark.parametrize(
    ("limits", "provider", "images", "refused"),
    [
        ("{}", "openai", 10_000, False),
        ("{}", "openai", 10_001, True),
        ("{}", "mock", 10_001, False),
        ("{max_images: 20000}", "openai", 10_001, False),
    ],
)
def test_more_images_than_anybody_means(
    tmp_path: Path, limits: str, provider: str, images: int, refused: object
) -> None:
    """Above 10,000 images a run wants to hear how many it may draw; the mock costs nothing and need not be told."""
    (tmp_path / "m.yaml").write_text(f"limits: {limits}\njobs: [{{prompt: x}}]\n", encoding="utf-8")
    words = too_many(open_project(tmp_path / "m.yaml", Options(provider=provider)), images)
    assert bool(words) is refused
    assert ("--max-images 10001" in words) is refused


@pytest.mark.slow
def test_a_run_of_more_images_than_anybody_means_begins_nothing(scene: Rehearsal) -> None:
    """Exit 2, no call; the part of it that is asked for is drawn."""
    jobs = [{"id": "{{ a }}-{{ b }}", "prompt": "{{ a }} {{ b }}", "matrix": {"a": [*range(73)], "b": [*range(138)]}}]
    manifest = scene.manifest(jobs)
    ended = scene.run(manifest)
    assert (ended.exit, scene.bill) == (2, [])
    assert "10,074 images" in ended.summary["why"]
    assert scene.run(manifest, first=1).exit == 0
