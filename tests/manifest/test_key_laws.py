"""What may change without paying again, and what may not."""

import csv
import io
import json
import random
from collections.abc import Callable
from typing import Any
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen.errors import Problem, Severity
from batchgen.manifest import resolve
from batchgen.model import FileImage, Job

BASE = "id,prompt,size,n\na,One é,1x1,2\nb,Two,,1\nc,Three,2x2,4\n"


def keys(jobs: list[Job]) -> list[str]:
    """Keys in the order of the jobs."""
    return [job.key for job in jobs]


@pytest.mark.parametrize(
    "edited",
    [
        BASE.replace(",2\n", ",4\n"),
        BASE.replace("é", "e\u0301"),
        BASE.replace("\n", "\r\n"),
        "\ufeff" + BASE,
        BASE.replace("\n", ",note\n", 1)
        .replace("1x1,2", "1x1,2,x")
        .replace("Two,,1", "Two,,1,y")
        .replace("2x2,4", "2x2,4,"),
        "\n".join(",".join(reversed(line.split(","))) for line in BASE.splitlines()),
        BASE.replace("One é", '"One é"'),
    ],
    ids=["n", "NFD", "line ends", "byte order mark", "another column", "columns in another order", "quotes"],
)
def test_what_is_not_asked_for_is_not_in_the_key(context: Any, edited: str) -> None:
    """Raising n, composition, line ends, quotes, unused columns and their order leave every key as it is."""
    assert keys(context.jobs(BASE, "m.csv")) == keys(context.jobs(edited, "m.csv"))


def test_shuffled_rows_keep_their_keys(context: Any) -> None:
    """Order and row numbers are no part of a job."""
    head, *rows = BASE.splitlines()
    random.Random(7).shuffle(rows)
    assert set(keys(context.jobs("\n".join([head, *rows]), "m.csv"))) == set(keys(context.jobs(BASE, "m.csv")))


WRITTEN_OUT = """
jobs:
  - {id: a, prompt: One é, size: 1x1, n: 2}
  - {id: b, prompt: Two}
  - {id: c, prompt: Three, size: 2x2}
"""
BY_ROWS = """
# a remark, and settings that are no part of a job
name: other
provider: mock
limits: {max_cost: 3}
output: {path: "x/{{ id }}-{{ index }}"}
prices: {m: {per_image: 1}}
jobs:
  - id: "{{ i }}"
    prompt: "{{ p }}"
    size: "{{ s }}"
    rows: [{i: a, p: One é, s: 1x1}, {i: b, p: Two, s: ""}, {i: c, p: Three, s: 2x2, extra: 1}]
"""
BY_DEFAULTS = """
defaults: {size: 1x1}
variables: {one: One é}
jobs:
  - {id: a, prompt: "{{ one }}"}
  - {id: c, prompt: Three, size: 2x2}
"""


@pytest.mark.parametrize("text", [WRITTEN_OUT, BY_ROWS, BY_DEFAULTS])
def test_yaml_and_csv_of_the_same_jobs_have_the_same_keys(context: Any, text: str) -> None:
    """How a job is written down, and in which file, does not matter."""
    assert set(keys(context.jobs(text))) <= set(keys(context.jobs(BASE, "m.csv")))


def is_doubt(item: object) -> bool:
    """Whether an item only says that a value is blank."""
    return isinstance(item, Problem) and item.severity is Severity.WARNING


cells = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=10)
rows = st.lists(st.fixed_dictionaries({"prompt": cells, "size": cells, "user": cells, "sku": cells}), max_size=6)


@given(rows)
def test_csv_yaml_and_jsonl_agree_for_any_text(contexts: Callable[[], Any], wanted: list[dict[str, str]]) -> None:
    """Three ways to write the same rows expand to the same keys, problems and repetitions."""
    context = contexts()
    out = io.StringIO()
    writer = csv.DictWriter(out, ["prompt", "size", "user", "sku"])
    writer.writeheader()
    writer.writerows(wanted)
    inline = json.dumps(wanted, ensure_ascii=False)
    yaml = f"jobs: [{{rows: {inline}, prompt: '{{{{prompt}}}}', size: '{{{{size}}}}', user: '{{{{user}}}}'}}]"
    texts = {"m.csv": out.getvalue(), "m.jsonl": "".join(json.dumps(row) + "\n" for row in wanted), "m.yaml": yaml}
    found = [
        [item.key if isinstance(item, Job) else "no job" for item in context.items(text, name) if not is_doubt(item)]
        for name, text in texts.items()
    ]
    assert found[0] == found[1] == found[2]


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=10))
def test_composition_is_one_and_the_same(contexts: Callable[[], Any], text: str) -> None:
    """NFC and NFD of any prompt, id and parameter have one key."""
    context = contexts()
    items = [
        context.items(json.dumps({"id": f"i{text}", "prompt": f"p{text}", "user": f"u{text}"}) + "\n", "m.jsonl")
        for text in (normalize("NFC", text), normalize("NFD", text))
    ]
    assert len({item[0].key if isinstance(item[0], Job) else "no job" for item in items}) == 1


@pytest.mark.parametrize(
    "change",
    [
        ("One é", "One e"),
        ("a,One", "A,One"),
        ("1x1", "1x2"),
        ("1x1", ""),
        ("One é", "One é "),
    ],
)
def test_what_is_asked_for_is_in_the_key(context: Any, change: tuple[str, str]) -> None:
    """Another prompt, id or parameter, to the letter, is another job; the other rows stay what they are."""
    before, after = keys(context.jobs(BASE, "m.csv")), keys(context.jobs(BASE.replace(*change), "m.csv"))
    assert before[0] != after[0]
    assert before[1:] == after[1:]


def test_model_and_operation_are_in_the_key(context: Any) -> None:
    """A named model is asked for; the provider's default model is not."""
    context.image("a.png")
    edit = "{prompt: p, image: a.png}"
    jobs = context.jobs(
        f"jobs: [{{prompt: p}}, {{prompt: p, model: m}}, {edit}, {{prompt: p, image: a.png, mask: a.png}}]"
    )
    assert len(set(keys(jobs))) == 4


def test_a_image_counts_by_its_bytes(context: Any) -> None:
    """Renaming an input keeps the key, another content changes it, also behind `reference_image`."""
    context.image("a.png", "red")
    context.image("b/c.png", "red")
    context.image("d.png", "blue")
    for word in ("image", "reference_image"):
        texts = [f"jobs: [{{prompt: p, {word}: {name}}}]" for name in ("a.png", "b/c.png", "d.png")]
        first, renamed, other = (keys(context.jobs(text)) for text in texts)
        assert first == renamed != other


CHAINED = "jobs: [{id: hat, prompt: h, n: 2}, {id: cat, prompt: c, images: ['@hat', '@hat[1]'], mask: '@hat'}]"


def test_a_chained_job_is_keyed_by_the_images_it_takes(context: Any) -> None:
    """Resolved, it has the key of a job with those files; another hat gives another key, and id and path stay."""
    job = context.jobs(CHAINED)[1]
    assert job.waits_for == ("hat",)
    hats = [FileImage(f"h{n}.png", f"{n}" * 64, 1, 2, 2) for n in range(3)]
    first, other = resolve(job, {"hat": hats[:2]}), resolve(job, {"hat": hats[1:]})
    assert first.request.images == (hats[0], hats[1], hats[1])
    assert first.request.mask == hats[0]
    assert len({job.key, first.key, other.key}) == 3
    assert first.id == job.id
    assert first.path(0, "png") == job.path(0, "png")
    assert not first.waits_for


@pytest.mark.parametrize("stored", [{}, {"hat": []}, {"hat": [FileImage("h.png", "0" * 64, 1, 2, 2)]}])
def test_a_missing_image_keeps_a_chained_job_waiting(context: Any, stored: dict[str, list[FileImage]]) -> None:
    """What is not stored yet cannot be taken."""
    with pytest.raises(LookupError):
        resolve(context.jobs(CHAINED)[1], stored)
