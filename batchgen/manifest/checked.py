"""The values of a manifest, those of the command line put in their places, checked; what is right is kept."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError

from batchgen.errors import Problem
from batchgen.manifest.error_scope import Scope, by_scope, concerns
from batchgen.manifest.form import KINDS
from batchgen.manifest.schema import ManifestForm
from batchgen.manifest.schema_errors import Path, complaints
from batchgen.yaml_tree import Node, Plain, move, repeated

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

ROUNDS = 10
"""How often mistakes are put right before the whole form is given up; what one hides shows in the next round."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A form, what is wrong with it, and the words that are lacking in it therefore, by whom they concern."""

    form: ManifestForm
    problems: tuple[Problem, ...] = ()
    lacking: Mapping[Scope, frozenset[str]] = field(default_factory=dict)
    opened: Mapping[Path, Mapping[str, str]] = field(default_factory=dict)
    """Parameters that the provider opens, by the section that sets them."""


def checked(
    plain: dict[str, Plain], root: Node, overrides: Mapping[str, str], opens: frozenset[str] = frozenset()
) -> Checked:
    """Give the form and what is wrong with it; `opens` are parameters that the provider takes beside the known ones.

    A slip in a key is read as what was meant, in `root` too, and anything else that is wrong is taken out of the form,
    so that the rest can be looked at in the same go.
    """
    options = {OPTIONS[name]: f"--{name.replace('_', '-')}" for name in overrides}
    if "provider" in overrides:
        plain.pop("providers", None)
    for name, text in overrides.items():
        _put(plain, OPTIONS[name], text)
    problems: dict[Problem, None] = {}
    concerned: list[tuple[Scope, str]] = []
    for path, problem in repeated(root):
        problems[problem] = None
        concerned += concerns(path, _value(plain, path))
    opened = {path: _pulled(section, opens) for path, section in _sections(plain)} if opens else {}
    touched: set[Path] = set()  # and what leads there: what is said there later may only follow from what was done
    for _ in range(ROUNDS):
        try:
            form = ManifestForm.model_validate(plain)
        except ValidationError as error:
            found = tuple(complaints(error, root, options))
            moved = {
                each.path: each.meant for each in found if each.meant and _move(plain, root, each.path, each.meant)
            }
            to_moved = _prefixes(moved.values())
            silent = touched | to_moved
            problems |= {each.problem: None for each in found if each.path not in silent}
            wrong = [each.path for each in found if each.path not in to_moved and each.path not in moved]
            for path in wrong:
                concerned += concerns(path, _value(plain, path))
            _take_out(plain, wrong)
            touched |= _prefixes(wrong) | (to_moved - set(moved.values()))
        else:
            return Checked(form, tuple(problems), by_scope(concerned), opened)
    return Checked(ManifestForm(jobs=[]), tuple(problems))


def _sections(plain: dict[str, Plain]) -> Iterator[tuple[Path, dict[str, Plain]]]:
    """Whatever sets parameters: the defaults and each entry of jobs."""
    jobs = plain.get("jobs")
    found: list[tuple[Path, Plain]] = [(("defaults",), plain.get("defaults"))]
    found += [(("jobs", at), job) for at, job in enumerate(jobs if isinstance(jobs, list) else ())]
    yield from ((path, section) for path, section in found if isinstance(section, dict))


def _pulled(section: dict[str, Plain], opens: frozenset[str]) -> dict[str, str]:
    """Take opened parameters out of a section; what is no text stays there, and is an unknown key."""
    names = [name for name in section if name in opens and isinstance(section[name], str)]
    return {name: str(section.pop(name)) for name in names}


def _prefixes(paths: Iterable[Path]) -> set[Path]:
    """Every path that leads to one of these."""
    return {path[:length] for path in paths for length in range(len(path) + 1)}


def _steps(plain: Plain, path: Path) -> Iterator[tuple[dict[str, Plain] | list[Plain], str | int, Plain]]:
    """Follow a path as far as it leads: what holds each step, the step, and what stands there."""
    for step in path:
        match plain, step:
            case dict() as entries, str() if step in entries:
                yield entries, step, entries[step]
                plain = entries[step]
            case list() as items, int() if step < len(items):
                yield items, step, items[step]
                plain = items[step]
            case list() | str() | dict(), str() if step in KINDS:
                pass
            case _:
                return


def _value(plain: Plain, path: Path) -> Plain:
    """Find what stands at a path, or as near to it as the path leads."""
    for _, _, value in _steps(plain, path):
        plain = value
    return plain


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


def _move(plain: dict[str, Plain], root: Node, old: Path, new: Path) -> bool:
    """Put what stands at one path to another, as if it had been written there; False where something is already."""
    if new[0] == "defaults" and old[:1] != new[:1] and plain.get("defaults") is None:
        plain["defaults"] = {}
    before, after = _value(plain, old[:-1]), _value(plain, new[:-1])
    name, meant = str(old[-1]), str(new[-1])
    if (
        not isinstance(before, dict)
        or not isinstance(after, dict)
        or name not in before
        or after.get(meant) is not None
    ):
        return False
    after[meant] = before.pop(name)
    move(root, old, new)
    return True


def _take_out(plain: dict[str, Plain], paths: Iterable[Path]) -> None:
    """Remove what stands nearest to each path, all found before any is gone; what has to be there is left empty."""
    for owner, step in [held for path in paths for held in _holding(plain, path)]:
        if isinstance(owner, dict):
            owner.pop(str(step), None)
        else:
            owner[int(step)] = {} if owner is plain.get("jobs") else ""
    plain.setdefault("jobs", [])


def _holding(plain: dict[str, Plain], path: Path) -> list[tuple[dict[str, Plain] | list[Plain], str | int]]:
    """Say what holds what stands nearest to a path, if anything; a list only where others are right without one."""
    alone = path[:-1] == ("jobs",) or path[-2:-1] == ("several",)
    return [(owner, step) for owner, step, _ in _steps(plain, path) if alone or isinstance(owner, dict)][-1:]
