"""A provider that cannot be used is a complaint about the place that names it."""

from pathlib import Path

import pytest

from batchgen.app.config.options import Options
from batchgen.app.config.project import open_project
from batchgen.errors import InputError


@pytest.mark.parametrize("name", ["opena", ".", "nowhere.yaml"])
def test_the_manifest_is_told_by_line_and_column(tmp_path: Path, name: str) -> None:
    """A name that the manifest gives stands at a line and a column of it."""
    path = tmp_path / "m.yaml"
    path.write_text(f"name: a\nprovider: {name}\njobs: [{{prompt: x}}]\n", encoding="utf-8")
    with pytest.raises(InputError) as refused:
        open_project(path, Options())
    assert str(refused.value).startswith(f"{path}:2:11: error: ")


def test_the_command_line_is_told_without_a_place(tmp_path: Path) -> None:
    """What the command line says is no fault of the manifest's: neither a name nor an address."""
    path = tmp_path / "m.yaml"
    path.write_text("provider: openai\njobs: [{prompt: x}]\n", encoding="utf-8")
    for options in (Options(provider="opena"), Options(base_url="nowhere")):
        with pytest.raises(InputError) as refused:
            open_project(path, options)
        assert str(refused.value).startswith("error: ")
