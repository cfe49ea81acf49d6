"""Text files of one prompt a line."""

from collections.abc import Iterator
from pathlib import Path

from batchgen.errors import InputError, Place, Problem
from batchgen.manifest.rows.layout import Layout
from batchgen.manifest.rows.separated import open_csv
from batchgen.manifest.rows.table import Read, Row, Table, Unreadable, telling
from batchgen.manifest.rows.text_file import BadLineError, TextFile, text_file

COLUMN = "prompt"
"""What a line is called."""


def open_lines(path: Path, file: str, layout: Layout) -> Table:
    """Open a text file whose lines are prompts; with a separator it is a table under another name."""
    if layout.delimiter:
        return open_csv(path, file, layout)
    if path.stat().st_size == 0:
        raise InputError(Problem("the file is empty; each line is a prompt", Place(file)))
    text = text_file(path, file, layout.encoding)
    return Table(file, (COLUMN,), lambda: _lines(text, file), telling(file, 1, text.told))


def _lines(text: TextFile, file: str) -> Iterator[Read]:
    try:
        with text.lines() as lines:
            for number, line in enumerate(lines, start=1):
                if prompt := line.strip():
                    yield Row({COLUMN: prompt}, number)
    except BadLineError as error:
        yield Unreadable(f"{error}; nothing after this line was read", Place(file, error.line))
