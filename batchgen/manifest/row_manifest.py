"""A table that is a manifest by itself: columns named like a parameter set it, every other one is a tag."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from batchgen.errors import Place, Problem, Severity
from batchgen.manifest.names import INSTEAD, REQUEST, nearest, shown
from batchgen.manifest.rendered_row import RenderedRow
from batchgen.manifest.rows.table import Row, Skipped, Table, empty_row

BETWEEN_IMAGES = ";"
"""Separates several images in one `images` cell."""


@dataclass(frozen=True, slots=True)
class SafeStream:
    """The rows of a CSV, TSV or JSONL manifest; cells are sent letter for letter, an empty cell sets nothing.

    `lacking` are words that its columns were to set and do not; `opens` are further parameters that they may set.
    """

    table: Table
    lacking: frozenset[str] = frozenset()
    opens: frozenset[str] = frozenset()

    def least(self) -> int:
        return 0

    def drafts(self) -> Iterator[RenderedRow | Problem | Skipped]:
        for row in self.table.read():
            yield self._draft(row) if isinstance(row, Row) else row

    def _draft(self, row: Row) -> RenderedRow | Skipped:
        place = Place(self.table.file, row.line)
        texts: dict[str, str] = {}
        tags: list[tuple[str, str]] = []
        for name, cell in row.values.items():
            if name not in REQUEST and name not in self.opens:
                tags.append((name, cell))
            elif cell and not cell.isspace():
                texts[name] = cell
        if not texts and not any(cell for _, cell in tags):
            return empty_row(place.file, place.line)
        return RenderedRow(texts, _images(texts), tuple(tags), row.values, place, lacking=self.lacking)


def _images(texts: dict[str, str]) -> tuple[str, ...]:
    if "image" not in texts and "images" not in texts:
        return ()
    cells = (texts.pop("image", ""), *texts.pop("images", "").split(BETWEEN_IMAGES))
    return tuple(cell for cell in cells if cell.strip())


def read_sheet(table: Table, opens: frozenset[str] = frozenset()) -> tuple[SafeStream, tuple[Problem, ...]]:
    """Take a table as a manifest, with what is wrong or doubtful about its columns."""
    columns, place = table.columns, Place(table.file)
    if columns is None:
        return SafeStream(table, opens=opens), ()
    if "prompt" not in columns and "operation" not in columns:
        close = nearest("prompt", columns)
        hint = f"; rename {shown(close)}" if close else ""
        return SafeStream(table, frozenset({"prompt"})), (Problem(f"a manifest needs a column `prompt`{hint}", place),)
    warnings = (_doubt(name, columns) for name in columns if name not in REQUEST | opens)
    return SafeStream(table, opens=opens), tuple(Problem(text, place, Severity.WARNING) for text in warnings if text)


def _doubt(name: str, columns: tuple[str, ...]) -> str | None:
    if name in INSTEAD:
        return f"column `{name}` is only a tag: {INSTEAD[name]}"
    meant = nearest(name, REQUEST - {"id", "n", "image", "images"}, cutoff=0.8)
    if meant and meant not in columns:
        return f"column {shown(name)} is only a tag; did you mean `{meant}`?"
    return None


def inline(file: str, rows: Sequence[tuple[Mapping[str, str], Place] | Problem]) -> Table:
    """Take rows that stand in the manifest itself as a table; its columns are those of any row."""
    columns = tuple(dict.fromkeys(name for row in rows if not isinstance(row, Problem) for name in row[0]))
    taken = [row if isinstance(row, Problem) else Row(row[0], row[1].line) for row in rows]
    return Table(file, columns or None, lambda: iter(taken))
