"""Mistakes that people make often: each message names the cause and the line to write."""

from typing import Any

import pytest

from batchgen import catalog
from batchgen.manifest import check, lint, load

SLIPS = {
    "bare template": ("jobs:\n  - prompt: {{ name }} lamp\n", 2, 'a template: prompt: "{{ name }} lamp"'),
    "bare template alone": ("jobs:\n  - id: a\n    prompt: {{ name }}\n", 3, 'a template: prompt: "{{ name }}"'),
    "bare template in a list": (
        "jobs:\n  - prompt: p\n    images:\n      - {{ a }}.png\n",
        4,
        'a template: - "{{ a }}.png"',
    ),
    "bare template in braces": ("jobs: [{prompt: {{ name }} lamp}]\n", 1, 'as in "{{ name }}"'),
    "bare template with quotes": ('jobs:\n  - prompt: {{ row["A b"] }} x\n', 2, "prompt: '{{ row[\"A b\"] }} x'"),
    "bare statement": ("jobs:\n  - prompt: {% if a %}x{% endif %}\n", 2, 'prompt: "{% if a %}x{% endif %}"'),
    "bare at": ("jobs:\n  - prompt: p\n    image: @cat\n", 3, "put quotation marks around a text that begins with"),
    "bare backtick": ("jobs:\n  - prompt: `p`\n", 2, "put quotation marks around a text that begins with"),
    "colon": ("jobs:\n  - prompt: A lamp: oak\n", 2, "put quotation marks around a text that holds a colon"),
    "escape": ('jobs:\n  - {prompt: p, image: "photos\\lamp.png"}\n', 2, "write `/` between folders"),
    "comma after a size": ("jobs:\n  - prompt: p,\n    size: 1024x1024,\n", 3, "write size: 1024x1024"),
    "comma after a number": ("jobs:\n  - prompt: p\n    n: 2,\n", 3, "`n` ends with a comma; write n: 2"),
    "comma in defaults": ("defaults:\n  quality: low,\njobs: [{prompt: p}]\n", 2, "write quality: low"),
    "backslash to rows": ("jobs:\n  - prompt: p\n    rows: data\\r.csv\n", 3, "write data/r.csv"),
    "no priority": ("jobs:\n  - prompt: p\n    priority: urgent\n", 3, "a number or high, normal or low, not 'urgent'"),
}


@pytest.mark.parametrize("name", SLIPS)
def test_a_slip_is_told_with_the_line_to_write(context: Any, name: str) -> None:
    """One error, in its line."""
    text, line, words = SLIPS[name]
    (said,) = context.complaints(text)
    assert said.startswith(f"m.yaml:{line}:")
    assert words in said


def test_a_backslash_in_a_path_of_an_image_is_told(context: Any) -> None:
    """Whether it stands in the manifest or in a cell."""
    context.image("photos/a.png")
    (found,) = check(load(context.write("m.csv", "prompt,image\np,photos\\a.png\n"))).problems
    assert "write photos/a.png" in found.message


@pytest.mark.parametrize(("one", "other"), [("ab1", "ab1 "), (" ab1", "ab1"), ("a b", "a  b")])
def test_two_ids_that_differ_in_blanks_are_an_error(context: Any, one: str, other: str) -> None:
    """Both would be paid; the message names both and the filter that helps."""
    found = check(load(context.write("m.csv", f'id,prompt\n"{one}",A lamp\nx,y\n"{other}",A lamp\n')))
    assert [str(problem.place).rpartition("/")[2] for problem in found.problems] == ["m.csv:4:1"]
    assert "differ in blanks only" in found.problems[0].message
    assert "trim" in found.problems[0].message


@pytest.mark.parametrize("id_", ["ab1 ", "a  b"])
def test_an_id_with_blanks_alone_is_as_it_was(context: Any, id_: str) -> None:
    """It is part of what is paid, so nothing is cut off."""
    found = check(load(context.write("m.csv", f'id,prompt\n"{id_}",A lamp\n')))
    assert found.problems == ()
    assert [job.id for job in context.jobs(f'id,prompt\n"{id_}",A lamp\n', "m.csv")] == [id_]


FOREIGN = [
    *("A {name} lamp", "A ${NAME} lamp", "A ${product.name} lamp", "A %(name)s lamp", "A {red|blue} lamp"),
    *("A __colour__ lamp", "A lamp <lora:detail:0.8>", "A (shiny:1.3) lamp"),
]
MARKUP = [
    "<p>A lamp</p>",
    "A<br/>lamp",
    "A lamp <b>now</b>",
    'A <a href="x">lamp</a>',
    "Lamp &amp; shade",
    "L&auml;mp&#8211;",
]
PLAIN = ["A lamp {}", "costs $5 {5}", "if a < b and c > d", "AT&T; x", "{ JSON: 1 }", "a __ b", "(see 1:2)", "<3"]


def doubts(context: Any, prompt: str) -> list[str]:
    """Say what is doubted of a prompt."""
    quoted = prompt.replace('"', '""')
    (job,) = context.jobs(f'prompt\n"{quoted}"\n', "m.csv")
    return [problem.message for problem in lint(job, catalog.provider("mock"), None)]


@pytest.mark.parametrize("prompt", FOREIGN)
def test_placeholders_of_other_tools_are_doubted(context: Any, prompt: str) -> None:
    """They would be drawn as words."""
    assert ["a placeholder of another tool" in said for said in doubts(context, prompt)] == [True]


@pytest.mark.parametrize("prompt", MARKUP)
def test_html_in_a_prompt_is_doubted(context: Any, prompt: str) -> None:
    """The filter that takes it out is named."""
    assert ["`striptags`" in said for said in doubts(context, prompt)] == [True]


@pytest.mark.parametrize("prompt", PLAIN)
def test_other_marks_are_not_doubted(context: Any, prompt: str) -> None:
    """Braces, angles and ampersands that mean nothing elsewhere."""
    assert doubts(context, prompt) == []
