"""`run`: lock, recover, plan, perform, settle, report, in this order, with every way to end."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from batchgen.app.config.environment import check_authorities, environment, proxies_in, without_core_files
from batchgen.app.config.lanes import access_to
from batchgen.app.config.open_files import within_open_files
from batchgen.app.config.options import Options
from batchgen.app.config.project import Project, holds_images, open_project, unknown_images
from batchgen.app.control import event_log
from batchgen.app.control.watchdog import heartbeat
from batchgen.app.notify.notifier import Notifier
from batchgen.app.output import store as output_store
from batchgen.app.preview import kept_check
from batchgen.app.run.run import Run
from batchgen.app.run.run_end import RunEnd, RunResult
from batchgen.app.watch import Watch
from batchgen.errors import (
    NO_MEMORY,
    BatchgenError,
    Exit,
    InputError,
    Locked,
    Problem,
    Severity,
    StorageError,
    out_of_memory,
)
from batchgen.executor.patience import with_what_waits
from batchgen.executor.protocol import MakeExecutor
from batchgen.ledger import Ledger, nowhere
from batchgen.model import EngineChoice, Stop, StopKind
from batchgen.runtime import event_loop
from batchgen.runtime.clock import Clock
from batchgen.runtime.signals import interruptible
from batchgen.storage import ImageStore, Workspace

if TYPE_CHECKING:
    from batchgen.app.run.run_loop import RunLoop

__all__ = ["RunResult", "run_manifest"]

T = TypeVar("T")


def run_manifest(
    path: Path,
    options: Options,
    watch: Watch,
    at: Callable[[str], None] = nowhere,
    make_executor: MakeExecutor | None = None,
    clock: Clock | None = None,
) -> RunResult:
    """Perform a manifest: check, lock, recover, plan, ask, draw, report, and tell who wants to know.

    Raises BatchgenError when it could not begin. Afterwards every way to end is a result with an exit status. `at` is
    called with a name before and after each durable step: where tests let a run break. `make_executor` says where
    attempts are made instead of where the manifest wants it, `clock` whose time counts.
    """
    event_log.no_run_yet()
    notifier = Notifier(path.stem, environment(), watch)
    with interruptible():
        try:
            result = _run(path, options, watch, at, notifier, make_executor, clock)
        except Locked:
            raise
        except Exception as error:
            notifier.fail(error)
            raise
        if result.summary:
            notifier.end(result.exit, result.summary, result.output, well=result.is_well)
        return result


def _run(
    path: Path,
    options: Options,
    watch: Watch,
    at: Callable[[str], None],
    notifier: Notifier,
    make_executor: MakeExecutor | None,
    clock: Clock | None,
) -> RunResult:
    project = within_open_files(open_project(path, options, clock), watch)
    notifier.name, notifier.notify = project.settings.name, project.settings.notify
    workspace, store = Workspace(project.output, at=at), project.open_store(at)
    with ExitStack() as stack:
        try:
            # Whoever works there already is noticed before a long manifest is walked; a folder is only made after that.
            if early := workspace.root.is_dir():
                stack.enter_context(workspace.lock(wait=options.if_locked == "wait"))
            kept = kept_check.checked(project, options)
            checked = kept.result
            if checked.errors:
                raise InputError(*checked.problems, more=checked.more)
            _need_limit(project, watch)
            _check_engine(project)
            without_core_files()
            access = tuple(access_to(lane, project.variables) for lane in project.lanes)
            for lane in project.lanes:
                check_authorities(lane.provider, project.variables)
            proxies = proxies_in(project.variables)
            if not early:
                stack.enter_context(workspace.lock(wait=options.if_locked == "wait"))
        except Locked:
            if options.if_locked != "skip":
                raise
            return RunResult({}, Exit.OK, (Problem("another run is working here; skipped", None, Severity.WARNING),))
        workspace.ready()
        _answers(store, workspace)
        ledger = stack.enter_context(_books(project, store, at))
        told = output_store.begin(project, options, ledger, store, workspace)
        make = make_executor or stack.enter_context(_cluster(project, ledger, watch))
        run = Run(project, options, watch, workspace, store, ledger, access, kept, make, proxies)
        run.worklist.notices.extend(told)
        stack.callback(run.event_log.close)
        stack.callback(run.leave)
        notifier.begin()
        return _performed(run)


def _performed(run: Run) -> RunResult:
    try:
        _perform(run)
    except Exception as bug:
        if out_of_memory(bug):
            run.stops.add(Stop(StopKind.STORAGE, NO_MEMORY))
            return RunEnd(run).close()
        run.stops.add(Stop(StopKind.BUG, f"a bug: {type(bug).__name__}"))
        with suppress(Exception):  # whatever else is broken then, the bug is what has to be told
            RunEnd(run).close()
        raise
    with heartbeat(run.status_file):
        return RunEnd(run).close()


def _perform(run: Run) -> None:
    try:
        with heartbeat(run.status_file):
            run.prepare(lambda left: _in_loop(partial(_run_loop(run).collect, left)))
        if run.has_work:
            _in_loop(_run_loop(run).work)
    except* BatchgenError as errors:
        for error in errors.exceptions:
            if isinstance(error, BatchgenError):
                run.broke(error)


def _run_loop(run: Run) -> "RunLoop":
    """Load what calls, with its HTTP library, only for a run that has something to call: a finished one has not."""
    from batchgen.app.run.run_loop import RunLoop

    return RunLoop(run)


def _in_loop(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    with asyncio.Runner(loop_factory=event_loop.loop) as runner:
        return runner.run(work())


def _check_engine(project: Project) -> None:
    if project.settings.engine is EngineChoice.RAY:
        from batchgen.app.run.engine import check_engine

        check_engine(project)


def _cluster(project: Project, ledger: Ledger, watch: Watch) -> AbstractContextManager[MakeExecutor | None]:
    """Connect to the cluster that makes the calls, where the manifest wants one."""
    if project.settings.engine is not EngineChoice.RAY:
        return nullcontext()
    from batchgen.app.run.engine import engine

    return engine(project, ledger, watch)


def _books(project: Project, store: ImageStore, at: Callable[[str], None]) -> Ledger:
    """Return the ledger, unless images lie there that it does not know: all of them would be paid again."""
    has_images = holds_images(project, store)
    if has_images and not project.ledger_path.exists():
        raise unknown_images(project)
    ledger = project.open_ledger(at=at)
    if has_images and not ledger.runs.latest_first():
        ledger.close()
        raise unknown_images(project)
    return ledger


def _answers(store: ImageStore, workspace: Workspace) -> None:
    """Try the store; StorageError with what waits for it when it does not answer, or refuses."""
    try:
        store.ready()
    except StorageError as error:
        raise StorageError(with_what_waits(str(error), workspace)) from error


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
