"""reconciled.csv: every difference between a bill and the ledger, one a line; their sum is the bill less the ledger."""

from collections.abc import Sequence
from datetime import datetime

from batchgen.ledger import Difference
from batchgen.reporter.csvfile import whole
from batchgen.reporter.tables import Column, counts, texts
from batchgen.storage import Workspace

FILE = "report/reconciled.csv"


def _day(moment: datetime | None) -> str:
    """Write a bound of the provider's day: the date alone where it is midnight."""
    if moment is None:
        return ""
    return moment.date().isoformat() if moment.timestamp() % 86_400 == 0 else moment.isoformat(timespec="minutes")


COLUMNS: Sequence[Column[Difference]] = (
    Column("begins", lambda one: _day(one.begins)),
    Column("ends", lambda one: _day(one.ends)),
    *texts("model", "key_id"),
    Column("kind", lambda one: one.kind.value),
    *counts("", "calls"),
    Column("difference_micro_usd", lambda one: one.micro_usd, int),
    *texts("detail"),
)


def list_differences(workspace: Workspace, differences: Sequence[Difference]) -> str:
    """Write the list, in place of an earlier one; returns its path below the output folder."""
    workspace.write(FILE, whole(COLUMNS, differences))
    return FILE
