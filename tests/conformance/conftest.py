"""Every provider that comes with the program, and two that are one YAML file each, before the mock in their dialect."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from batchgen import catalog
from batchgen.model import Model, Operation, Provider
from batchgen.providers import most_per_call
from tests.rehearsal import KEYS, QUICK, Rehearsal, rehearsal

# Adding a provider that speaks a known dialect is one file and no code: these are all there is of two of them.
FILES = {
    "other": """
        base_url: https://api.other.example/v1
        key_variable: OTHER_API_KEY
        default_model: gpt-image-1
        models: [gpt-image-1]
        operations: [generate, edit, variation]
        params:
          generate: [size, quality, background, moderation]
          edit: [size, quality]
        values:
          size: [1024x1024, 1536x1024, 1024x1536]
          quality: [low, medium, high]
        defaults: {quality: high}
        response_format: url          # this one wants to be told
        edit_body: json               # and takes no forms
        max_n: 2
        prices: {gpt-image-1: {official: true}}
        """,
    "cheaper": """
        like: openai
        base_url: https://api.cheaper.example/v1
        key_variable: OTHER_API_KEY
        default_model: gpt-image-1-mini
        """,
}
SPOKEN = {"mock": "openai", "other": "yescale", "cheaper": "openai"}


@dataclass(frozen=True)
class Subject:
    """A provider under test: as a manifest names it, and the dialect of the mock that stands for it."""

    name: str
    says: str
    dialect: str

    @cached_property
    def profile(self) -> Provider:
        """What the catalogue, or the file, knows of it."""
        return catalog.provider(self.says)

    @cached_property
    def model(self) -> Model | None:
        """The facts of the model that draws when none is named."""
        return catalog.find_model(self.profile.default_model)

    @property
    def most(self) -> int:
        """Images that one call draws."""
        return most_per_call(self.profile, self.profile.default_model)

    @property
    def varies(self) -> str:
        """Name a model to draw variations with: the first of its family where it is known here."""
        first = "gpt-image-1"
        return first if first in self.profile.models else self.profile.default_model

    def takes(self, **params: str) -> dict[str, str]:
        """Those of the parameters that its generations take."""
        known = (self.profile if self.profile.params else catalog.provider("openai")).takes(Operation.GENERATE)
        return {name: value for name, value in params.items() if name in known}


ELSEWHERE = {"gemini", "openrouter", "xai"}
"""Other protocols than the Images API, or its parameters: they have suites of their own."""
NAMES = [provider.name for provider in (*catalog.providers(), *catalog.further()) if provider.name not in ELSEWHERE]


@pytest.fixture(params=[*NAMES, *FILES])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Subject:
    """One provider after the other."""
    name: str = request.param
    says = name
    if name in FILES:
        file = tmp_path / f"{name}.yaml"
        lines = FILES[name].strip("\n").splitlines()
        file.write_text("\n".join(line[8:] for line in lines), "utf-8")
        says = str(file)
    return Subject(name, says, SPOKEN.get(name, name))


@pytest.fixture
def stage(subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Rehearsal]]:
    """Start the mock that stands for the provider; `config` is the mock's own."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(subject.profile.key_variable or "NO_KEY", KEYS["OTHER_API_KEY"])
    defaults = subject.takes(size="1024x1024", quality="low")
    settings: dict[str, Any] = {"provider": subject.says, "defaults": defaults, "retry": QUICK}
    with ExitStack() as stack:
        yield lambda **config: stack.enter_context(rehearsal(tmp_path, settings, dialect=subject.dialect, **config))
