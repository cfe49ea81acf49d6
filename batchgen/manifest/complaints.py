"""What pydantic found wrong -> problems with a place, in words that say what to write instead."""

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from batchgen.errors import Place, Problem
from batchgen.manifest.form import ManifestForm
from batchgen.manifest.tree import Node
from batchgen.manifest.words import INSTEAD, did_you_mean, listed, shown

_EXPECTED = {
    "string_type": "text",
    "list_type": "a list",
    "dict_type": "names with values",
    "model_type": "names with values",
    "model_attributes_type": "names with values",
}


Path = tuple[str | int, ...]


def complaints(
    error: ValidationError, root: Node, options: Mapping[tuple[str, ...], str]
) -> Iterator[tuple[Path, Problem]]:
    """Translate, each with the path of what is wrong.

    `options` names the command-line words that gave values at these paths.
    """
    for detail in error.errors(include_url=False, include_context=True):
        path = tuple(detail["loc"])
        option = next((name for where, name in options.items() if path[: len(where)] == where), None)
        message = _message(detail, path)
        if option:
            yield path, Problem(f"{option}: {message}")
        else:
            yield path, Problem(message, _place(detail["type"], root, path))


def _place(kind: str, root: Node, path: Path) -> Place:
    return root.key_place(*path) if kind == "extra_forbidden" else root.at(*path).place


def _message(detail: ErrorDetails, path: Path) -> str:
    kind, name, given = detail["type"], path[-1] if path else "", detail["input"]
    if kind == "extra_forbidden":
        known = _known(path[:-1])
        instead = INSTEAD.get(str(name), "")
        hint = f"; {instead}" if instead else did_you_mean(str(name), known) or f"; known here are {listed(known)}"
        return f"`{name}` is not a known key{hint}"
    if kind == "missing":
        return f"`{name}` is missing"
    if kind in _EXPECTED and given is None:
        return f"`{_named(path)}` is empty; it should be {_EXPECTED[kind]}"
    if kind in _EXPECTED:
        return f"`{_named(path)}` should be {_EXPECTED[kind]}"
    if kind == "value_error":
        return detail["msg"].removeprefix("Value error, ")
    if kind.startswith("int_"):
        return f"`{_named(path)}` should be a whole number, not {shown(given)}"
    if kind == "enum":
        values = str(detail.get("ctx", {}).get("expected", ""))
        known = frozenset(word.strip("' ") for word in values.replace(" or ", ", ").split(","))
        return f"`{_named(path)}` is {values}, not {shown(given)}{did_you_mean(str(given), known)}"
    return f"`{_named(path)}`: {detail['msg'][:1].lower()}{detail['msg'][1:]}, not {shown(given)}"


def _named(path: Path) -> str:
    """Name what is wrong by its innermost name."""
    names = [step for step in path if isinstance(step, str) and step not in {"file", "inline"}]
    return names[-1] if names else "manifest"


def _known(path: Path) -> frozenset[str]:
    """Find the keys that may stand at a path."""
    form: type[BaseModel] | None = ManifestForm
    for step in path:
        if form is not None and isinstance(step, str) and step in form.model_fields:
            form = _form_in(form.model_fields[step].annotation)
    return frozenset(form.model_fields) if form else frozenset()


def _form_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((form for part in get_args(annotation) if (form := _form_in(part))), None)
