"""How many calls the system's limit on open files allows at once."""

import resource
from contextlib import suppress
from dataclasses import replace

from batchgen.app.config.project import Project
from batchgen.app.watch import Watch
from batchgen.engine.lane import shares

RUN = 48
"""Files that a run itself has open at most: ledger, logs, folders on the way to a file."""
MOST = 1000
"""Calls at once that a run at work may be told to make."""
CALL = 13
"""The same for one call: a connection at either end, and a file for each of ten images."""


def within_open_files(project: Project, watch: Watch) -> Project:
    """Raise the soft limit as far as needed and allowed; where that is not enough, make fewer calls at once."""
    limits = project.settings.limits
    fits = make_room(limits.concurrency)
    if fits >= limits.concurrency:
        return project
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    watch.on_note(f"at most {fits} calls at once: the limit on open files is {soft} (ulimit -n)")
    few = replace(project.settings, limits=replace(limits, concurrency=fits))
    each = shares(fits, [lane.settings.limits.concurrency for lane in project.lanes])
    narrowed = zip(project.lanes, each, strict=True)
    return replace(project, settings=few, lanes=tuple(lane.narrowed(most) for lane, most in narrowed))


def make_room(calls: int) -> int:
    """Raise the soft limit as far as so many calls at once need it and it is allowed; returns how many fit then."""
    needed = RUN + CALL * calls
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        reach = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (reach, hard))
            soft = reach
    return calls if soft == resource.RLIM_INFINITY else min(calls, allowed(soft))


def most_at_once() -> int:
    """Return how many calls at once could ever be made room for."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if hard == resource.RLIM_INFINITY else min(MOST, allowed(hard))


def allowed(files: int) -> int:
    """Return calls at once with so many files; at least one."""
    return max(1, (files - RUN) // CALL)
