"""Manifests over files as people have them: columns of any name, lists that set, cells that hold several, blanks."""

from typing import Any

import pytest

from batchgen.errors import Severity
from batchgen.manifest import check, load
from batchgen.model import Job, Operation, UrlImage

SHOP = 'Handle,Title,Variant SKU,Body (HTML),name-en_US\nl,Lamp,A1,"<p>Oak<br>lamp</p>",lamp\n'


def warnings(context: Any, text: str, name: str = "m.yaml") -> list[str]:
    """Say what is doubted of a manifest without errors."""
    found = check(load(context.write(name, text)))
    assert found.problems == ()
    return [problem.message for problem in found.warnings]


def errors(context: Any, text: str, name: str = "m.yaml") -> list[str]:
    """Say what is wrong with a manifest, wherever that shows."""
    if said := context.complaints(text, name):
        return list(said)
    return [str(problem).replace(f"{context.folder}/", "") for problem in check(load(context.folder / name)).problems]


def prompts(context: Any, text: str, name: str = "m.yaml") -> list[str]:
    """Return the prompts of a manifest."""
    return [job.request.prompt for job in context.jobs(text, name)]


# ---- columns of any name ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "prompt"),
    [
        ('{{ row["Variant SKU"] }}', "A1"),
        ("{{ row['Body (HTML)'] | striptags }}", "Oak lamp"),
        ('a {{ row["name-en_US"] }}', "a lamp"),
        ("{{ row.Title }} {{ row['Title'] | upper }}", "Lamp LAMP"),
        ("{{ Title }} {{ row['Variant SKU'] }}", "Lamp A1"),
        ("{% if row['Variant SKU'] == 'A1' %}yes{% endif %}", "yes"),
        ('{{ row["nothing"] | default("none") }}', "none"),
    ],
)
def test_a_column_of_any_name_can_be_used(context: Any, template: str, prompt: str) -> None:
    """As `row[...]`, in the fast way and in the other."""
    context.write("r.csv", SHOP)
    quoted = template.replace("'", "''")
    assert prompts(context, f"jobs: [{{rows: r.csv, prompt: '{quoted}'}}]") == [prompt]


def test_columns_get_further_names(context: Any) -> None:
    """Which templates, `only` and paths use like any other; the first names stay."""
    context.write("r.csv", SHOP)
    job = "rows: r.csv, columns: {sku: Variant SKU, text: Body (HTML)}, only: [{sku: A1}]"
    text = f"jobs: [{{id: '{{{{ sku }}}}', {job}, prompt: '{{{{ text | striptags }}}}, {{{{ Title }}}}'}}]"
    assert [(item.id, item.request.prompt) for item in context.jobs(text)] == [("A1", "Oak lamp, Lamp")]
    context.write("r.jsonl", '{"Variant SKU": "A1"}\n')
    assert prompts(context, "jobs: [{rows: r.jsonl, columns: {sku: Variant SKU}, prompt: '{{ sku }}'}]") == ["A1"]


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("{{ variant_sku }}", 'write {{ row["Variant SKU"] }}, or name the column with columns: {variant_sku:'),
        ("{{ Variant SKU }}", 'a column of that name is written {{ row["Variant SKU"] }}'),
        ("{{ Body (HTML) }}", 'a column of that name is written {{ row["Body (HTML)"] }}'),
        ("{{ name-en_US }}", 'is a column; write {{ row["name-en_US"] }}'),
        ("{{ Body (HTML) | striptags }}", 'is written {{ row["Body (HTML)"] }}'),
        ('{{ row["Variant SKUs"] }}', 'write {{ row["Variant SKU"] }}'),
        ("{{ title }}", "did you mean `Title`?"),
    ],
)
def test_the_hint_shows_the_line_to_write(context: Any, written: str, hint: str) -> None:
    """Once, where it stands."""
    context.write("r.csv", SHOP)
    quoted = written.replace("'", "''")
    said = errors(context, f"jobs:\n  - rows: r.csv\n    prompt: '{quoted}'\n")
    assert len(said) == 1
    assert said[0].startswith("m.yaml:3:13: error:")
    assert hint in said[0]


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ("{sku: Variant SKUs}", "there is no column 'Variant SKUs'; did you mean `Variant SKU`?"),
        ("{sku: price}", "there is no column 'price'"),
        ("{my sku: Title}", "'my sku' cannot name a variable; such as `my_sku` is"),
        ("{Title: Handle}", "a column is named 'Title' already"),
    ],
)
def test_a_name_for_a_column_that_cannot_be_is_an_error(context: Any, columns: str, words: str) -> None:
    """At its place."""
    context.write("r.csv", SHOP)
    said = errors(context, f"jobs:\n  - rows: r.csv\n    prompt: x\n    columns: {columns}\n")
    assert len(said) == 1
    assert said[0].startswith("m.yaml:4:15: error:")
    assert words in said[0]


@pytest.mark.parametrize(
    "head", ["ID,Prompt,Image,N,Output Format", "id,PROMPT,image,n,output_format", "Id,prompt,IMAGE,N,Output-Format"]
)
def test_known_columns_are_known_in_any_spelling(context: Any, head: str) -> None:
    """Case, blanks, underscores and hyphens do not matter; what sets nothing is named."""
    context.image("a.png")
    text = f"{head},Season\nx,A lamp,a.png,2,jpeg,spring\n"
    (job,) = context.jobs(text, "m.csv")
    assert (job.id, job.n, job.request.operation, job.request.param("output_format")) == (
        "x",
        2,
        Operation.EDIT,
        "jpeg",
    )
    assert job.tags == (("Season", "spring"),)
    assert check(load(context.folder / "m.csv")).tags == ("Season",)


def test_two_columns_for_one_word_are_an_error(context: Any) -> None:
    """It is not known which is meant; in a line of JSONL too."""
    assert "both set `id`" in errors(context, "ID,prompt,id\na,p,b\n", "m.csv")[0]
    assert "given twice" in errors(context, '{"ID": "a", "id": "b", "prompt": "p"}\n', "m.jsonl")[0]


# ---- lists that set parameters ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("axes", "word", "values"),
    [
        ("matrix: {quality: [low, high]}", "quality", ["low", "high"]),
        ("matrix: {size: [1024x1024, 1536x1024]}", "size", ["1024x1024", "1536x1024"]),
        ("matrix: {background: [transparent, opaque], a: [x]}", "background", ["transparent", "opaque"]),
        ("zip: {output_format: [png, webp], a: [x, y]}", "output_format", ["png", "webp"]),
        ("zip: {quality: [low, auto]}", "quality", ["low", "auto"]),
    ],
)
def test_a_list_named_like_a_parameter_sets_it(context: Any, axes: str, word: str, values: list[str]) -> None:
    """Above the defaults, and whether a template writes it or not."""
    text = f"defaults: {{{word}: {values[0]}}}\njobs: [{{id: 'x-{{{{ {word} }}}}', prompt: p, {axes}}}]"
    jobs = context.jobs(text)
    assert [job.request.param(word) for job in jobs] == values
    assert not any(word in job.inherited for job in jobs)
    assert not [line for line in warnings(context, text) if word in line]


def test_lists_set_models_prompts_images_and_numbers(context: Any) -> None:
    """Every word of a request but the id."""
    context.image("a.png")
    context.image("b.png", "blue")
    assert [
        job.request.model for job in context.jobs("jobs: [{prompt: p, matrix: {model: [gpt-image-2.6, dall-e-3]}}]")
    ] == [
        "gpt-image-2.6",
        "dall-e-3",
    ]
    assert prompts(context, "jobs: [{matrix: {prompt: [A cat, A dog]}}]") == ["A cat", "A dog"]
    jobs = context.jobs("jobs: [{prompt: p, matrix: {image: [a.png, b.png]}}]")
    assert [len(job.request.images) for job in jobs] == [1, 1]
    sizes = "zip: {size: [1024x1024, 1536x1024], n: [1, 3]}"
    assert [job.n for job in context.jobs(f"jobs: [{{prompt: p, {sizes}}}]")] == [1, 3]
    assert [
        job.priority for job in context.jobs("jobs: [{prompt: 'p {{ priority }}', matrix: {priority: [low, 5]}}]")
    ] == [-1, 5]


@pytest.mark.parametrize(
    ("axes", "why"),
    [
        ("matrix: {size: [S, M]}", "'S' is not a value for it"),
        ("matrix: {model: [anna, berta]}", "'anna' is not a value for it"),
        ("matrix: {style: [modern, rustic]}", "'modern' is not a value for it"),
        ("matrix: {background: [transparent, oak]}", "'oak' is not a value for it"),
        ("zip: {quality: [low, best]}", "'best' is not a value for it"),
    ],
)
def test_a_list_of_other_values_stays_a_variable(context: Any, axes: str, why: str) -> None:
    """With a warning that names the first stranger and the line to write."""
    word = axes.partition("{")[2].partition(":")[0]
    text = f"jobs: [{{prompt: 'p {{{{ {word} }}}}', {axes}}}]"
    jobs = context.jobs(text)
    assert len(jobs) == 2
    assert all(job.request.param(word) is None and job.request.model is None for job in jobs)
    (said,) = warnings(context, text)
    assert why in said
    assert f'{word}: "{{{{ {word} }}}}"' in said


def test_a_list_named_n_whose_numbers_are_drawn_counts(context: Any) -> None:
    """It stays a variable, as nobody means one image of house no. 1 and three of no. 3; elsewhere it sets."""
    text = "jobs: [{id: 'h-{{ n }}', prompt: 'House no. {{ n }}', matrix: {n: [1, 2, 3]}}]"
    assert [job.n for job in context.jobs(text)] == [1, 1, 1]
    assert warnings(context, text) == []
    assert [job.n for job in context.jobs(text.replace("no. {{ n }}", "red"))] == [1, 2, 3]


def test_what_the_job_writes_itself_stands(context: Any) -> None:
    """Also above a list of that name."""
    jobs = context.jobs("jobs: [{id: '{{ quality }}', quality: medium, prompt: p, matrix: {quality: [low, high]}}]")
    assert [job.request.param("quality") for job in jobs] == ["medium", "medium"]


@pytest.mark.parametrize(
    ("column", "line"),
    [
        ("quality", "quality: '{{ quality }}'"),
        ("Output Format", "output_format: '{{ row[\"Output Format\"] }}'"),
        ("image", "image: '{{ image }}'"),
    ],
)
def test_a_column_named_like_a_parameter_is_doubted_when_it_sets_nothing(context: Any, column: str, line: str) -> None:
    """With the line to write; not where the job writes the parameter, or the prompt the column."""
    context.write("r.csv", f"sku,{column}\nA1,low\n")
    job = "rows: r.csv, id: '{{ sku }}', prompt: p"
    assert [line in said for said in warnings(context, f"jobs: [{{{job}}}]")] == [True]
    word = line.partition(":")[0]
    if word != "image":
        assert warnings(context, f"jobs: [{{{job}, {word}: high}}]") == []
    assert warnings(context, f"jobs: [{{rows: r.csv, prompt: '{{{{ row[\"{column}\"] }}}}'}}]") == []


# ---- keep only -------------------------------------------------------------------------------------------------------


def test_only_keeps_what_agrees(context: Any) -> None:
    """With one of its entries, of rows and of lists; beside exclude, which takes away from that."""
    context.write("r.csv", "sku,Type\na,simple\nb,variable\nc,simple\nd,bundle\n")
    job = "rows: r.csv, id: '{{ sku }}{{ v }}', prompt: p, matrix: {v: [x, y]}"
    ids = [job.id for job in context.items(f"jobs: [{{{job}, only: [{{Type: simple}}]}}]") if isinstance(job, Job)]
    assert ids == ["ax", "ay", "cx", "cy"]
    both = "only: [{Type: simple, v: x}, {Type: bundle}], exclude: [{sku: c}]"
    ids = [job.id for job in context.items(f"jobs: [{{{job}, {both}}}]") if isinstance(job, Job)]
    assert ids == ["ax", "dx", "dy"]
    assert "did you mean `Type`" in errors(context, f"jobs: [{{{job}, only: [{{type: simple}}]}}]")[0]


# ---- several values in a cell, and images ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "template"),
    [
        ("https://a.example/1.png, https://a.example/2.png", "{{ Images | split(',') }}"),
        ("https://a.example/1.png,https://a.example/2.png", "{{ row.Images | split(',') }}"),
        ("https://a.example/1.png; https://a.example/2.png", "{{ Images | split(';') }}"),
        ("https://a.example/1.png https://a.example/2.png", "{{ Images | split('') }}"),
        ('["https://a.example/1.png", "https://a.example/2.png"]', "{{ Images }}"),
    ],
)
def test_a_cell_of_several_images_is_split(context: Any, cell: str, template: str) -> None:
    """By the separator that is asked for; a list of JSON needs none."""
    quoted = cell.replace('"', '""')
    context.write("r.csv", f'sku,Images\na,"{quoted}"\n')
    written = template.replace("'", "''")
    (job,) = context.jobs(f"jobs: [{{rows: r.csv, prompt: p, images: '{written}'}}]")
    assert job.request.images == (UrlImage("https://a.example/1.png"), UrlImage("https://a.example/2.png"))


def test_lists_of_images_work_in_every_manifest(context: Any) -> None:
    """JSONL, JSON and YAML."""
    context.image("a.png")
    context.image("b.png", "blue")
    texts = {
        "m.jsonl": '{"prompt": "p", "images": ["a.png", "b.png"]}\n',
        "m.json": '[{"prompt": "p", "images": ["a.png", "b.png"]}]',
        "m.csv": "prompt,images\np,a.png;b.png\n",
        "m.yaml": "jobs: [{prompt: p, images: [a.png, b.png]}]",
        "n.yaml": 'jobs: [{prompt: p, images: \'["a.png", "b.png"]\'}]',
    }
    keys = {context.jobs(text, name)[0].key for name, text in texts.items()}
    assert len(keys) == 1


@pytest.mark.parametrize(
    "cell",
    [
        "https://a.example/1.png, https://a.example/2.png",
        "https://a.example/1.png;https://a.example/2.png",
        "https://a.example/1.png https://a.example/2.png",
        "https://a.example/1.png|https://a.example/2.png",
        "a.png;b.png",
        "a.png, b.png",
        "https://",
        "https:///x.png",
    ],
)
def test_what_is_not_one_image_is_an_error_of_check(context: Any, cell: str) -> None:
    """It names the filter that takes several apart, where several are meant."""
    context.image("a.png")
    context.image("b.png")
    context.write("r.csv", f'sku,Images\na,"{cell}"\n')
    (said,) = errors(context, "jobs: [{rows: r.csv, prompt: p, image: '{{ Images }}'}]")
    assert said.startswith("r.csv:2:1: error:")
    if "2" in cell or "b" in cell:
        assert "split(" in said


def test_an_address_in_an_address_is_one(context: Any) -> None:
    """As image services write them."""
    address = "https://img.example/fetch/w_200,h_200/https://a.example/x.png?v=1;2"
    (job,) = context.jobs(f"jobs: [{{prompt: p, image: '{address}'}}]")
    assert job.request.images == (UrlImage(address),)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("<p>Oak lamp</p><p>With <b>linen</b> shade.</p>", "Oak lamp With linen shade."),
        ("Oak<br/>lamp &amp; shade&nbsp;&#8211; <em>large</em>", "Oak lamp & shade \u2013 large"),
        ("<ul><li>one</li><li>two</li></ul><style>p {color: red}</style>", "one two"),
        ("no tags, 3 < 4", "no tags, 3 < 4"),
        ("<!-- note -->x", "x"),
        ("a<script>alert('x')</script>b", "a b"),
    ],
)
def test_tags_are_stripped_to_what_a_person_reads(context: Any, written: str, read: str) -> None:
    """Blocks end words, inner tags do not, entities are the characters they stand for."""
    context.write("r.csv", 'text\n"{}"\n'.format(written.replace('"', '""')))
    assert prompts(context, "jobs: [{rows: r.csv, prompt: '{{ text | striptags }}'}]") == [read]


# ---- values that turn out blank --------------------------------------------------------------------------------------


def test_a_blank_image_is_an_error_unless_it_may_be(context: Any) -> None:
    """In the job, or for all jobs."""
    context.image("a.png")
    context.write("r.csv", "sku,image\na,a.png\nb,\nc, \n")
    job = "rows: r.csv, id: '{{ sku }}', prompt: p, image: '{{ image }}'"
    said = errors(context, f"jobs: [{{{job}}}]")
    assert [line.partition(": error")[0] for line in said] == ["r.csv:3:1", "r.csv:4:1"]
    assert "images_optional: true" in said[0]
    for text in (f"jobs: [{{{job}, images_optional: true}}]", f"images_optional: true\njobs: [{{{job}}}]"):
        kinds = [item.request.operation for item in context.jobs(text)]
        assert kinds == [Operation.EDIT, Operation.GENERATE, Operation.GENERATE]


@pytest.mark.parametrize("template", ["photos/{{ file }}.png", "{{ file | split(',') }}", "{{ file | lower }}"])
def test_a_blank_part_of_an_image_is_a_blank_image(context: Any, template: str) -> None:
    """The whole template is left out, not a path that lacks its middle."""
    context.write("r.csv", "sku,file\nb,\n")
    quoted = template.replace("'", "''")
    job = f"rows: r.csv, id: '{{{{ sku }}}}', prompt: p, images: ['{quoted}']"
    assert ["`file` is blank" in said for said in errors(context, f"jobs: [{{{job}}}]")] == [True]
    (made,) = context.jobs(f"jobs: [{{{job}, images_optional: true}}]")
    assert made.request.images == ()


def test_a_template_that_asks_is_believed(context: Any) -> None:
    """Where it decides what happens to a blank value, nothing is doubted."""
    context.write("r.csv", "sku,colour,image\na,,\n")
    job = "prompt: 'Lamp{% if colour %} in {{ colour }}{% endif %}', image: '{% if image %}{{ image }}{% endif %}'"
    assert warnings(context, f"jobs: [{{rows: r.csv, {job}}}]") == []


def test_a_blank_word_is_doubted_with_its_lines(context: Any) -> None:
    """Once a word and name, for prompts and ids."""
    context.write("r.csv", "sku,name\na,Lamp\nb,\n,Chair\nd, \n")
    said = warnings(context, "jobs: [{rows: r.csv, id: 'x{{ sku }}', prompt: 'Photo of {{ name }}'}]")
    assert said == [
        "`name` is blank, and so is its part of `prompt`: lines 3, 5",
        "`sku` is blank, and so is its part of `id`: line 4",
    ]


def test_rows_without_content_are_told_and_listed(context: Any) -> None:
    """Under `rows` and as a manifest; they are no jobs."""
    context.write("r.csv", "sku,name\nA1,Lamp\n,\n , \nA2,Chair\n")
    found = check(load(context.write("m.yaml", "jobs: [{rows: r.csv, prompt: 'Photo of {{ name }}'}]")))
    assert (found.rows, found.planned, found.skipped) == (4, 2, 2)
    assert ["2 rows have no cell with content and are skipped: lines 3, 4" in w.message for w in found.warnings] == [
        True
    ]
    assert [(row.place.line, row.kind.value) for row in found.left_out if row.place] == [(3, "empty"), (4, "empty")]
    alone = check(load(context.write("m.csv", "prompt,note\nA lamp,x\n,\n")))
    assert (alone.planned, alone.skipped, len(alone.left_out)) == (1, 1, 1)


# ---- other formats and other tools -----------------------------------------------------------------------------------


def test_a_text_file_is_a_manifest(context: Any) -> None:
    """One prompt a line; `rows` take it too."""
    assert prompts(context, "A lamp, lit\n\nA chair; red\n", "m.txt") == ["A lamp, lit", "A chair; red"]
    assert prompts(context, "jobs: [{rows: m.txt, prompt: '{{ prompt }}!'}]") == ["A lamp, lit!", "A chair; red!"]


def test_lines_for_the_batch_api_are_a_manifest(context: Any) -> None:
    """Generations and edits, with what the body asks for."""
    first = '{"model": "gpt-image-2.6", "prompt": "A lamp", "n": 2, "size": "1024x1024", "stream": false}'
    second = '{"prompt": "Red", "images": [{"image_url": "https://a.example/1.png"}]}'
    lines = [
        f'{{"custom_id": "a", "method": "POST", "url": "/v1/images/generations", "body": {first}}}',
        f'{{"custom_id": "b", "url": "/v1/images/edits", "body": {second}}}',
    ]
    jobs = context.jobs("\n".join(lines), "m.jsonl")
    assert [(job.id, job.n, job.request.model, job.request.operation) for job in jobs] == [
        ("a", 2, "gpt-image-2.6", Operation.GENERATE),
        ("b", 1, None, Operation.EDIT),
    ]
    assert jobs[0].request.param("size") == "1024x1024"
    assert jobs[1].request.images == (UrlImage("https://a.example/1.png"),)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"custom_id": "a", "url": "/v1/chat/completions", "body": {"prompt": "p"}}', "draws no images"),
        ('{"custom_id": "a", "url": "/v1/images/generations", "body": {"promt": "p"}}', "did you mean `prompt`?"),
        (
            '{"custom_id": "a", "url": "/v1/images/edits", "body": {"prompt": "p", "image": {"file_id": "f"}}}',
            "uploaded",
        ),
    ],
)
def test_a_line_that_asks_for_something_else_is_an_error(context: Any, line: str, words: str) -> None:
    """With what is wrong in it."""
    (said,) = errors(context, line, "m.jsonl")
    assert words in said


def test_keys_for_notes_are_passed_over(context: Any) -> None:
    """At every level of the manifest; lists, rows and tags keep names that begin alike."""
    text = (
        "x-common: &common {quality: low, x-why: cheap}\nname: m\nlimits: {x-note: none}\n"
        "jobs:\n  - {<<: *common, x-by: me, prompt: '{{ row[\"x-ray\"] }}', matrix: {x-ray: [a]}, tags: {x-tag: t}}\n"
    )
    (job,) = context.jobs(text)
    assert (job.request.prompt, job.request.param("quality"), job.tags) == ("a", "low", (("x-tag", "t"),))


def test_everything_in_one_manifest(context: Any) -> None:
    """The example of the contract."""
    context.write(
        "export.csv",
        "list\nVariant SKU;Title;Type;Images;priority;Body (HTML)\nA1;Lampe;simple;https://a.example/1.png,https://a.example/2.png;high;<p>Gro\u00df</p>\nA2;Stuhl;variable;;;\n".encode(
            "cp1252"
        ),
    )
    text = """
jobs:
  - id: "{{ sku }}-{{ quality }}"
    rows: {file: export.csv, delimiter: ";", encoding: cp1252, header_row: 2}
    columns: {sku: "Variant SKU", name: Title}
    only: [{Type: simple}]
    matrix: {quality: [low, high]}
    images: "{{ Images | split(',') }}"
    prompt: "{{ Title }}, {{ row['Body (HTML)'] | striptags }}"
    priority: "{{ priority }}"
"""
    jobs = [item for item in context.items(text) if isinstance(item, Job)]
    assert [(job.id, job.request.prompt, job.request.param("quality"), job.priority) for job in jobs] == [
        ("A1-low", "Lampe, Gro\u00df", "low", 1.0),
        ("A1-high", "Lampe, Gro\u00df", "high", 1.0),
    ]
    assert all(len(job.request.images) == 2 for job in jobs)
    assert all(problem.severity is Severity.WARNING for problem in check(load(context.folder / "m.yaml")).problems)
