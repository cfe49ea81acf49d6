"""The values of a manifest, with the provider of the command line in its place, checked; what is right is kept."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError

from batchgen.errors import Problem
from batchgen.manifest.form import KINDS
from batchgen.manifest.job_form import JobForm
from batchgen.manifest.names import COMBINATIONS, NAMES
from batchgen.manifest.rows.tables import SUFFIXES
from batchgen.manifest.schema import ManifestForm
from batchgen.manifest.schema_errors import Path, complaints
from batchgen.yaml_tree import Node, Plain, move, repeated

_OF_JOBS = frozenset({"provider", "prices", "variables"})
"""Sections that every job hangs on and that are no jobs; with a mistake in any other, jobs are the same as without."""
_GIVE_NAMES = frozenset({"rows", "columns", "matrix", "zip", "include"})

Scope = int | str
"""Whom a mistake concerns: a job by its index, all `jobs`, those without a value of their own (`defaults`), a stage."""
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


def checked(plain: dict[str, Plain], root: Node, provider: str | None, opens: frozenset[str] = frozenset()) -> Checked:
    """Give the form and what is wrong with it; `opens` are parameters that the provider takes beside the known ones.

    A slip in a key is read as what was meant, in `root` too, and anything else that is wrong is taken out of the form,
    so that the rest can be looked at in the same go.
    """
    if provider:
        plain.pop("providers", None)
        plain["provider"] = provider
    problems: dict[Problem, None] = {}
    concerned: list[tuple[Scope, str]] = []
    for path, problem in repeated(root):
        problems[problem] = None
        concerned += _concerns(path, _value(plain, path))
    opened = {path: _pulled(section, opens) for path, section in _sections(plain)} if opens else {}
    touched: set[Path] = set()  # and what leads there: what is said there later may only follow from what was done
    for _ in range(ROUNDS):
        try:
            form = ManifestForm.model_validate(plain)
        except ValidationError as error:
            found = tuple(complaints(error, root))
            moved = {
                each.path: each.meant for each in found if each.meant and _move(plain, root, each.path, each.meant)
            }
            to_moved = _prefixes(moved.values())
            silent = touched | to_moved
            problems |= {each.problem: None for each in found if each.path not in silent}
            wrong = [each.path for each in found if each.path not in to_moved and each.path not in moved]
            for path in wrong:
                concerned += _concerns(path, _value(plain, path))
            _take_out(plain, wrong)
            touched |= _prefixes(wrong) | (to_moved - set(moved.values()))
        else:
            return Checked(form, tuple(problems), _by_scope(concerned), opened)
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


def _concerns(path: Path, value: Plain) -> Iterator[tuple[Scope, str]]:
    """Say whom a mistake at a path concerns, and which word each lacks without what stands there."""
    match path:
        case ("jobs", int(job)):
            yield from ((job, word) for word in ("model", "prompt", NAMES))
        case ("jobs", int(job), str(word), *_):
            yield from ((job, meant) for meant in _meant(word, value))
        case ("defaults", str(word), *_):
            yield from (("defaults", meant) for meant in _meant(word, value))
        case ("stages", str(stage), str(word), *_):
            yield from ((stage, meant) for meant in _meant(word, value))
        case (str(section), *_):
            yield from _by_section(section, value)
        case _:
            pass


def _by_section(word: str, value: Plain) -> Iterator[tuple[Scope, str]]:
    if word == "providers":
        yield "jobs", "provider"
    elif word in _OF_JOBS:
        yield "jobs", word
    elif word == "stages":
        yield "jobs", "model"
    elif word == "defaults" or word not in ManifestForm.model_fields:
        yield from (("defaults", meant) for meant in _meant(word, value))


def _meant(word: str, value: Plain) -> Iterator[str]:
    """Give the words of a job that may have been meant by one that is wrong, or has a wrong value."""
    if word in _GIVE_NAMES:
        yield from (NAMES, "prompt")
    elif word in JobForm.model_fields:
        yield {"image": "images", "only": COMBINATIONS}.get(word, word)
    elif isinstance(value, dict):
        yield from (NAMES, *(meant for inner, given in value.items() for meant in _meant(inner, given)))
    elif isinstance(value, list) or (value or "").casefold().endswith(tuple(SUFFIXES)):
        yield NAMES


def _by_scope(concerned: Iterable[tuple[Scope, str]]) -> dict[Scope, frozenset[str]]:
    """Return the words that each lacks."""
    lacking: dict[Scope, frozenset[str]] = {}
    for scope, word in concerned:
        lacking[scope] = lacking.get(scope, frozenset()) | {word}
    return lacking
