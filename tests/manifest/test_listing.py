"""How a shop lists a job: templates that are looked up before any row is read, and that every job may use."""

from pathlib import Path

import pytest

from batchgen.errors import InputError
from batchgen.manifest import expand, load
from batchgen.model import Job, Listing, Variant

JOBS = """
jobs:
  - rows: [{sku: A, name: " Chair\n oak "}]
    matrix: {m: [x, y], angle: [front], prompt: [far]}
    model: "{{ m }}"
    prompt: "{{ name }} {{ angle }} {{ prompt }}"
"""


def written(folder: Path, output: str) -> Path:
    """Return a manifest with this section."""
    path = folder / "scene.yaml"
    path.write_text(f"output: {output}\n{JOBS}", "utf-8")
    return path


@pytest.mark.parametrize(
    ("output", "complaint"),
    [
        ("{shop: {alt: x}}", r"scene.yaml:1:16: .*sku"),
        ('{shop: {sku: "{{ skuu }}"}}', r"scene.yaml:1:22: .*did you mean `sku`"),
        ('{shop: {sku: "{{ path }}"}}', r"scene.yaml:1:22: .*`path` is not defined"),
        ('{shop: {sku: "{{ sku"}}', r"scene.yaml:1:22: .*`sku`: is not a valid template"),
        ("{shop: {sku: x, price: 1}}", r"scene.yaml:1:25: .*price"),
        ('{shop: {sku: x, url: "{{ nowhere }}"}}', r"scene.yaml:1:30: .*`nowhere` is not defined"),
        ("{sidecars: perhaps}", r"scene.yaml:1:20: .*sidecars"),
    ],
)
def test_a_wrong_word_is_told_before_anything_is_spent(tmp_path: Path, output: str, complaint: str) -> None:
    """What no row can give is said once, where it is written."""
    with pytest.raises(InputError, match=complaint):
        load(written(tmp_path, output))


def test_every_job_has_its_listing_and_its_variant(tmp_path: Path) -> None:
    """Texts are on one line each; what decides the price or is called `prompt` is a way to draw the same."""
    loaded = load(
        written(tmp_path, '{shop: {sku: "{{ sku }}-{{ m }}", alt: "{{ name }}", url: "//x/{{ path }}?{{ id }}"}}')
    )
    first, second = (job for job in expand(loaded) if isinstance(job, Job))
    assert first.listing == Listing("A-x", "Chair oak", f"//x/{{path}}?{first.id}")
    assert first.variant == Variant("job 1, row 1, angle front", "x, far")
    assert second.variant == Variant("job 1, row 1, angle front", "y, far")


def test_listing_and_variant_are_no_part_of_the_key(tmp_path: Path) -> None:
    """Words for the shop never make a job new."""
    plain = [job.key for job in expand(load(written(tmp_path, "{}"))) if isinstance(job, Job)]
    listed = [job.key for job in expand(load(written(tmp_path, "{shop: {sku: x}}"))) if isinstance(job, Job)]
    assert plain == listed


def test_rows_on_one_line_are_different_things(tmp_path: Path) -> None:
    """What is compared stands for the same row, also where many rows share a line; rows of a file have theirs."""
    (tmp_path / "rows.csv").write_text("sku\nA\nB\n", "utf-8")
    ways = "quality: '{{ q }}', matrix: {q: [low, high]}"
    inline = f"{{prompt: 'A {{{{ sku }}}}', {ways}, rows: [{{sku: A}}, {{sku: B}}]}}"
    of_a_file = f"{{prompt: 'B {{{{ sku }}}}', {ways}, rows: rows.csv}}"
    path = tmp_path / "scene.yaml"
    path.write_text(f"jobs: [{inline}, {of_a_file}]\n", "utf-8")
    found = [job.variant for job in expand(load(path)) if isinstance(job, Job) and job.variant]
    assert [variant.of for variant in found] == [
        *["job 1, row 1"] * 2,
        *["job 1, row 2"] * 2,
        *["job 2, rows.csv:2"] * 2,
        *["job 2, rows.csv:3"] * 2,
    ]
