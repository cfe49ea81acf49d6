"""`check` says everything at once, and nothing that only follows from something else."""

from pathlib import Path

import pytest

from batchgen.app import checking
from batchgen.app.options import Options
from batchgen.app.project import open_project
from batchgen.errors import InputError


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
