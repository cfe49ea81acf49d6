"""checks.csv: what was measured on each stored image, and which checks it fails; only where something is checked."""

from collections.abc import Sequence
from operator import attrgetter

from batchgen.ledger import MeasuredRow
from batchgen.model import CheckFlag
from batchgen.reporter.tables import Column, names, texts


def _flags(row: MeasuredRow) -> str:
    return " ".join((*names(row.flags), *((CheckFlag.DUPLICATE.value,) if row.alike else ())))


CHECKS: Sequence[Column[MeasuredRow]] = (
    *texts("job_id", "path"),
    Column("border_off", attrgetter("border_off"), float, "share"),
    Column("margin", attrgetter("margin"), float, "share"),
    Column("sharpness", attrgetter("sharpness"), float, "steps"),
    *texts("looks"),
    Column("flags", _flags),
)
