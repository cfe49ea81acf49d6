"""What the check of a manifest found, kept with its run: while nothing that it read has changed, nothing is walked."""

import hashlib
import json
import sys
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import fields, is_dataclass
from importlib import resources
from typing import Any, NamedTuple

from batchgen import catalog
from batchgen.app.config.options import Options
from batchgen.app.config.project import Project
from batchgen.app.preview.check import CheckResult, check, concluded
from batchgen.errors import BatchgenError, Place, Problem, Severity
from batchgen.manifest import ManifestSummary
from batchgen.manifest.rows.table import FileStamp
from batchgen.planner.fingerprint import TOLD, Fingerprint
from batchgen.version import VERSION

KEPT = "check"
"""Among a run's counts: what its check found."""
_COUNTS = ("rows", "images", "ranked")


class KeptCheck(NamedTuple):
    """A check, the fingerprint of its jobs, and what the next run needs to take it over; None where it cannot."""

    result: CheckResult
    asked: int
    facts: Mapping[str, Any] | None = None


def checked(project: Project, options: Options) -> KeptCheck:
    """Check a manifest, or take over what the latest run found when it read the same. Blocks."""
    source = _source(project, options)
    if source and (facts := _kept(project, source)):
        return KeptCheck(concluded(project, _summary(facts)), facts["asked"], facts)
    result = check(project, options.only, asked := Fingerprint())
    is_kept = _says_all(result.manifest_summary) and not (options.only or asked.reads_files or project.shard)
    if not (is_kept and source and _is_untouched(project)):
        return KeptCheck(result, asked.value)
    return KeptCheck(result, asked.value, {"source": source, "asked": asked.value, **_facts(result.manifest_summary)})


def _kept(project: Project, source: str) -> Mapping[str, Any] | None:
    """Return what the latest run found, if it read the same; what is wrong with the ledger is told in its turn."""
    with suppress(BatchgenError, OSError, ValueError):
        if project.ledger_path.exists():
            with project.open_ledger(readonly=True) as ledger:
                latest = next(iter(ledger.runs.latest_first()), None)
            counts = json.loads(latest.counts) if latest else {}
            facts: Mapping[str, Any] = counts.get(KEPT) or {}
            if facts.get("source") == source and facts["asked"] == counts.get(TOLD):
                return facts
    return None


def _says_all(found: ManifestSummary) -> bool:
    """Whether every row makes a job, none of which has to do with another: then counts and doubts are all there is."""
    alone = not (found.taken or found.advanced or found.homes or found.problems)
    return alone and found.whole and found.rows == found.planned


def _facts(found: ManifestSummary) -> dict[str, Any]:
    doubts = [(one.message, one.place and (one.place.file, one.place.line, one.place.column)) for one in found.warnings]
    return {**{name: getattr(found, name) for name in _COUNTS}, "tags": found.tags, "warnings": doubts}


def _summary(facts: Mapping[str, Any]) -> ManifestSummary:
    doubts = [Problem(text, place and Place(*place), Severity.WARNING) for text, place in facts["warnings"]]
    plain, rows = {name: facts[name] for name in _COUNTS}, facts["rows"]
    return ManifestSummary(**plain, planned=rows, warnings=tuple(doubts), tags=tuple(facts["tags"]))


def _source(project: Project, options: Options) -> str:
    """Hash all that a check reads: files by their bytes, settings, providers, the command, and the day it is made.

    Empty when a file was written meanwhile: what was read of it before may be anything.
    """
    day = project.clock.now().date().isoformat()
    manifest = project.manifest
    said = (options, project.settings, manifest.settings, project.lanes, day, VERSION, sys.getfilesystemencoding())
    found = hashlib.blake2b(repr(_plain(said)).encode("utf-8", "surrogatepass"), digest_size=16)
    for file in manifest.files:
        try:
            with file.path.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError:
            return ""
        found.update(f"{file.path}\0{digest}\0".encode("utf-8", "surrogatepass"))
    for name in ("models.yaml", "answers.yaml"):
        found.update(resources.files(catalog).joinpath(name).read_bytes())
    return found.hexdigest() if _is_untouched(project) else ""


def _is_untouched(project: Project) -> bool:
    """Whether no file was written since it was opened."""
    try:
        return all(FileStamp.of(file.path) == file for file in project.manifest.files)
    except OSError:
        return False


def _plain(value: object) -> object:
    """Write a value so that the same gives the same in every process: sets have no order of their own."""
    if is_dataclass(value):
        members = ((one.name, _plain(getattr(value, one.name))) for one in fields(value))
        return (type(value).__name__, *members)
    if isinstance(value, Mapping):
        return [(_plain(name), _plain(inner)) for name, inner in value.items()]
    if isinstance(value, AbstractSet):
        return sorted(map(repr, map(_plain, value)))
    return [*map(_plain, value)] if isinstance(value, list | tuple) else value
