"""What pydantic found wrong -> problems with a place, in words that say what to write instead."""

from collections.abc import Iterator
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from batchgen.errors import Problem
from batchgen.manifest.form import KINDS, PATTERNS
from batchgen.manifest.job_form import RequestForm
from batchgen.manifest.names import INSTEAD, did_you_mean, listed, nearest, shown
from batchgen.manifest.schema import ManifestForm
from batchgen.yaml_tree import Node

_EXPECTED = {
    "string_type": "one value",
    "list_type": "a list",
    "dict_type": "names with values",
    "model_type": "names with values",
    "model_attributes_type": "names with values",
}


Path = tuple[str | int, ...]


SURE = 0.75
"""How much alike a name and a known one are when the first is read as the second: `sise` is `size`."""


class SchemaError(NamedTuple):
    """What is wrong at a path. What stands there would be right at the path that was `meant`, where that is known."""

    path: Path
    problem: Problem
    meant: Path | None = None


def complaints(error: ValidationError, root: Node) -> Iterator[SchemaError]:
    """Translate what pydantic says."""
    for detail in error.errors(include_url=False, include_context=True):
        path = tuple(detail["loc"])
        unknown = detail["type"] == "extra_forbidden"
        meant = _meant(path) if unknown else None
        place = root.key_place(*path) if unknown else root.at(*path).place
        yield SchemaError(path, Problem(_message(detail, path, meant), place), meant)


def _meant(path: Path) -> Path | None:
    """Where something stands right that stands at a path where nothing is known: a slip, or a word of a request."""
    *owner, name = path
    if name in INSTEAD:
        return None
    if not owner and name in RequestForm.model_fields:
        return ("defaults", name)
    if known := nearest(str(name), _known(path[:-1]), SURE):
        return (*owner, known)
    word = None if owner else nearest(str(name), RequestForm.model_fields, SURE)
    return ("defaults", word) if word else None


def _message(detail: ErrorDetails, path: Path, meant: Path | None) -> str:
    kind, name, given = detail["type"], path[-1] if path else "", detail["input"]
    if kind == "extra_forbidden":
        return f"`{name}` is not a known key; {_instead(path, meant)}"
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
    if values := _values(detail):
        known = frozenset(word.strip("' ") for word in values.replace(" or ", ", ").split(","))
        return f"`{_named(path)}` is {values}, not {shown(given)}{did_you_mean(str(given), known)}"
    return f"`{_named(path)}`: {detail['msg'][:1].lower()}{detail['msg'][1:]}, not {shown(given)}"


def _values(detail: ErrorDetails) -> str:
    """Say which values are meant, where they can be named; empty where not."""
    told = detail.get("ctx", {})
    if detail["type"] == "bool_parsing":
        return "true or false"
    listed_here = str(told.get("expected", "")) if detail["type"] in {"enum", "literal_error"} else ""
    return PATTERNS.get(str(told.get("pattern")), listed_here)


def _instead(path: Path, meant: Path | None) -> str:
    if meant and len(meant) > len(path):
        return f"`{meant[-1]}` belongs below `{meant[0]}`, or into a job"
    name, known = str(path[-1]), _known(path[:-1])
    if name.isdigit():
        return "if it follows a comma, write decimals with a point, such as 1.50"
    if not name.isprintable():  # a no-break space, a zero-width one
        return "a sign stands in it that only looks like a blank, or like nothing: write it anew"
    close = nearest(name, known)
    return INSTEAD.get(name, f"did you mean `{close}`?" if close else f"known here are {listed(known)}")


def _named(path: Path) -> str:
    """Name what is wrong by its innermost name."""
    names = [step for step in path if isinstance(step, str) and step not in KINDS]
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
