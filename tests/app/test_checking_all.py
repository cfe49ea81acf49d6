"""`check` says everything at once, and nothing that only follows from something else."""

from collections.abc import Callable
from pathlib import Path

import pytest

from batchgen.app.config.options import Options
from batchgen.app.config.project import open_project
from batchgen.app.preview import check, plan
from batchgen.app.run import start
from batchgen.app.watch import Unwatched
from batchgen.errors import InputError
from tests.rehearsal import Rehearsal


def said(folder: Path, text: str, name: str = "m.yaml") -> list[str]:
    """Every complaint about a manifest, with its place, whoever makes it."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    try:
        found = check.check(open_project(path, Options())).problems
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
    """Check that the places of errors, without what is said there."""
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
  - {prompt: f, sise: 1024x1024}
"""


def test_no_mistake_hides_another(tmp_path: Path) -> None:
    """A key, a name, a file, an image, what the model refuses and two jobs of one id are told at once, by place."""
    found = said(tmp_path, STAGES)
    assert places(found) == [f"m.yaml:{at}" for at in ("1:1", "2:23", "4:13", "5:26", "7:5", "8:23", "9:25", "10:17")]


def test_an_unknown_provider_hides_no_mistake_of_the_manifest(tmp_path: Path) -> None:
    """Without a provider there is nobody to refuse a quality; everything else is told beside it."""
    found = said(tmp_path, f"provider: nosuch\n{STAGES}")
    told = ("1:11", "2:1", "3:23", "5:13", "8:5", "9:23", "10:25", "11:17")
    assert places(found) == [f"m.yaml:{at}" for at in told]


@pytest.mark.parametrize(
    "command",
    [lambda path, options: start.run_manifest(path, options, Unwatched()), plan.plan_manifest],
    ids=["run", "plan"],
)
def test_nothing_is_planned_or_sent_of_what_is_partly_right(
    scene: Rehearsal, command: Callable[[Path, Options], object]
) -> None:
    """A mistake apart from the jobs that are right stops them too."""
    manifest = scene.manifest([{"id": "a", "prompt": "p"}], nmae="x")
    with pytest.raises(InputError, match="`nmae` is not a known key"):
        command(manifest, scene.options(manifest))
    assert scene.bill == []


TOGETHER = {
    "all cells of a row": (
        "m.csv",
        "id,prompt,n,output_compression,images,mask,operation,size\n@a,,two,high,gone.png;gone2.png,no.png,edits,5x5\n",
        ("2:1",) * 7,  # what may follow from images and operation that are not known is left out: the prompt, the size
    ),
    "a cell, and what the model refuses": ("m.csv", "prompt,n,quality\np,two,hd\n", ("2:1", "2:1")),
    "rows below a head without `prompt`": ("m.csv", "promt,n\np,two\nq,0\n", ("1:1", "2:1", "3:1")),
    "items of a list": (
        "m.json",
        '[{"prompt": "a", "prompt": "b"},\n "text",\n {"prompt": [[]], "n": {}},\n {"prompt": "c", "n": "x"}]',
        ("1:18", "2:2", "3:13", "3:24", "4:1"),
    ),
    "a section that nobody knows": (
        "m.yaml",
        "version: 2\njobs: [{prompt: p, n: 0, quality: hd}]",
        ("1:1", "2:23", "2:35"),
    ),
    "names that nobody knows": (
        "m.yaml",
        "words: {b: x}\njobs: [{prompt: '{{ b }}', size: 5x5}, {prompt: p, rows: gone.csv}]",
        ("1:1", "2:34", "2:58"),
    ),
    "behind a slip": ("m.yaml", "limts: {concurrency: many}\njobs: [{prompt: p}]", ("1:1", "1:22")),
    "a value of the wrong kind behind a slip": (
        "m.yaml",
        "jobs: [{prompt: p, sise: [5x5], n: 0}]",
        ("1:20", "1:26", "1:36"),
    ),
    "two slips deep": (
        "m.yaml",
        "outptu: {pth: ../a}\njobs: [{prompt: p, sise: 5x5}]",
        ("1:1", "1:10", "1:15", "2:20", "2:26"),
    ),
    "a word of jobs at the top": ("m.yaml", "modle: gpt-image-2\njobs: [{prompt: p, quality: hd}]", ("1:1", "2:29")),
    "an entry that is text": ("m.yaml", "jobs: [hello, {prompt: p, size: 5x5}]", ("1:8", "1:33")),
    "a key given twice": (
        "m.yaml",
        "name: a\nname: b\njobs: [{prompt: p, size: 5x5, n: 1, n: 2}, {prompt: q, rows: gone.csv}]",
        ("2:1", "3:26", "3:37", "3:62"),
    ),
    "what is the same for all rows that are missing": (
        "m.yaml",
        "jobs:\n- {prompt: '{{ a }}', rows: no.csv, quality: hd, user: '{{ b }}'}\n- {prompt: p, rows: x.csv, n: 0}",
        ("2:29", "2:46", "3:21", "3:31"),
    ),
    "rows, beside a name that none of them has": (
        "m.yaml",
        "jobs: [{prompt: '{{ a }}, {{ nope }}', rows: r.csv, n: '{{ n }}'}]",
        ("m.yaml:1:17", "r.csv:3:1"),
    ),
    "the jobs of one id": ("m.yaml", "jobs: [{id: a, prompt: p, n: 0}, A]", ("1:30", "1:34")),
    "jobs, under a path that is wrong": (
        "m.yaml",
        "output: {path: ../a, shop: {sku: '{{ b }}'}}\njobs: [{prompt: p, size: 5x5}]",
        ("1:16", "1:34", "2:26"),
    ),
    "jobs, below defaults that are wrong": (
        "m.yaml",
        "defaults: {n: two, size: [x]}\njobs: [{prompt: p, quality: hd}, {prompt: q, n: 1, size: 5x5}]",
        ("1:15", "1:26", "2:29", "2:58"),
    ),
    "stages": (
        "m.yaml",
        "stages: {preview: {n: two, sise: 5x5}, final: {quality: ultra}}\njobs: [{prompt: p, images: [no.png]}]",
        ("1:23", "1:28", "2:28"),
    ),
    "jobs, beside a section of their name": (
        "m.yaml",
        "stages: {final: {n: 1}, jobs: {quality: low}}\njobs: [{prompt: p, n: 0}]",
        ("1:9", "1:25", "2:23"),
    ),
    "jobs, beside half a price": (
        "m.yaml",
        "prices: {m: {token_prices: {text_in: 1, image_in: x}}}\njobs: [{prompt: p, n: 0, size: 5x5}]",
        ("1:28", "1:51", "2:23", "2:32"),
    ),
    "jobs, beside two items of one list that are none": (
        "m.yaml",
        "jobs:\n- {prompt: p, exclude: [x, y], n: 0}\n- {prompt: p, rows: [x, {a: [y]}], n: 0}\n- {prompt: q, n: 0}",
        ("2:25", "2:28", "2:35", "3:22", "3:29", "3:39", "4:18"),
    ),
    "an image, beside one that is a list": (
        "m.yaml",
        "defaults: {images: [[x], no.png]}\njobs: [{prompt: p}, {prompt: p, images: [[x], gone.png]}]",
        ("1:20", "1:21", "2:41", "2:42"),
    ),
    "images of no job, beside a job whose id is known": (
        "m.yaml",
        "jobs: [{id: a, prompt: p, n: 0, images: ['@no']}, {id: b, prompt: q, images: ['@nope']}]",
        ("1:30", "1:41", "1:78"),
    ),
    "a job, beside what an entry of `include` sets": (
        "m.yaml",
        "jobs: [{prompt: '{{ a }}', size: 5x5, n: 0, matrix: {a: [x, y]}, include: [{a: x, model: gpt-image-2}]}]",
        ("1:8", "1:34", "1:42"),
    ),
    "two circles of jobs": (
        "m.yaml",
        "jobs: [{id: a, prompt: p, image: '@a'}, {id: b, prompt: p, image: '@b'}]",
        ("1:8", "1:41"),
    ),
    "jobs that wait for each other": (
        "m.yaml",
        "jobs: [{id: a, prompt: p, images: ['@b']}, {id: b, prompt: q, images: ['@a'], n: 0}]",
        ("1:8", "1:82"),
    ),
    "what goes into a shop, and what the model refuses": (
        "m.yaml",
        "output: {shop: {sku: '{{ 1/0 }}'}}\njobs: [{prompt: p, size: 5x5}, {prompt: q, n: 0}]",
        ("2:8", "2:26", "2:32", "2:47"),
    ),
    "the file of a job that is wrong": (
        "m.yaml",
        "output: {path: a}\njobs: [{prompt: p, n: 0}, {prompt: q, user: '{{ b }}'}, {prompt: r, size: 5x5}]",
        ("2:23", "2:27", "2:45", "2:57", "2:75"),
    ),
    "what the model refuses of stages, once for all jobs": (
        "m.yaml",
        "stages: {preview: {size: 5x5}, final: {quality: ultra}}\njobs: [{prompt: p}, {prompt: q}]",
        ("1:26", "1:49"),
    ),
}


@pytest.mark.parametrize("name", TOGETHER)
def test_mistakes_are_told_together(tmp_path: Path, name: str) -> None:
    """Every mistake that does not follow from another is told in one go, with its place."""
    (tmp_path / "r.csv").write_text("a,n\nx,1\ny,0\n", encoding="utf-8")
    file, text, expected = TOGETHER[name]
    told = said(tmp_path, text, file)
    assert places(told) == [at if at.count(":") > 1 else f"{file}:{at}" for at in expected], told


VARIED = "prompt: '{{ b }}', size: '{{ b }}', matrix: {b: [5x5, auto]}"
CONSEQUENCES = {
    "a slip in `provider`": "provder: apiyi\njobs: [{prompt: p, model: gpt-image-2-all}]",
    "a provider that is no text": "provider: [apiyi]\njobs: [{prompt: p, model: seedream-4}]",
    "a slip in `prices`": "prcies: {gpt-image-2: {per_image: 1}}\njobs: [{prompt: p, model: gpt-image-2}]",
    "half a price": "prices: {m: {token_prices: {text_in: 1, image_out: 2}}}\njobs: [{prompt: p, model: m}]",
    "a slip in the model of `defaults`": "defaults: {modle: gpt-image-2}\njobs: [{prompt: p, size: 1024x1536}]",
    "a slip in a job's model": "jobs: [{prompt: p, modle: gpt-image-2, quality: high}]",
    "a model that is no text": "jobs: [{prompt: p, model: [dall-e-3], quality: hd}]",
    "a model at the top": "model: gpt-image-2\njobs: [{prompt: p, quality: high}]",
    "a model in a section that nobody knows": "request: {model: dall-e-3}\njobs: [{prompt: p, quality: hd}]",
    "a model in a key that nobody knows": "jobs: [{prompt: p, with: {model: dall-e-3}, quality: hd}]",
    "a key given twice": "jobs: [{prompt: p, model: gpt-image-2, model: dall-e-3, quality: hd}]",
    "an n that another counts on": "jobs: [{id: a, prompt: p, n: eight}, {prompt: q, images: ['@a[3]']}]",
    "a job that another takes images of": "jobs:\n- {id: a, prompt: p, sise: auto}\n- {prompt: q, images: ['@a']}",
    "a job of text that another takes images of": "jobs: [a, {prompt: q, images: ['@a']}]",
    "a row that another takes images of": "jobs: [{id: a, prompt: p, images: [no.png]}, {prompt: q, images: ['@a']}]",
    "the only job": "jobs: [{prompt: p, sise: auto}]",
    "a slip in `jobs`": "job: [{prompt: p}]",
    "jobs that are no list": "jobs: {prompt: p}",
    "images meant": "limits: {max_imges: 20000}\njobs: [{prompt: p, n: 10, rows: many.csv}]",
    "a slip in `variables`": "variabels: {b: x}\njobs: [{prompt: '{{ b }} a'}, {prompt: '{{ b }} c'}]",
    "variables under another name": "words: {b: x}\njobs: [{prompt: '{{ b }}', rows: many.jsonl}]",
    "rows under another name": "jobs: [{prompt: '{{ b }} a', source: b.csv}]",
    "rows at the top": "source: b.csv\njobs: [{prompt: '{{ b }} a'}]",
    "a variable that is a list": "variables: {b: [x]}\njobs: [{prompt: '{{ b }} a'}]",
    "a variable given twice": "variables: {b: x, b: y}\njobs: [{prompt: '{{ b }} a', rows: many.jsonl}]",
    "a slip in `matrix`": "jobs: [{prompt: '{{ b }} a', matrx: {b: [x]}}]",
    "a matrix that is a list": "jobs: [{id: '{{ b }}', prompt: '{{ b }} a', matrix: [x]}]",
    "a list of the matrix that is text": "jobs: [{id: '{{ b }}', prompt: '{{ b }} a', matrix: {b: x}}]",
    "a slip in `exclude`": "jobs: [{B, exclde: [{b: 5x5}]}]",
    "an exclude that is no list": "jobs: [{B, exclude: {b: 5x5}}]",
    "an exclude of nothing": "jobs: [{B, exclude: [{c: 5x5}]}]",
    "lists of a zip": "jobs: [{prompt: '{{ a }}', size: '{{ b }}', zip: {a: [x], b: [5x5, auto]}}]",
    "an include that is text": "jobs: [{size: auto, include: x}]",
    "a slip in `prompt`": "jobs: [{pormpt: a}]",
    "a slip in the prompt of `defaults`": "defaults: {promt: x}\njobs: [{size: auto}]",
    "a stage": "stages: {preview: {n: two}}\njobs: [{prompt: p}, {prompt: q}]",
    "stages that are no stages": "stages: x\njobs: [{prompt: p, model: gpt-image-1}, {prompt: q}]",
    "an output path": "output: {path: ../a}\njobs: [{prompt: p}, {prompt: q}]",
    "an output path without an index": "output: {pth: '{{ id }}'}\njobs: [{id: a, prompt: p}]",
    "a name of the output path": "output: {path: '{{ b }}/{{ index }}'}\njobs: [{prompt: p, rows: many.csv}]",
    "a name of the shop": "output: {shop: {sku: '{{ b }}'}}\njobs: [{prompt: '{{ a }}', rows: many.csv}]",
    "both kinds of images": "jobs: [{prompt: p, image: '@a', images: ['@a'], operation: edit}, A]",
    "an operation": "jobs: [{prompt: p, operation: edits, mask: '@a'}, A]",
    "two jobs of one id, in stages": "stages: {preview: {n: 1}}\njobs: [{id: a, prompt: p}, {id: a, prompt: q}]",
    "an image of no job, in stages": "stages: {preview: {n: 1}}\njobs: [{prompt: q, image: '@b'}]",
    "an image beyond a job's, in stages": "stages: {preview: {quality: low}}\njobs: [{prompt: p, image: '@a[1]'}, A]",
    "jobs in a circle, in stages": "stages: {preview: {n: 1}}\njobs: [{id: a, prompt: q, image: '@a'}]",
    "a model in an entry of `include`": (
        "jobs: [{prompt: '{{ a }}', quality: xhigh, matrix: {a: [x, y]}, include: [{a: x, model: '{{ b }}'}]}]"
    ),
    "two jobs of one file, in stages": (
        "output: {path: '{{ index }}'}\nstages: {preview: {quality: low}}\njobs: [{prompt: p}, A]"
    ),
    "an id that no row decides": "jobs: [{id: '{{ b|default(1) }}', prompt: p, rows: no.csv, n: '{{ b|default(0) }}'}]",
    "an id of an include": (
        "jobs: [{id: a, prompt: p, exclude: [{c: d}], include: [{id: b}]}, {prompt: q, image: '@b'}]"
    ),
    "no image for a mask": "jobs: [{prompt: p, operation: edit, images: [gone.png], mask: '@a'}, A]",
    "a template that is none": "jobs: [{prompt: '{{', size: auto}]",
    "a prompt that is a list": "jobs: [{id: '{{ b }}', prompt: ['{{ a }}'], matrix: {a: [x, y], b: [c, d]}}]",
    "an alias with a key given twice": "variables: &a {x: 1, x: 2}\njobs: [{prompt: p, tags: *a}]",
}


@pytest.mark.parametrize("name", CONSEQUENCES)
def test_a_mistake_breeds_no_second_complaint(tmp_path: Path, name: str) -> None:
    """What would only follow from a mistake is not told: one mistake, one line."""
    rows = "\n".join(("a", *(str(number) for number in range(1001))))
    (tmp_path / "many.csv").write_text(f"{rows}\n", encoding="utf-8")
    (tmp_path / "many.jsonl").write_text('{"a": 1}\n{"a": 2}\n', encoding="utf-8")
    (tmp_path / "b.csv").write_text("b\nx\n", encoding="utf-8")
    text = CONSEQUENCES[name].replace(" A]", " {id: a, prompt: q}]").replace("{B,", f"{{{VARIED},")
    found = said(tmp_path, text)
    assert len(found) == 1, found


def test_a_pattern_is_not_doubted_where_jobs_are_missing(tmp_path: Path) -> None:
    """`--only` may mean the very job that is wrong."""
    path = tmp_path / "m.yaml"
    path.write_text("jobs: [{id: '{{ a }}', prompt: p}, {id: b, prompt: q}]", encoding="utf-8")
    result = check.check(open_project(path, Options()), ("a",))
    assert len(result.problems) == 1
