"""Rows, lists, defaults and templates become jobs: which ones, in which order, with what set by whom."""

from itertools import islice
from typing import Any

import pytest

from batchgen.errors import InputError, Problem
from batchgen.manifest import expand, load
from batchgen.manifest.rows.table import Skipped
from batchgen.model import Job, Operation

PRODUCTS = "sku,name\n1,Chair\n2,Table\n"


def prompts(items: list[Any]) -> list[str]:
    """Say what the jobs among these draw."""
    return [item.request.prompt for item in items if isinstance(item, Job)]


def test_the_product_of_rows_and_lists_keeps_its_order(context: Any) -> None:
    """Rows first, then the lists as they are written, the last one fastest."""
    context.write("p.csv", PRODUCTS)
    jobs = context.jobs(
        "jobs: [{rows: p.csv, matrix: {angle: [front, top], colour: [oak, elm]},"
        " prompt: '{{name}} {{angle}} {{colour}}'}]"
    )
    assert prompts(jobs)[:5] == [
        *("Chair front oak", "Chair front elm", "Chair top oak", "Chair top elm", "Table front oak"),
    ]
    assert len(jobs) == 8
    assert [job.place.line for job in jobs] == [2] * 4 + [3] * 4


def test_zip_walks_in_step(context: Any) -> None:
    """The lists of `zip` are one axis beside the matrix."""
    jobs = context.jobs("jobs: [{zip: {a: [1, 2], b: [x, y]}, matrix: {c: [p, q]}, prompt: '{{a}}{{b}}{{c}}'}]")
    assert prompts(jobs) == ["1xp", "1xq", "2yp", "2yq"]


def test_exclude_leaves_out_what_it_names(context: Any) -> None:
    """Every named value must match, those of the row too; what is left out is said."""
    context.write("p.csv", PRODUCTS)
    items = context.items(
        "jobs: [{rows: p.csv, matrix: {c: [oak, elm], d: [1, 2]}, prompt: '{{name}} {{c}} {{d}}',"
        " exclude: [{c: elm, d: 1}, {name: Table}]}]"
    )
    assert prompts(items) == ["Chair oak 1", "Chair oak 2", "Chair elm 2"]
    skipped = [item for item in items if isinstance(item, Skipped)]
    assert len(skipped) == 5
    assert skipped[0].why == "excluded: c elm, d 1"
    assert str(skipped[0].place).endswith("p.csv:2:1")


def test_include_adds_combinations_and_sets_parameters(context: Any) -> None:
    """A combination of its own, or values for those that it does not contradict."""
    items = context.jobs(
        "jobs: [{matrix: {angle: [front, side], c: [oak]}, quality: low,"
        " prompt: '{{angle}} {{c}} {{note|default(\"-\")}}',"
        " include: [{angle: top, c: elm, quality: high}, {angle: side, note: wide}, {c: oak, size: 1x1}]}]"
    )
    assert [(*prompts([j]), j.request.param("quality"), j.request.param("size")) for j in items] == [
        ("front oak -", "low", "1x1"),
        ("side oak wide", "low", "1x1"),
        ("top elm -", "high", None),
    ]


def test_include_alone_is_a_list_of_combinations(context: Any) -> None:
    """Without lists, each entry is a combination."""
    jobs = context.jobs("jobs: [{include: [{a: x}, {a: y, n: 3}], prompt: '{{ a }}'}]")
    assert [(*prompts([job]), job.n) for job in jobs] == [("x", 1), ("y", 3)]


def test_include_may_set_the_prompt(context: Any) -> None:
    """Its values are templates too where they set something of the request."""
    jobs = context.jobs(
        "variables: {b: soft}\njobs: [{matrix: {a: [x]}, prompt: p, include: [{a: y, prompt: '{{a}} {{b}}'}]}]"
    )
    assert prompts(jobs) == ["p", "y soft"]


def test_the_job_stands_above_defaults(context: Any) -> None:
    """What a job sets wins; an empty value sets nothing; what came from `defaults` is known."""
    job = context.jobs(
        "defaults: {model: m, size: 1x1, quality: low, n: 2}\n"
        "jobs: [{prompt: p, size: 2x2, quality: '{{ q }}', rows: [{q: ''}]}]"
    )[0]
    assert job.request.params == (("quality", "low"), ("size", "2x2"))
    assert (job.request.model, job.n, job.inherited) == ("m", 2, frozenset({"model", "quality", "n"}))


def test_templates_reach_every_place(context: Any) -> None:
    """Id, prompt, parameters, tags and the output path see rows, lists and variables."""
    job = context.jobs(
        "variables: {brand: soft}\noutput: {path: '{{ sku }}/{{ id }}-{{ index }}'}\njobs:\n"
        "  - {id: 'a-{{ sku }}', rows: [{sku: '007'}], matrix: {q: [low]}, prompt: '{{ brand }} {{ sku }}',"
        " n: '{{ 1 + 1 }}', quality: '{{ q }}', model: 'm-{{ q }}', tags: {t: '{{ brand }}', empty: }}"
    )[0]
    assert (job.id, job.request.prompt, job.request.model, job.n) == ("a-007", "soft 007", "m-low", 2)
    assert job.request.param("quality") == "low"
    assert job.tags == (("t", "soft"), ("empty", ""))
    assert job.path(1, "webp") == "007/a-007-1.webp"


def test_variables_are_plain_text(context: Any) -> None:
    """A variable is not rendered itself: its braces reach the prompt."""
    assert context.jobs("variables: {v: '{{ x }}'}\njobs: [{prompt: '<{{ v }}>'}]")[0].request.prompt == "<{{ x }}>"


def test_columns_of_csv_manifests_set_or_tag(context: Any) -> None:
    """Columns named like a parameter set it where they are not empty; every other one is a tag."""
    jobs = context.jobs("id,prompt,n,size,sku\na,one,3,1x1,007\n,two,,,008\n", "m.csv")
    assert [(j.n, j.request.params, j.tags, j.explicit_id) for j in jobs] == [
        (3, (("size", "1x1"),), (("sku", "007"),), True),
        (1, (), (("sku", "008"),), False),
    ]
    assert jobs[1].id == jobs[1].key[:12]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("m.tsv", "prompt\tsize\tsku\np\t1x1\t7\n"),
        ("m.jsonl", '{"prompt": "p", "size": "1x1", "sku": 7}\n'),
        ("m.json", '[\n\t{"prompt": "p", "size": "1x1", "sku": 7, "n": null}\n]'),
    ],
)
def test_other_tables_are_manifests_too(context: Any, name: str, text: str) -> None:
    """TSV, JSONL and a JSON list say the same as CSV."""
    job = context.jobs(text, name)[0]
    assert (job.request.prompt, job.request.params, job.tags) == ("p", (("size", "1x1"),), (("sku", "7"),))


def test_json_is_a_manifest_like_yaml(context: Any) -> None:
    """An object in a .json file has the keys of a YAML manifest."""
    text = '{\n\t"defaults": {"size": null, "n": 2},\n\t"jobs": [{"prompt": "p \\u00e9 \\/"}]\n}'
    job = context.jobs(text, "m.json")[0]
    assert (job.request.prompt, job.n, job.request.params) == ("p é /", 2, ())


def test_a_bad_row_does_not_hide_the_others(context: Any) -> None:
    """Rows that cannot be jobs are values among the jobs, each with its place."""
    items = context.items("prompt,n,output_compression\na,1,\n,1,\nb,11,\nc,1,x\nd,1,\n,,\n", "m.csv")
    assert [type(item) for item in items] == [Job, Problem, Problem, Problem, Job, Skipped]
    assert [str(item).split(": ", 1)[-1] for item in items if isinstance(item, Problem)] == [
        "error: the prompt is empty",
        "error: `n` is 1 to 10, not '11'; for more images, vary something or use more jobs",
        "error: `output_compression` should be a whole number, not 'x'",
    ]


def test_what_is_wrong_in_a_row_is_told_in_the_order_of_its_columns(context: Any) -> None:
    """It is the same in every run."""
    names = ["frame_count", "output_compression", "frame_duration_ms"]
    for columns in (names, names[::-1]):
        problems = context.items(f"prompt,{','.join(columns)}\nx,a,b,c\n", "m.csv")
        assert [str(problem).split("`")[1] for problem in problems] == columns


def test_a_row_that_lacks_a_name_is_a_problem(context: Any) -> None:
    """JSONL rows may differ: one that lacks a used name says so at its line."""
    context.write("r.jsonl", '{"a": 1}\n{"b": 2}\n')
    items = context.items("jobs: [{rows: r.jsonl, prompt: '{{ a }}'}]")
    assert isinstance(items[1], Problem)
    assert str(items[1]).endswith(
        "r.jsonl:2:1: error: `prompt`: `a` is not defined; did you mean `b`?"
    ) or "`a`" in str(items[1])


def test_the_same_job_twice_is_one_job(context: Any) -> None:
    """A repeated row is skipped and says which job it repeats; `n` makes no other job of it."""
    items = context.items("id,prompt,n\na,p,1\nb,p,1\na,p,4\n", "m.csv")
    assert [type(item) for item in items] == [Job, Job, Skipped]
    assert items[2].why == "the same as an earlier job a"


def test_expansion_is_lazy_and_repeatable(context: Any) -> None:
    """A product of a billion jobs gives its first three at once, and the same ones again."""
    numbers = ", ".join(str(n) for n in range(1000))
    lists = f"a: [{numbers}], b: [{numbers}], c: [{numbers}]"
    text = f"jobs: [{{matrix: {{{lists}}}, prompt: '{{{{a}}}} {{{{b}}}} {{{{c}}}}'}}]"
    manifest = load(context.write("m.yaml", text))
    first = list(islice(expand(manifest), 3))
    assert prompts(first) == ["0 0 0", "0 0 1", "0 0 2"]
    assert first == list(islice(expand(manifest), 3))


def test_n_needs_an_index_in_the_path(context: Any) -> None:
    """Several images in one file would overwrite each other."""
    items = context.items("output: {path: '{{ id }}'}\njobs: [{prompt: p, n: 2}, {prompt: p, n: 1}]")
    assert isinstance(items[0], Problem)
    assert "{{ index }}" in items[0].message
    assert isinstance(items[1], Job)


@pytest.mark.parametrize("bad", ["@a", "a\nb", "x" * 201, "\x1b[31m"])
def test_ids_are_fit_for_people(context: Any, bad: str) -> None:
    """No reference marks, line breaks, escapes or endless names."""
    items = context.items(f'"id","prompt"\n"{bad}","p"\n', "m.csv")
    assert isinstance(items[0], Problem)


def test_half_a_character_is_refused(context: Any) -> None:
    """A lone surrogate, which JSON can write, cannot be sent."""
    items = context.items('{"prompt": "\\ud800"}\n', "m.jsonl")
    assert isinstance(items[0], Problem)
    assert "surrogate" in items[0].message


def test_operations_follow_from_images(context: Any) -> None:
    """Images make an edit; a generation without them, and a mask without an edit, are told apart."""
    context.image("a.png")
    jobs = context.jobs(
        "jobs: [{prompt: p}, {prompt: p, image: a.png}, {prompt: p, images: [a.png], mask: a.png},"
        " {image: a.png, operation: variation}, {prompt: p, reference_image: a.png}]"
    )
    generate, edit = Operation.GENERATE, Operation.EDIT
    assert [job.request.operation for job in jobs] == [generate, edit, edit, Operation.VARIATION, generate]
    bad = context.items(
        "jobs: [{prompt: p, operation: edit}, {prompt: p, mask: a.png}, {operation: generate, image: a.png}]"
    )
    assert all(isinstance(item, Problem) for item in bad)


def test_a_row_of_any_number_of_missing_images_is_told_in_part(context: Any) -> None:
    """Each image that is left out is a new look at all the others, so there is an end to it."""
    words = ", ".join(f"{number}.png" for number in range(InputError.most + 9))
    assert len(context.items(f"jobs: [{{prompt: p, images: [{words}]}}]")) == InputError.most
