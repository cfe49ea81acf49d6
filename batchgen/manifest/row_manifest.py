"""A table that is a manifest by itself: columns named like a parameter set it, every other one is a tag."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from batchgen.errors import Place, Problem, Severity
from batchgen.manifest.names import INSTEAD, REQUEST, known_word, nearest, shown
from batchgen.manifest.rendered_row import RenderedRow
from batchgen.manifest.rows.cells import is_list, several
from batchgen.manifest.rows.table import FileStamp, Row, Skipped, Table, empty_row, in_lines, is_blank

BETWEEN_IMAGES = ";"
"""Separates several images in one `images` cell."""
_DOUBTED = {
    "id": "the key names the job",
    **dict.fromkeys(("image", "images"), "an image is made from a prompt alone"),
    "mask": "all of the image is changed",
    "markup": "the image goes out without it",
}
"""What a blank cell means in a column that other rows fill."""
NO_CELL = "`{name}` is nested; it takes text or a list of texts"
MOST_BLANKS = 1000
"""Lines of blank cells that are remembered."""
_TAGS_TOO = frozenset({"priority", "route"})
"""Words that say nothing of what is drawn, and may be worth knowing in the report."""


@dataclass(frozen=True, slots=True)
class RowManifest:
    """The rows of a CSV, TSV or JSONL manifest; cells are sent letter for letter, an empty cell sets nothing.

    `lacking` are words that its columns were to set and do not; `opens` are further parameters that they may set.
    """

    table: Table
    lacking: frozenset[str] = frozenset()
    opens: frozenset[str] = frozenset()

    @property
    def opened(self) -> FileStamp | None:
        return self.table.opened

    def least(self) -> int:
        return 0

    def drafts(self) -> Iterator[RenderedRow | Problem | Skipped]:
        blanks: dict[str, list[int]] = {name: [] for name in self.table.columns or () if known_word(name) in _DOUBTED}
        filled = set[str]()
        for row in self.table.read():
            draft = self._draft(row) if isinstance(row, Row) else row
            yield draft
            if isinstance(draft, RenderedRow):
                _note_blanks(draft, blanks, filled)
        for name in sorted(filled):
            if lines := blanks[name]:
                why = f"`{name}` is blank, so {_DOUBTED[known_word(name) or name]}: {in_lines(lines)}"
                yield Problem(why, Place(self.table.file, lines[0]), Severity.WARNING)

    def _draft(self, row: Row) -> RenderedRow | Problem | Skipped:
        place = Place(self.table.file, row.line)
        if self.table.columns is None and (nested := _nested(row.values)):
            return Problem(NO_CELL.format(name=nested), place)
        texts: dict[str, str] = {}
        tags: list[tuple[str, str]] = []
        for name, cell in row.values.items():
            word = name if name in self.opens else known_word(name)
            if word is None or word in _TAGS_TOO:
                tags.append((name, cell))
            if word is None or not cell or cell.isspace():
                continue
            if word in texts:
                return Problem(f"`{word}` is given twice, also as {shown(name)}", place)
            texts[word] = cell
        if not texts and is_blank(cell for _, cell in tags):
            return empty_row(place.file, place.line)
        return RenderedRow(texts, _images(texts), tuple(tags), row.values, place, lacking=self.lacking)


def _nested(values: Mapping[str, str]) -> str:
    """Name a word of a request that a JSON line gives an object, or a list with more than texts; empty without one.

    An object comes as cells that are named after it and its members.
    """
    for name, cell in values.items():
        owner, dot, _ = name.partition(".")
        if known_word(owner) and (dot or (is_list(cell) and several(cell) == (cell,))):
            return owner
    return ""


def _note_blanks(draft: RenderedRow, blanks: dict[str, list[int]], filled: set[str]) -> None:
    """Remember in which lines cells are blank, and which columns have others."""
    for name, lines in blanks.items():
        if not is_blank((draft.values[name],)):
            filled.add(name)
        elif len(lines) < MOST_BLANKS:
            lines.append(draft.place.line)


def _images(texts: dict[str, str]) -> tuple[str, ...]:
    if "image" not in texts and "images" not in texts:
        return ()
    listed = several(texts.pop("images", ""))
    cells = (*several(texts.pop("image", "")), *(listed if len(listed) != 1 else listed[0].split(BETWEEN_IMAGES)))
    return tuple(cell for cell in cells if cell.strip())


def read_sheet(table: Table, opens: frozenset[str] = frozenset()) -> tuple[RowManifest, tuple[Problem, ...]]:
    """Take a table as a manifest, with what is wrong or doubtful about its columns."""
    columns, place = table.columns, Place(table.file)
    if columns is None:
        return RowManifest(table, opens=opens), ()
    words: dict[str, str] = {}
    for name in columns:
        word = name if name in opens else known_word(name)
        if word in words:
            twice = f"the columns {shown(words[word])} and {shown(name)} both set `{word}`; rename one of them"
            return RowManifest(table, frozenset({word})), (Problem(twice, place),)
        if word:
            words[word] = name
    if "prompt" not in words and "operation" not in words:
        close = nearest("prompt", columns)
        hint = f"; rename {shown(close)}" if close else ""
        return RowManifest(table, frozenset({"prompt"})), (Problem(f"a manifest needs a column `prompt`{hint}", place),)
    warnings = (_doubt(name, words) for name in columns if known_word(name) is None and name not in opens)
    return RowManifest(table, opens=opens), tuple(Problem(text, place, Severity.WARNING) for text in warnings if text)


def tags_of(table: Table, opens: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """Name the columns of a table, taken as a manifest, that set nothing and are carried into the report."""
    return tuple(name for name in table.columns or () if known_word(name) is None and name not in opens)


def _doubt(name: str, words: Collection[str]) -> str | None:
    if name in INSTEAD:
        return f"column `{name}` is only a tag: {INSTEAD[name]}"
    meant = nearest(name, REQUEST - {"id", "n", "image", "images"}, cutoff=0.8)
    if meant and meant not in words:
        return f"column {shown(name)} is only a tag; did you mean `{meant}`?"
    return None


def inline(file: str, rows: Sequence[tuple[Mapping[str, str], Place] | Problem]) -> Table:
    """Take rows that stand in the manifest itself as a table; its columns are those of any row."""
    columns = tuple(dict.fromkeys(name for row in rows if not isinstance(row, Problem) for name in row[0]))
    taken = [row if isinstance(row, Problem) else Row(row[0], row[1].line) for row in rows]
    return Table(file, columns or None, lambda: iter(taken))
