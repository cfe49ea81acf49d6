"""`check` says everything at once, and nothing that only follows from something else."""

from collections.abc import Callable
from pathlib import Path

import pytest

from batchgen.app import checking, planning, running
from batchgen.app.options import Options
from batchgen.app.progress import Unwatched
from batchgen.app.project import open_project
from batchgen.errors import InputError
from tests.rehearsal import Rehearsal


def said(folder: Path, text: str, name: str = "m.yaml") -> list[str]:
    """Every complaint about a manifest, with its place, whoever makes it."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    try:
        found = checking.check(open_project(path, Options())).problems
    except InputError as error:
        found = error.problems
    return [str(problem).replace(f"{folder}/", "") for problem in found]


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (
            "dall-e-3",
            ["no price is known for model 'dall-e-3'", "dall-e-3 was shut down on 2026-05-12; use "],
        ),
        ("gpt-image-25-flare", ["unknown model 'gpt-image-25-flare' (did you mean 'gpt-image-2.5-flare'?): no price"]),
        ("nonesuch", ["unknown model 'nonesuch': no price is known"]),
    ],
)
def test_a_model_without_a_price_is_called_what_it_is(tmp_path: Path, model: str, words: list[str]) -> None:
    """A model that was shut down has its date and successor beside the price that is missing; an unknown one a name."""
    found = said(tmp_path, f"jobs: [{{id: a, prompt: p, model: {model}}}]")
    assert len(found) == len(words), found
    assert all(word in complaint for word, complaint in zip(words, found, strict=True)), found


def places(found: list[str]) -> list[str]:
    """The places of errors, without what is said there."""
    return [complaint.partition(": error: ")[0] for complaint in found if ": error: " in complaint]


STAGES = """\
nmae: x
limits: {concurrency: many}
jobs:
  - prompt: 'a {{ nope }}'
  - {prompt: b, quality: hd}
  - {id: c, prompt: one}
  - {id: c, prompt: two}
  - {prompt: d, rows: gone.csv}
  - {prompt: e, images: [gone.png]}
  - {prompt: f, sise: 1x1}
"""


def test_no_mistake_hides_another(tmp_path: Path) -> None:
    """A key, a name, a file, a picture, what the model refuses and two jobs of one id are told at once, by place."""
    found = said(tmp_path, STAGES)
    assert places(found) == [f"m.yaml:{at}" for at in ("1:1", "2:23", "4:13", "5:26", "7:5", "8:23", "9:25", "10:17")]


def test_an_unknown_provider_hides_no_mistake_of_the_manifest(tmp_path: Path) -> None:
    """Without a provider there is nobody to refuse a quality; everything else is told beside it."""
    found = said(tmp_path, f"provider: nosuch\n{STAGES}")
    told = ("1:11", "2:1", "3:23", "5:13", "8:5", "9:23", "10:25", "11:17")
    assert places(found) == [f"m.yaml:{at}" for at in told]


@pytest.mark.parametrize(
    "command", [lambda path, options: running.run(path, options, Unwatched()), planning.planned], ids=["run", "plan"]
)
def test_nothing_is_planned_or_sent_of_what_is_partly_right(
    scene: Rehearsal, command: Callable[[Path, Options], object]
) -> None:
    """A mistake apart from the jobs that are right stops them too."""
    manifest = scene.manifest([{"id": "a", "prompt": "p"}], nmae="x")
    with pytest.raises(InputError, match="`nmae` is not a known key"):
        command(manifest, scene.options(manifest))
    assert scene.bill == []


CONSEQUENCES = {
    "a slip in `provider`": "provder: apiyi\njobs: [{prompt: p, model: seedream-4}]",
    "a provider that is no text": "provider: [apiyi]\njobs: [{prompt: p, model: seedream-4}]",
    "a slip in `prices`": "prcies: {m: {per_image: 1}}\njobs: [{prompt: p, model: m}]",
    "half a price": "prices: {m: {token_prices: {text_in: 1, image_out: 2}}}\njobs: [{prompt: p, model: m}]",
    "a slip in the model of `defaults`": "defaults: {modle: m}\njobs: [{prompt: p, quality: hd}]",
    "a slip in a job's model": "jobs: [{prompt: p, modle: dall-e-3, quality: hd}]",
    "a section that nobody knows": "model: dall-e-3\njobs: [{prompt: p, quality: hd}]",
    "a key given twice": "jobs: [{prompt: p, model: gpt-image-2, model: dall-e-3, quality: hd}]",
    "a job that another takes pictures of": "jobs:\n- {id: a, prompt: p, sise: x}\n- {prompt: q, images: ['@a']}",
    "a row that another takes pictures of": "jobs: [{id: a, prompt: p, images: [no.png]}, {prompt: q, images: ['@a']}]",
    "the only job": "jobs: [{prompt: p, sise: x}]",
    "pictures meant": "limits: {max_imges: 20000}\njobs: [{prompt: p, n: 10, rows: many.csv}]",
    "a slip in `variables`": "variabels: {b: x}\njobs: [{prompt: '{{ b }} a'}, {prompt: '{{ b }} c'}]",
    "a variable that is a list": "variables: {b: [x]}\njobs: [{prompt: '{{ b }} a'}]",
    "a slip in `matrix`": "jobs: [{prompt: '{{ b }} a', matrx: {b: [x]}}]",
    "a slip in `prompt`": "jobs: [{pormpt: a}]",
    "a slip in the prompt of `defaults`": "defaults: {promt: x}\njobs: [{size: auto}]",
    "a stage": "stages: {preview: {n: two}}\njobs: [{prompt: p}, {prompt: q}]",
    "an output path": "output: {path: ../a}\njobs: [{prompt: p}, {prompt: q}]",
    "a prompt that is a list": "jobs: [{id: '{{ b }}', prompt: ['{{ a }}'], matrix: {a: [x, y], b: [c, d]}}]",
}


@pytest.mark.parametrize("name", CONSEQUENCES)
def test_a_mistake_breeds_no_second_complaint(tmp_path: Path, name: str) -> None:
    """What would only follow from a mistake is not told: one mistake, one line."""
    rows = "\n".join(("a", *(str(number) for number in range(1001))))
    (tmp_path / "many.csv").write_text(f"{rows}\n", encoding="utf-8")
    found = said(tmp_path, CONSEQUENCES[name])
    assert len(found) == 1, found


def test_a_pattern_is_not_doubted_where_jobs_are_missing(tmp_path: Path) -> None:
    """`--only` may mean the very job that is wrong."""
    path = tmp_path / "m.yaml"
    path.write_text("jobs: [{id: a, prompt: p, sise: x}, {id: b, prompt: q}]", encoding="utf-8")
    result = checking.check(open_project(path, Options()), ("a",))
    assert len(result.problems) == 1
