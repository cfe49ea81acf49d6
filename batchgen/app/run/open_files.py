"""How many calls the system's limit on open files allows at once."""

import resource
from contextlib import suppress
from dataclasses import replace

from batchgen.app.config.project import Project
from batchgen.app.watch import Watch

RUN = 48
"""Files that a run itself has open at most: ledger, logs, folders on the way to a file."""
CALL = 13
"""The same for one call: a connection at either end, and a file for each of ten images."""


def within_open_files(project: Project, watch: Watch) -> Project:
    """Raise the soft limit as far as needed and allowed; where that is not enough, make fewer calls at once."""
    limits = project.settings.limits
    needed = RUN + CALL * limits.concurrency
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        reach = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (reach, hard))
            soft = reach
    fits = limits.concurrency if soft == resource.RLIM_INFINITY else allowed(soft)
    if fits >= limits.concurrency:
        return project
    watch.on_note(f"at most {fits} calls at once: the limit on open files is {soft} (ulimit -n)")
    return replace(project, settings=replace(project.settings, limits=replace(limits, concurrency=fits)))


def allowed(files: int) -> int:
    """Return calls at once with so many files; at least one."""
    return max(1, (files - RUN) // CALL)
