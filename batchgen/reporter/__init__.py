"""Ledger rows become files: CSV, Parquet, XLSX, JSON and one page. It reads the ledger and never a run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from batchgen.errors import Place
from batchgen.ledger import Difference, Ledger, Month
from batchgen.money import MicroUSD
from batchgen.storage import ImageStore, Workspace
from batchgen.storage.derived import Derivatives

if TYPE_CHECKING:
    from pandas import DataFrame

    from batchgen.reporter.folder import Written
    from batchgen.reporter.month import Spending
    from batchgen.reporter.thumbs import Images

__all__ = ["frame", "join", "list_differences", "nothing", "refresh", "reject", "summary", "write", "write_month"]


def write(
    ledger: Ledger, workspace: Workspace, store: ImageStore, *, run_id: str | None = None, drew: int = 0
) -> "Written":
    """Write `report/` of an output folder from its ledger, as of a run, or of the latest one.

    A run that `drew` many images here has time for all their thumbnails. Memory stays flat however long the tables are.
    StorageError when the folder refuses; the old report then stays.
    """
    from batchgen.reporter import folder as place
    from batchgen.reporter.thumbs import SECONDS, SECONDS_EACH

    return place.write(ledger, workspace, store, run_id=run_id, seconds=max(SECONDS, SECONDS_EACH * drew))


def join(
    ledger: Ledger, workspace: Workspace, store: "Images", *, where: str, name: str, derivatives: Derivatives
) -> "Written":
    """Write the report of several outputs into the folder `where`, from the ledger that has the rows of all."""
    from batchgen.reporter import folder as place

    return place.write(ledger, workspace, store, joined=place.Joined(where, name, derivatives))


def write_month(
    month: Month, budgets: "Sequence[Spending]", workspace: Workspace, *, where: str, name: str
) -> "tuple[Path, ...]":
    """Write the page and the sheet of a month into a folder of the workspace; the paths written."""
    from batchgen.reporter import month as room

    return room.write(month, budgets, workspace, where, name)


def refresh(ledger: Ledger, workspace: Workspace, *, run_id: str) -> "Written":
    """Bring only `summary.json` up to date, over a report that says the rest already."""
    from batchgen.reporter import folder as place

    return place.refresh(ledger, workspace, run_id=run_id)


def reject(workspace: Workspace, rows: Sequence[tuple[Place | None, str]]) -> None:
    """List rows of the manifest that were left out, with their reasons, in `report/rejected.csv`."""
    from batchgen.reporter import rejected

    rejected.reject(workspace, rows)


def list_differences(workspace: Workspace, differences: Sequence[Difference]) -> str:
    """List the differences between a bill and the ledger in `report/reconciled.csv`; returns that path."""
    from batchgen.reporter import reconciled as place

    return place.write(workspace, differences)


def summary(ledger: Ledger, run_id: str | None = None) -> dict[str, Any]:
    """Make the object of `summary.json` and `run --json`: the whole folder, and `this_run`, or the latest run."""
    from batchgen.reporter import accounts

    with ledger.snapshot():
        return accounts.read(ledger, run_id).as_json()


def nothing(
    cap: MicroUSD | None = None, jobs: int = 0, images: int = 0, rows: Mapping[str, int] | None = None
) -> dict[str, Any]:
    """Make the same object for a folder in which nothing is known to have been done; `rows` are of the manifest."""
    from batchgen.reporter import accounts

    return accounts.nothing(cap, jobs, images, rows or {}).as_json()


def frame(ledger: Ledger, table: str = "images") -> "DataFrame":
    """One table of the report (images, jobs or usage) as a frame; InputError for another name."""
    from batchgen.reporter import frames

    return frames.frame(ledger, table)
