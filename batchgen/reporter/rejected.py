"""Rows of the manifest that were left out, as they could not be jobs: `report/rejected.csv`, where there are any."""

from collections.abc import Sequence

from batchgen.errors import Place
from batchgen.reporter.csvfile import whole
from batchgen.reporter.tables import Column
from batchgen.storage import Workspace

FILE = "report/rejected.csv"
Rejected = tuple[Place | None, str]

COLUMNS: Sequence[Column[Rejected]] = (
    Column("file", lambda row: row[0].file if row[0] else ""),
    Column("line", lambda row: row[0].line if row[0] else None, int),
    Column("reason", lambda row: row[1]),
)


def reject(workspace: Workspace, rows: Sequence[Rejected]) -> None:
    """List these rows, in place of those of an earlier run."""
    if rows:
        workspace.write(FILE, whole(COLUMNS, rows))
    elif workspace.exists(FILE):
        workspace.remove(FILE)
