"""How a run ends: its verdict, the report, and what the books say of it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batchgen import reporter
from batchgen.app.config.exit_status import ENDED, SET_BY_PEOPLE, exit_status
from batchgen.app.config.project import folder_warnings
from batchgen.app.notebook import Facts, Shown
from batchgen.app.notify.news import STANDING
from batchgen.app.output.recovery import make_room
from batchgen.app.output.store import mirror
from batchgen.app.preview.kept_check import KEPT
from batchgen.app.run.run import Run
from batchgen.errors import Exit, Problem, Severity, StorageError, Unreachable
from batchgen.executor.patience import with_what_waits
from batchgen.model import Cause, OutcomeKind, ReasonCode, Stop
from batchgen.money import exact
from batchgen.planner import BY_PEOPLE
from batchgen.planner.fingerprint import TOLD, told_before
from batchgen.planner.waiting import HOW, as_facts
from batchgen.runtime.signals import Interrupted
from batchgen.storage.images import SharedFolder
from batchgen.text import counted


@dataclass(frozen=True, slots=True, repr=False)
class RunResult(Shown):
    """How a run ended; `summary` is empty when a lock was skipped.

    `news`: the run ended with something that no run before it told.
    """

    summary: dict[str, Any]
    exit: Exit
    problems: tuple[Problem, ...] = ()
    output: Path | None = None
    report: Path | None = None
    store: str = ""
    news: bool = True

    @property
    def is_well(self) -> bool:
        """Whether nobody has to hear of it: all is stored, or all that is amiss was told before."""
        return self.exit is Exit.OK or (self.exit in STANDING and not self.news)

    def images(self) -> list[Path]:
        """Absolute paths of the stored images that this run wanted, in the order of the manifest.

        Empty with a store that is no folder: `images.csv` has the places of its objects.
        """
        from batchgen.app.output.maintain import opened

        if self.output is None or not self.summary.get("run_id"):
            return []
        with opened(self.output, readonly=True) as (ledger, workspace, store):
            root = store.root if isinstance(store, SharedFolder) else workspace.root
            if self.store and root == workspace.root:
                return []
            wanted, root = frozenset(ledger.images.paths_of(self.summary["run_id"])), root.resolve()
            return [root / image.path for image in ledger.images.stored() if image.path in wanted]

    def _facts(self) -> Facts:
        why = self.summary.get("why") or (ENDED[self.exit] if self.summary else "skipped")
        yield "ended", f"{why} (exit {self.exit:d})"
        if not self.summary:
            return
        images = self.summary["images"]
        yield "images", f"{images['stored']:,} of {images['wanted']:,} stored"
        money = self.summary["this_run"]["money"]
        names = ("confirmed", "estimated", "at_risk")
        spent = (f"{exact(money[f'{name}_micro_usd'])} {name.replace('_', ' ')}" for name in names)
        yield "money", " + ".join(spent)
        yield "output", self.output
        if self.report:
            yield "report", self.report


@dataclass(frozen=True)
class RunEnd:
    """The end of one run, whatever brought it about."""

    run: Run

    def close(self) -> RunResult:
        """End the books, write the report and say how it went; a disk that refuses leaves the words true."""
        run = self.run
        with suppress(StorageError):
            run.worklist.hold_the_rest()
        status, why = self._verdict()
        page = None
        try:
            summary, page = self._write_down(status, why)
        except (StorageError, Interrupted) as error:
            run.broke(error)
            status, why = self._verdict()
            with suppress(StorageError):
                self._end_run(status, why)
            summary = reporter.summary(run.ledger, run.run_id)
        samples = folder_warnings(run.project, run.ledger)
        told = (
            *run.checked.problems,
            *samples,
            *run.worklist.notices,
            *self._waiting(),
            *self._too_late(status),
            *run.derivatives.problems(),
        )
        news = run.news.is_news(status)
        # Also of a run that its ledger had no room for.
        waiting = [as_facts(one) for one in run.worklist.waiting]
        verdict = {"exit_code": status, "why": why, "news": news, "waiting": waiting, **self._in_short(status)}
        return RunResult(summary | verdict, status, told, run.workspace.root, page, store=run.project.store, news=news)

    def _write_down(self, status: Exit, why: str) -> tuple[dict[str, Any], Path]:
        run = self.run
        if run.has_work or run.collected:
            with suppress(Unreachable):  # the next run makes room
                make_room(run.ledger, run.store, run.note)
                run.fill_sidecars()
        # Who stopped the run does not wait for earlier images.
        run.derivatives.complete(earlier=run.signal is None)
        run.small.stop()
        self._end_run(status, why)
        said = self._says_it_all()
        if said:
            written = reporter.refresh(run.ledger, run.workspace, run_id=run.run_id)
        else:
            # Who stopped the run does not wait, nor does anybody for images that lie elsewhere.
            drew = 0 if run.signal is not None or run.project.store else run.meter.images_stored
            written = reporter.write(run.ledger, run.workspace, run.store, run_id=run.run_id, drew=drew)
        reporter.reject(run.workspace, [(row.place, row.why) for row in run.checked.manifest_summary.bad])
        self._end_run(status, why, told=run.worklist.fingerprint if said or self._mirrored(written.files) else None)
        run.news.keep(status)
        run.event_log.put("summary.json", dict(written.summary) | self._in_short(status))
        run.meter.state = "ended"
        run.status_file(exit_code=status)
        return dict(written.summary), written.page

    def _mirrored(self, files: Sequence[Path]) -> bool:
        """Give the store a copy of the report and of the ledger; one that is away gets it after the next run."""
        run = self.run
        try:
            mirror(run.project, run.ledger, run.store, run.workspace, files)
        except StorageError as error:
            run.worklist.notices.append(Problem(f"report and ledger were not copied: {error}", None, Severity.WARNING))
            return False
        return True

    def _says_it_all(self) -> bool:
        """Whether an earlier report needs nothing but this run's summary: the same is wanted, and nothing was done."""
        run = self.run
        before, told = told_before(run.ledger, run.run_id)
        began = next((one.started for one in run.ledger.runs.latest_first() if one.run_id == before), None)
        return (
            told == run.worklist.fingerprint
            and not (began and run.ledger.reviews.decided_since(began))
            and not run.has_work
            and not run.collected
            and not run.restored
            and not run.derivatives.anew
            and run.workspace.exists("report/report.html")
        )

    def _end_run(self, status: Exit, why: str, told: int | None = None) -> None:
        """End the run in the books; `told` is the fingerprint of what the report tells, once it is written."""
        run = self.run
        counts: dict[str, Any] = {**run.checked.manifest_summary.counts}
        if told is not None:
            counts |= {TOLD: told, KEPT: run.kept.facts}
        run.ledger.runs.end(run.run_id, status, why, counts)

    def _verdict(self) -> tuple[Exit, str]:
        """Return the exit status, and why the run ended before its work was done."""
        run = self.run
        if broken := (*run.ledger.accounts.audit(), *self._unexplained()):
            return Exit.BUG, "the accounts do not add up: " + "; ".join(broken)
        exposure = run.ledger.reservations.exposure(run.run_id)
        outcomes = (
            run.meter.outcomes
            + run.worklist.settled
            + run.worklist.fetched()
            + run.worklist.unwanted(run.still_waiting)
        )
        late, doubtful = len(run.worklist.held_late), len(run.worklist.doubtful)
        old, in_doubt = run.news.old(), Counter({OutcomeKind.HELD: late + doubtful})
        status = exit_status(
            run.stops.reasons,
            outcomes - old + in_doubt,
            signal=run.signal,
            refused=bool(run.refused) or run.worklist.held.total() > 0,
            rejected=run.news.some_rejected,
            charged=bool(exposure.spent or exposure.at_risk or outcomes[OutcomeKind.SUBMITTED]),
            left=bool(outcomes[OutcomeKind.NOT_STARTED]) or run.meter.outcomes.total() < (run.meter.jobs_total or 0),
        )
        if run.occupied and status in {Exit.OK, Exit.SOME_FAILED, Exit.SUBMITTED}:
            return Exit.STORAGE, with_what_waits(run.occupied, run.workspace)
        if status is Exit.SUBMITTED:
            return status, self._submitted()
        told = self._told(status)
        why = "; ".join(f"{run.where() if stop.cause else ''}{stop.words}" for stop in told)
        if any(stop.of_store for stop in told):
            why = with_what_waits(why, run.workspace)
        why = why or run.refused or self._awaits(status)
        if status is Exit.HELD and not outcomes[OutcomeKind.HELD] + late:
            why = "finished, some jobs may have been paid and are asked for once more by the next run"
        if status is Exit.OK and not why and (old or run.checked.manifest_summary.bad):
            why = f"nothing new: {self._as_before(old)}"
        return status, why

    def _awaits(self, status: Exit) -> str:
        """Say for what the run did not start jobs that people let wait; empty where it ends for another reason."""
        if status is not Exit.LIMIT or not (jobs := self.run.worklist.held.total()):
            return ""
        return f"{counted(jobs, 'job')} {'wait' if jobs != 1 else 'waits'} for a decision"

    def _as_before(self, old: Counter[OutcomeKind]) -> str:
        """Say what is amiss as an earlier run told, or as a person accepted."""
        jobs = (f"{counted(count, 'job')} {kind.replace('_', ' ')}" for kind, count in sorted(old.items()))
        bad = len(self.run.checked.manifest_summary.bad)
        return ", ".join((*jobs, *([f"{counted(bad, 'row')} left out"] if bad else []))) + ", as before"

    def _submitted(self) -> str:
        """Say what waits at the provider."""
        images, reserved = self.run.ledger.attempts.submitted()
        waits = "images wait" if images != 1 else "image waits"
        return f"{images:,} {waits} at the provider ({exact(reserved)} reserved); the same command collects them"

    def _told(self, status: Exit) -> list[Stop]:
        """Return the reasons to stop that count: a limit that stopped nothing is none."""
        return [stop for stop in self.run.stops.reasons if stop.kind not in SET_BY_PEOPLE or status is Exit.LIMIT]

    def _in_short(self, status: Exit) -> dict[str, Any]:
        """Say why the run ended in words of our own alone, and in codes: what stopped it, what is wrong on the way."""
        told = self._told(status)
        cause = next((stop.cause for stop in told if stop.cause), Cause.NONE)
        reason = "; ".join(stop.why for stop in told if stop.why) or self.run.refused
        reason = self._submitted() if status is Exit.SUBMITTED else reason
        stops = [stop.kind.value for stop in told]
        return {"reason": reason, "cause": cause.value, "stops": stops, **self.run.of_providers()}

    def _too_late(self, status: Exit) -> Iterator[Problem]:
        """Say which limit was met when nothing was left that it could have stopped."""
        if status in {Exit.OK, Exit.SUBMITTED, Exit.SOME_FAILED}:
            yield from (Problem(one.words, None, Severity.WARNING) for one in self.run.stops.reasons)

    def _waiting(self) -> Iterator[Problem]:
        """Say what waits for a person: nothing failed, and nothing goes on by itself."""
        previews = sum(one.jobs for one in self.run.worklist.waiting if one.code is ReasonCode.PREVIEW)
        if previews:
            jobs = counted(previews, "job")
            why = f"{jobs}: waiting for approval of previews; {HOW[ReasonCode.PREVIEW]}"
            yield Problem(why, None, Severity.WARNING)
        for one in self.run.worklist.waiting:
            if one.code in BY_PEOPLE:
                yield Problem(f"{counted(one.jobs, 'job')}: {one.why}; {HOW[one.code]}", None, Severity.WARNING)

    def _unexplained(self) -> Iterator[str]:
        """Rows of the manifest and wanted images of which nobody can say what became of them.

        Chained jobs may turn out to be one and the same when their inputs are known, so they are not counted.
        """
        run = self.run
        manifest_summary = run.checked.manifest_summary
        explained = manifest_summary.planned + manifest_summary.skipped + manifest_summary.rejected
        if manifest_summary.rows != explained:
            yield f"{manifest_summary.rows} rows were read, but {explained} are accounted for"
        known = run.ledger.jobs.images_wanted(run.run_id)
        if run.planned and not manifest_summary.taken and known != manifest_summary.images:
            yield f"{manifest_summary.images} images were asked for, but {known} are accounted for"
