"""What people's files mean and do not say: nearly a parameter, blank cells, words of other tools, foreign paths."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from batchgen import manifest

Tell = Callable[..., list[str]]
YAML = "name: x\njobs:\n  - "
MIXED = "id,prompt,Image,mask\na,A lamp,,\n,A sofa,,\n\nc,A hat,a.png,\nd,A cap,a.png,a.png\n"


@pytest.fixture
def told(tmp_path: Path) -> Tell:
    """Tell what is said of a manifest: severity, file, line and words."""
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")

    def tell(text: str, name: str = "m.yaml", **others: str) -> list[str]:
        for file, content in {name.replace(".", "_"): text, **others}.items():
            (tmp_path / file.replace("_", ".")).write_text(content, "utf-8")
        found = manifest.check(manifest.read(tmp_path / name))
        places = ((one, one.place) for one in (*found.problems, *found.warnings))
        return [
            f"{one.severity.name} {place and Path(place.file).name}:{place and place.line} {one.message}"
            for one, place in places
        ]

    return tell


@pytest.mark.parametrize(
    ("lists", "name", "word", "value"),
    [
        ("matrix: {Quality: [low, high]}", "Quality", "quality", "low"),
        ("zip: {Output_Format: [webp, png]}", "Output_Format", "output_format", "webp"),
        ("matrix: {SIZE: [1024x1024, 1536x1024]}", "SIZE", "size", "1024x1024"),
    ],
)
def test_a_list_that_is_nearly_named_like_a_parameter_is_doubted(
    told: Tell, lists: str, name: str, word: str, value: str
) -> None:
    """It sets nothing, so both would be drawn alike; not where the job sets it, or the values are others."""
    job = f"{{id: '{{{{ {name} }}}}', prompt: x, {lists}}}"
    (said,) = told(YAML + job)
    assert said.startswith("WARNING m.yaml:3 ")
    assert said.endswith(f"name the list `{word}`")
    assert told(YAML + job.replace("prompt: x", f"prompt: x, {word}: {value}")) == []
    assert told(YAML + "{id: '{{ Size }}', prompt: 'x {{ Size }}', matrix: {Size: [S, M]}}") == []


def test_blank_cells_of_a_table_are_told_where_other_rows_have_some(told: Tell) -> None:
    """With the lines of the rows and what follows; a column that no row fills says nothing."""
    assert told(MIXED, "m.csv") == [
        "WARNING m.csv:2 `Image` is blank, so an image is made from a prompt alone: lines 2, 3",
        "WARNING m.csv:2 `mask` is blank, so all of the image is changed: lines 2, 3, 5",
        "WARNING m.csv:3 `id` is blank, so the key names the job: line 3",
    ]
    assert told("id,prompt,image\na,A lamp,\nb,A sofa,\n", "m.csv") == []


def test_a_check_for_duplicates_within_no_tag_is_told(told: Tell) -> None:
    """It would compare none, and say nothing."""
    text = "checks: {duplicate: {within: skn}}\njobs: [{id: a, prompt: x, tags: {sku: b}}]\n"
    assert told(text) == [
        "WARNING m.yaml:1 no job has the tag 'skn', so no image is compared with others; did you mean `sku`?"
    ]
    assert told(text.replace("skn", "sku")) == []
    wrong = told(text.replace("{sku: b}", "{skn: [1]}"))
    assert [said.split()[0] for said in wrong] == ["ERROR"]


@pytest.mark.parametrize(
    ("yaml", "place", "lost"),
    [
        ("{prompt: 'A #1 lamp', size: 1x1} # a remark", 0, ""),
        ("prompt: A lamp # a remark", 0, ""),
        ("prompt: A lamp in #ff8800 light", 3, "#ff8800"),
        ("id: '{{ c }}'\n    prompt: A {{ c }}\n    matrix:\n      c:\n        - #ff8800", 7, "#ff8800"),
        ("id: '{{ c }}'\n    prompt: A {{ c }}\n    rows:\n      - c: Lamp #5", 6, "#5"),
        ("prompt: x\n    size: 1024x1024 #square", 0, ""),
    ],
)
def test_what_yaml_takes_for_a_comment_and_may_be_meant_is_told(told: Tell, yaml: str, place: int, lost: str) -> None:
    """A word that touches its `#`, behind a text that is drawn; a remark has a blank."""
    said = [one for one in told(YAML + yaml) if "is a comment" in one]
    assert [one.startswith(f"WARNING m.yaml:{place} '{lost}' and what follows") for one in said] == [True] * bool(lost)


@pytest.mark.parametrize(
    ("prompt", "foreign"),
    [
        *(("A $name lamp", "$name"), ("A { name } lamp", "{ name }"), ("A %s lamp", "%s"), ("A <NAME> lamp", "<NAME>")),
        *(("A #REF! lamp", "#REF!"), ("A lamp of #N/A", "#N/A"), ("A lamp #1, #NAME and #value", "")),
        *(("A St\u00c3\u00bchl", "\u00c3\u00bc"), ("It\u00e2\u20ac\u2122s", "\u00e2\u20ac"), ("B\ufffdr", "\ufffd")),
        *(
            ("\u00c3\u0178 and 20 \u00c2\u00b0C", "\u00c3\u0178"),
            ("\u201cBOM DIA, MANH\u00c3\u201d, MA\u00c7\u00c3\u2014fruta", ""),
            ("S\u00c3O ch\u00e2teau \u20ac 5, \u00c2ge d\u2019or", ""),
        ),
        *(("A [PRODUCT NAME] lamp", "[PRODUCT NAME]"), ("100% silk for $5 [soft light] <3 {a: b}", "")),
    ],
)
def test_placeholders_of_other_tools_are_doubted(told: Tell, prompt: str, foreign: str) -> None:
    """Plain words that look a little like one are not."""
    from batchgen.catalog import provider
    from batchgen.manifest import lint
    from batchgen.model import ImageRequest, Job, Operation, Stems

    job = Job("a", "k" * 64, ImageRequest(Operation.GENERATE, prompt), 1, Stems(("a",)))
    said = [one.message for one in lint(job, provider("openai"), None)]
    assert [one.startswith(f"'{foreign}'") for one in said] == ([True] if foreign else [])


def test_what_is_said_of_a_file_is_said_once(told: Tell) -> None:
    """However many jobs read it."""
    job = "{id: 'a{{ sku }}', rows: rows.csv, prompt: '{{ name }}'}"
    twice = YAML + job + "\n  - " + job.replace("'a{{", "'b{{")
    assert told(twice, rows_csv="sku;name\na;lamp\n") == ["WARNING rows.csv:1 the columns are separated by semicolons"]


@pytest.mark.parametrize(
    ("job", "words"),
    [
        ('{id: a, prompt: x, images: ["photos\\a.png"]}', "write folders with `/`"),
        ("{id: a, prompt: x, images: ['photos\\a.png']}", "write photos/a.png"),
        ("{id: a, prompt: x, rows: {file: rows.csv, header_row: 9}}", "there is no line 9"),
    ],
)
def test_a_wrong_place_is_told_with_what_to_write(told: Tell, job: str, words: str) -> None:
    """A backslash in double quotes is a special character of YAML; a file has only so many lines."""
    (said,) = told(YAML + job, rows_csv="sku,name\na,lamp\n")
    assert said.startswith("ERROR")
    assert words in said
