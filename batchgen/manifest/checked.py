"""The values of a manifest, those of the command line put in their places, checked; what is right is kept."""

from collections.abc import Mapping

from pydantic import ValidationError

from batchgen.errors import Problem
from batchgen.manifest.complaints import complaints
from batchgen.manifest.form import ManifestForm
from batchgen.manifest.tree import Node, Plain

OPTIONS: Mapping[str, tuple[str, ...]] = {
    "provider": ("provider",),
    "name": ("name",),
    "on_partial": ("on_partial",),
    "on_uncertain": ("on_uncertain",),
    "max_cost": ("limits", "max_cost"),
    "max_images": ("limits", "max_images"),
    "max_duration": ("limits", "max_duration"),
    "concurrency": ("limits", "concurrency"),
}
"""Command-line words that stand above the manifest, and the key that each replaces."""

ROUNDS = 5
"""How often wrong values are taken out before the whole form is given up; what one hides shows in the next round."""


def checked(plain: dict[str, Plain], root: Node, overrides: Mapping[str, str]) -> tuple[ManifestForm, list[Problem]]:
    """Give the form and what is wrong with it.

    What is wrong is taken out of the form, so that everything else can be looked at in the same go.
    """
    options = {OPTIONS[name]: f"--{name.replace('_', '-')}" for name in overrides}
    for name, text in overrides.items():
        _put(plain, OPTIONS[name], text)
    problems: list[Problem] = []
    for _ in range(ROUNDS):
        try:
            return ManifestForm.model_validate(plain), problems
        except ValidationError as error:
            problems = problems or list(complaints(error, root, options))
            for detail in error.errors(include_url=False):
                _take_out(plain, tuple(detail["loc"]))
    return ManifestForm(jobs=[]), problems


def _put(plain: dict[str, Plain], path: tuple[str, ...], text: str) -> None:
    owner = plain
    for section in path[:-1]:
        if owner.get(section) is None:
            owner[section] = {}
        inner = owner[section]
        if not isinstance(inner, dict):
            return  # no section at all, which is a complaint of its own
        owner = inner
    owner[path[-1]] = text


def _take_out(plain: dict[str, Plain], path: tuple[str | int, ...]) -> None:
    """Remove what stands nearest to a path; a required key that is missing gets an empty value."""
    here: Plain = plain
    found: tuple[dict[str, Plain], str] | None = None
    for step in path:
        if isinstance(here, dict) and isinstance(step, str) and step in here:
            found = here, step
            here = here[step]
        elif isinstance(here, list) and isinstance(step, int) and step < len(here):
            here = here[step]
    if found is not None:
        del found[0][found[1]]
    plain.setdefault("jobs", [])
