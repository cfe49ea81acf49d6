"""`run`: lock, recover, plan, perform, settle, report, in this order, with every way to end."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

from batchgen.app import checking, journal, turns
from batchgen.app.drawing import Drawing
from batchgen.app.environment import environment, key_for, without_core_files
from batchgen.app.herald import Herald
from batchgen.app.openfiles import within_open_files
from batchgen.app.options import Options
from batchgen.app.progress import Watch
from batchgen.app.project import Project, open_project, unknown_pictures
from batchgen.app.session import RunResult, Session
from batchgen.app.signals import interruptible
from batchgen.app.ticking import heartbeat
from batchgen.app.unchanged import Fingerprint
from batchgen.errors import BatchgenError, Exit, InputError, Locked, Problem, Severity
from batchgen.ledger import Ledger, nowhere
from batchgen.model import Stop, StopKind
from batchgen.storage import Folder

__all__ = ["RunResult", "run"]


def run(path: Path, options: Options, watch: Watch, at: Callable[[str], None] = nowhere) -> RunResult:
    """Perform a manifest: check, lock, recover, plan, ask, draw, report, and tell who wants to know.

    Raises BatchgenError when it could not begin. Afterwards every way to end is a result with an exit status. `at` is
    called with a name before and after each durable step: where tests let a run break.
    """
    journal.no_run_yet()
    herald = Herald(path.stem, environment(), watch)
    with interruptible():
        try:
            result = _run(path, options, watch, at, herald)
        except Locked:
            raise
        except Exception as error:
            herald.fail(error)
            raise
        if result.summary:
            herald.end(result.exit, result.summary, result.output)
        return result


def _run(path: Path, options: Options, watch: Watch, at: Callable[[str], None], herald: Herald) -> RunResult:
    project = within_open_files(open_project(path, options), watch)
    herald.name, herald.notify = project.settings.name, project.settings.notify
    folder = Folder(project.output, at=at)
    with ExitStack() as stack:
        try:
            # Whoever works there already is noticed before a long manifest is walked; a folder is only made after that.
            if early := folder.root.is_dir():
                stack.enter_context(folder.lock(wait=options.if_locked == "wait"))
            checked = checking.check(project, options.only, asked := Fingerprint())
            if checked.errors:
                raise InputError(*checked.problems, more=checked.more)
            _need_limit(project, watch)
            without_core_files()
            key = key_for(project.provider, project.variables)
            if not early:
                stack.enter_context(folder.lock(wait=options.if_locked == "wait"))
        except Locked:
            if options.if_locked != "skip":
                raise
            return RunResult({}, Exit.OK, (Problem("another run is working here; skipped", None, Severity.WARNING),))
        folder.ready()
        ledger = stack.enter_context(_books(project, folder, at))
        session = Session(project, options, watch, folder, ledger, key, checked, asked)
        stack.callback(session.leave)
        herald.begin()
        return _performed(session)


def _performed(session: Session) -> RunResult:
    try:
        _perform(session)
    except Exception as bug:
        session.stops.add(Stop(StopKind.BUG, f"a bug: {type(bug).__name__}"))
        with suppress(Exception):  # whatever else is broken then, the bug is what has to be told
            session.close()
        raise
    with heartbeat(session.status_file):
        return session.close()


def _perform(session: Session) -> None:
    try:
        with heartbeat(session.status_file):
            session.prepare()
        if session.has_work:
            with asyncio.Runner(loop_factory=turns.loop) as runner:
                runner.run(Drawing(session).work())
    except* BatchgenError as errors:
        for error in errors.exceptions:
            if isinstance(error, BatchgenError):
                session.broke(error)


def _books(project: Project, folder: Folder, at: Callable[[str], None]) -> Ledger:
    """The ledger, unless pictures lie there that it does not know: all of them would be paid again."""
    has_pictures = next(folder.pictures(), None) is not None
    if has_pictures and not project.ledger_path.exists():
        raise unknown_pictures(project)
    ledger = project.open_ledger(at=at)
    if has_pictures and not ledger.runs():
        ledger.close()
        raise unknown_pictures(project)
    return ledger


def _need_limit(project: Project, watch: Watch) -> None:
    """Unattended, real money needs a limit."""
    if project.free or watch.attended:
        return
    budget = project.settings.budget
    if project.settings.limits.max_cost is None and not (budget and (budget.day or budget.month)):
        raise InputError(
            "nobody is at a terminal, so this run needs a limit: give --max-cost 25, or limits: {max_cost: 25} or "
            "budget: {day: 50} in the manifest"
        )
