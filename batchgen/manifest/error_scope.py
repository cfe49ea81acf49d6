"""Whom a mistake in a manifest concerns, and what they lack by it: the rest can be looked at all the same."""

from collections.abc import Iterable, Iterator

from batchgen.manifest.job_form import JobForm
from batchgen.manifest.names import COMBINATIONS, NAMES
from batchgen.manifest.rows.tables import SUFFIXES
from batchgen.manifest.schema import ManifestForm
from batchgen.manifest.schema_errors import Path
from batchgen.yaml_tree import Plain

_OF_JOBS = frozenset({"provider", "prices", "variables"})
"""Sections that every job hangs on and that are no jobs; with a mistake in any other, jobs are the same as without."""
_GIVE_NAMES = frozenset({"rows", "columns", "matrix", "zip", "include"})

Scope = int | str
"""Whom a mistake concerns: a job by its index, all `jobs`, those without a value of their own (`defaults`), a stage."""


def concerns(path: Path, value: Plain) -> Iterator[tuple[Scope, str]]:
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


def by_scope(concerned: Iterable[tuple[Scope, str]]) -> dict[Scope, frozenset[str]]:
    """Return the words that each lacks."""
    lacking: dict[Scope, frozenset[str]] = {}
    for scope, word in concerned:
        lacking[scope] = lacking.get(scope, frozenset()) | {word}
    return lacking
