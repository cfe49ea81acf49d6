"""The values of a manifest, those of the command line put in their places, checked; what is right is kept."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from batchgen.errors import Problem
from batchgen.manifest.complaints import Path, complaints
from batchgen.manifest.form import JobForm, ManifestForm
from batchgen.manifest.tree import Node, Plain
from batchgen.manifest.words import REQUEST, nearest

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

_ASIDE = frozenset({"name", "limits", "budget", "ledger", "retry", "notify", "images_per_request"}) | {
    *("on_partial", "on_uncertain", "on_mismatch")
}
"""Sections that no job is made of: jobs are the same with a mistake in them and without."""

_NAMELESS = REQUEST - {"prompt", "operation"} | {"tags"}
"""Words of a job that use names and give none."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A form, what is wrong with it, and what of it is therefore not what was meant.

    `spoilt` are the jobs concerned, by their index, None stands for all of them; of those in `vague`, the names that
    their templates may use are not known.
    """

    form: ManifestForm
    problems: tuple[Problem, ...] = ()
    spoilt: frozenset[int | None] = frozenset()
    vague: frozenset[int | None] = frozenset()


def checked(plain: dict[str, Plain], root: Node, overrides: Mapping[str, str]) -> Checked:
    """Give the form and what is wrong with it.

    What is wrong is taken out of the form, so that everything else can be looked at in the same go.
    """
    options = {OPTIONS[name]: f"--{name.replace('_', '-')}" for name in overrides}
    for name, text in overrides.items():
        _put(plain, OPTIONS[name], text)
    problems: tuple[Problem, ...] = ()
    spoilt: set[int | None] = set()
    vague: set[int | None] = set()
    for _ in range(ROUNDS):
        try:
            form = ManifestForm.model_validate(plain)
        except ValidationError as error:
            found = tuple(complaints(error, root, options))
            problems = problems or tuple(problem for _, problem in found)
            for path, _ in found:
                spoilt |= _spoilt_by(path)
                vague |= _spoilt_by(path) if _gives_names(path) else set()
                _take_out(plain, path)
        else:
            return Checked(form, problems, frozenset(spoilt), frozenset(vague))
    return Checked(ManifestForm(jobs=[]), problems, frozenset({None}), frozenset({None}))


def _spoilt_by(path: Path) -> set[int | None]:
    """Which job is not what was meant without what stands at a path; None for all of them."""
    match path:
        case ("jobs", int(job), _, *_):
            return {job}
        case (str(section), *_) if nearest(section, ManifestForm.model_fields) in _ASIDE:
            return set()
    return {None}


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


def _gives_names(path: Path) -> bool:
    """Whether names for templates, or the prompt, may have been meant by what stands at a path."""
    match path:
        case ("jobs", int(), str(word), *_) | ("defaults", str(word), *_):
            return nearest(word, JobForm.model_fields) not in _NAMELESS
        case (str(section), *_):
            return nearest(section, ManifestForm.model_fields) in {None, "variables", "defaults", "jobs"}
        case _:
            return True


def _take_out(plain: dict[str, Plain], path: Path) -> None:
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
