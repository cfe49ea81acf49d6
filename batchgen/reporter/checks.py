"""checks.csv: what was measured on each stored image, and which checks it fails; only where something is checked."""

from collections.abc import Sequence
from operator import attrgetter

from batchgen.ledger import Ledger, MeasuredRow
from batchgen.model import CheckFlag
from batchgen.reporter import csvfile
from batchgen.reporter.tables import Column, names
from batchgen.storage import Workspace

FILE = "report/checks.csv"


def _flags(row: MeasuredRow) -> str:
    return " ".join((*names(row.flags), *((CheckFlag.DUPLICATE.value,) if row.alike else ())))


COLUMNS: Sequence[Column[MeasuredRow]] = (
    Column("job_id", attrgetter("job_id")),
    Column("path", attrgetter("path")),
    Column("border_off", attrgetter("border_off"), float),
    Column("margin", attrgetter("margin"), float),
    Column("sharpness", attrgetter("sharpness"), float),
    Column("looks", attrgetter("looks")),
    Column("flags", _flags),
)


def list_checks(ledger: Ledger, workspace: Workspace) -> None:
    """Write the table anew; without measures there is none."""
    if rows := list(ledger.measures.rows()):
        text = csvfile.header(COLUMNS) + "".join(csvfile.lines(COLUMNS, rows))
        workspace.write(FILE, text.encode(errors="backslashreplace"))
    elif workspace.exists(FILE):
        workspace.remove(FILE)
