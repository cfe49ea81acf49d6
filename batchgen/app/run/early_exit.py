"""The object of `run --json` for a run that ended early: where its folder stands, read and never written."""

from pathlib import Path
from typing import Any

from batchgen import reporter
from batchgen.app.config.options import Options
from batchgen.app.config.project import Project, open_project
from batchgen.app.control import event_log
from batchgen.app.notify.news import News
from batchgen.app.preview import check
from batchgen.app.run.worklist import Worklist
from batchgen.errors import Exit
from batchgen.ledger import Ledger, RunStart
from batchgen.manifest import ManifestSummary
from batchgen.planner.fingerprint import Fingerprint
from batchgen.text import safe

NO_RUN = "none"
"""The run that never began, as a copy of the ledger calls it."""
UNREAD = "what was drawn and paid before could not be read, it is unknown and not in these numbers"


def early_end(path: Path, options: Options, status: Exit, why: str) -> dict[str, Any]:
    """Say where the folder of a manifest stands, with the keys of `summary.json`. Raises nothing.

    A run that had begun is told as itself. After a signal the manifest is not walked: what is wanted is what its latest
    run wanted. What cannot be read counts as nothing, and `why` says so.
    """
    told = reporter.nothing(options.max_cost)
    begun = event_log.latest_run()
    hasty = status in {Exit.SIGINT, Exit.SIGTERM} or (begun is not None and status is Exit.BUG)
    try:
        project, asked, manifest_summary = open_project(path, options), Fingerprint(), None
        told = reporter.nothing(project.settings.limits.max_cost)
        if not hasty:
            manifest_summary = check.check(project, options.only, asked).manifest_summary
            told = reporter.nothing(
                project.settings.limits.max_cost,
                manifest_summary.planned,
                manifest_summary.images,
                manifest_summary.counts,
            )
        with project.open_ledger(readonly=True) as ledger:
            if begun and any(run.run_id == begun.name for run in ledger.runs.latest_first()):
                told = reporter.summary(ledger, begun.name)
            else:
                told = _rehearsed(project, options, ledger, manifest_summary, asked)
    except (Exception, KeyboardInterrupt):  # noqa: BLE001 - why the run ended is what has to be told
        why = f"{why}; {UNREAD}"
    return told | {"exit_code": int(status), "why": safe(why, 1000)}


def _rehearsed(
    project: Project, options: Options, ledger: Ledger, manifest_summary: ManifestSummary | None, asked: Fingerprint
) -> dict[str, Any]:
    """Say what the summary of a run that stops before its first call would say: it begins in a copy of the ledger."""
    before = next((run.run_id for run in ledger.runs.latest_first() if run.manifest == project.settings.name), None)
    cap = project.settings.limits.max_cost
    with ledger.scratch_copy() as copy:
        copy.runs.begin(RunStart(NO_RUN, project.settings.name, project.providers, cap))
        if manifest_summary:
            news = News(copy, NO_RUN, project.settings.name)
            where = (copy, project.open_store(), project.offers(copy))
            estimate = Worklist(project, options, *where, NO_RUN, manifest_summary, asked.value, news).plan()
            copy.runs.expect(NO_RUN, estimate.low, estimate.expected, estimate.high)
        elif before:
            copy.jobs.want_again(before)
        rows = {"rows": manifest_summary.counts} if manifest_summary else {}
        return reporter.summary(copy, NO_RUN) | {"run_id": None} | rows
