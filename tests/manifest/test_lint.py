"""What is doubtful in a prompt, whoever draws it."""

from typing import Any

import pytest

from batchgen.errors import Severity
from batchgen.manifest import lint
from batchgen.model import FlexibleSizes, ImageRequest, Job, Model, Operation, Provider, Stems


def said(
    prompt: str, limit: int | None = None, model_limit: int = 32_000, *, known: bool = True
) -> list[tuple[Any, str]]:
    """Severity and words of everything that lint says of a prompt."""
    request = ImageRequest(Operation.GENERATE, prompt)
    job = Job("a", "0" * 64, request, 1, Stems(("*",)))
    provider = Provider("gate", None, None, "m", prompt_limit=limit)
    model = Model("m", "live", FlexibleSizes(), (), "t", "t", None, prompt_limit=model_limit) if known else None
    return [(problem.severity, problem.message) for problem in lint(job, provider, model)]


@pytest.mark.parametrize("prompt", ["A chair", "A chair -- oak", "use --ar 16:9 here please", "a --- b", "well-made"])
def test_an_ordinary_prompt_is_not_doubted(prompt: str) -> None:
    """Dashes inside a sentence are a sentence."""
    assert said(prompt) == []


@pytest.mark.parametrize(
    "prompt", ["A chair --ar 16:9", "A chair --v 6", "A chair --ar 16:9 --v 6", "--tile", "x --ar=1:1 "]
)
def test_suffixes_of_other_tools_are_doubted(prompt: str) -> None:
    """Words such as `--ar 16:9` at the end are drawn as words."""
    assert [severity for severity, _ in said(prompt)] == [Severity.WARNING]


def test_an_aspect_suffix_says_what_to_do() -> None:
    """The shape is chosen by `size`."""
    assert "set `size`" in said("A chair --ar 16:9")[0][1]


@pytest.mark.parametrize("name", ["Hayao Miyazaki", "makoto  shinkai", "BANKSY"])
def test_living_artists_are_doubted(name: str) -> None:
    """Names that are likely to be moderated are named before they cost a call."""
    assert "likely to be moderated" in said(f"A village in the style of {name}, dusk")[0][1]


def test_a_prompt_beyond_the_limit_is_an_error() -> None:
    """The smaller limit of provider and model counts; near it is a warning."""
    assert said("x" * 1001, 1000)[0][0] is Severity.ERROR
    assert said("x" * 1001, None, 1000)[0][0] is Severity.ERROR
    assert said("x" * 950, 1000)[0][0] is Severity.WARNING
    assert said("x" * 900, 1000) == []
    assert said("x" * 1001, 1000, known=False)[0][0] is Severity.ERROR
    assert said("x" * 99_999, None, known=False) == []


def test_a_template_that_nobody_fills_is_doubted() -> None:
    """Cells reach the prompt letter for letter, so a template in one would be paid for as words."""
    ((severity, words),) = said("A chair in {{ colour }}")
    assert severity is Severity.WARNING
    assert words.startswith("'{{ colour }}' is drawn as plain text: the text of a cell, a list or a variable is no")
    assert said("A { chair, } in }} braces {{") == []
