"""Every provider that comes with the program, and two that are one YAML file each, before the mock in their dialect."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from batchgen import catalog
from batchgen.model import Model, Operation, ParamType, Provider
from batchgen.providers import most_per_call
from batchgen.providers.dialect import Delivery, Dialect
from batchgen.providers.dialects import dialect
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
SOME = {ParamType.INTEGER: "1", ParamType.NUMBER: "0.5", ParamType.TEXT: "people", ParamType.FLAG: "true"}
"""A value of each type that a parameter may have."""
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

    @property
    def protocol(self) -> Dialect:
        """How it is asked."""
        return dialect(self.profile, self.profile.default_model)

    @property
    def asked_by_form(self) -> bool:
        """Whether an edit is a form, with the images as its parts."""
        return self.protocol.name == "images" and self.profile.edit_body != "json"

    @property
    def masks(self) -> bool:
        """Whether an edit takes a mask."""
        return self.protocol.masks and self.profile.at(self.profile.default_model).masks

    @property
    def gives_addresses(self) -> bool:
        """Whether an image may wait at an address."""
        return Delivery.ADDRESS in self.protocol.delivery

    @property
    def prices(self) -> dict[str, Any]:
        """Prices that a manifest has to state, as neither file nor catalogue does."""
        name = self.profile.default_model
        return {} if catalog.price_of(name, self.profile) else {"prices": {name: {"per_image": 0.03}}}

    @property
    def opened(self) -> dict[str, str]:
        """Parameters that its file opens, each with a value that it takes."""
        return {
            param.name: param.values[0] if param.values else SOME[param.type]
            for param in self.profile.at(self.profile.default_model).opens
        }

    def kind(self, operation: str) -> str:
        """Name an operation as the mock's bill does: other protocols have one endpoint for all."""
        return {"chat": "chat", "gemini": "content"}.get(self.protocol.name, operation)

    def fault(self, name: str) -> str:
        """Name a fault of the mock as this protocol has it."""
        return "gemini_no_usage" if (self.protocol.name, name) == ("gemini", "usage_missing") else name

    def takes(self, **params: str) -> dict[str, str]:
        """Those of the parameters that its generations take."""
        known = (self.profile if self.profile.params else catalog.provider("openai")).takes(Operation.GENERATE)
        if self.protocol.params is not None:
            known = self.protocol.params
        return {name: value for name, value in params.items() if name in known}


NAMES = [provider.name for provider in (*catalog.providers(), *catalog.further())]


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
    settings: dict[str, Any] = {"provider": subject.says, "defaults": defaults, "retry": QUICK, **subject.prices}
    with ExitStack() as stack:
        yield lambda **config: stack.enter_context(rehearsal(tmp_path, settings, dialect=subject.dialect, **config))
