"""derivatives.csv: one derivative a line, with what of its recipe could not be reached; only where there are any."""

from collections.abc import Sequence
from operator import attrgetter

from batchgen.reporter import csvfile
from batchgen.reporter.tables import Column
from batchgen.storage import Workspace
from batchgen.storage.derived import Derived, names, read

FILE = "report/derivatives.csv"

COLUMNS: Sequence[Column[Derived]] = (
    Column("image", attrgetter("source")),
    Column("name", attrgetter("name")),
    Column("path", attrgetter("path")),
    Column("bytes", attrgetter("bytes"), int),
    Column("width", attrgetter("width"), int),
    Column("height", attrgetter("height"), int),
    Column("format", attrgetter("format")),
    Column("flags", lambda derived: " ".join(derived.flags)),
)


def list_derivatives(workspace: Workspace) -> None:
    """Write the table anew, in the order of the images' paths; without derivatives there is none."""
    there = [
        derived for name in names(workspace) for derived in {one.source: one for one in read(workspace, name)}.values()
    ]
    if there:
        there.sort(key=lambda derived: (derived.source, derived.name))
        text = csvfile.header(COLUMNS) + "".join(csvfile.lines(COLUMNS, there))
        workspace.write(FILE, text.encode(errors="backslashreplace"))
    elif workspace.exists(FILE):
        workspace.remove(FILE)
