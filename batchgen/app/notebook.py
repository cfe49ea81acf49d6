"""What a notebook shows of a Python program's work: results as tables, and a line of progress."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from html import escape
from typing import TextIO

from batchgen.app.watch import Progress, Unwatched, progress_line
from batchgen.text import safe

Facts = Iterable[tuple[str, object]]


class Shown:
    """A result that tells its facts: on one line in a terminal, as a table in a notebook."""

    __slots__ = ()

    def _facts(self) -> Facts:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {'; '.join(f'{name} {safe(value, 1000)}' for name, value in self._facts())}>"

    def _repr_html_(self) -> str:
        return html_table((), self._facts())


def html_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Draw a table whose cells are harmless; the first cell of a row names it."""
    titles = "".join(f"<th>{escape(name)}</th>" for name in head)
    lines = "".join(
        f"<tr><th>{_cell(row[0])}</th>{''.join(f'<td>{_cell(c)}</td>' for c in row[1:])}</tr>" for row in rows
    )
    return f"<table>{f'<tr>{titles}</tr>' if head else ''}{lines}</table>"


def _cell(value: object) -> str:
    return escape(safe(value, 1000))


class Line(Unwatched):
    """Shows where a run stands on one line that each new one replaces."""

    def __init__(
        self, show: Callable[[str], object], every: float = 0.0, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Hand a line to this function, at most one in so many seconds of this clock."""
        self._show, self._every, self._monotonic, self._next = show, every, monotonic, float("-inf")

    def on_progress(self, progress: Progress, /) -> None:
        """Show where the run stands."""
        if (now := self._monotonic()) >= self._next:
            self._next = now + self._every
            self._show(progress_line(progress))


@contextmanager
def watching(*, progress: bool | None) -> Iterator[Unwatched]:
    """Choose who watches a run: without a wish, only somebody in IPython or a notebook does."""
    cell = None if progress is False else _cell_output()
    if cell:
        yield Line(cell)
    elif progress:
        with _line_on(sys.stderr) as line:
            yield line
    else:
        yield Unwatched()


def _cell_output() -> Callable[[str], object] | None:
    """Say what writes to the output of the cell that runs; None where no IPython does. It is never loaded for that."""
    ipython = sys.modules.get("IPython")
    if ipython is None or ipython.get_ipython() is None:
        return None
    from IPython.display import display  # type: ignore[import-not-found,unused-ignore]

    handle = display({"text/plain": ""}, raw=True, display_id=True)
    return lambda text: handle.update({"text/plain": text}, raw=True)


@contextmanager
def _line_on(stream: TextIO) -> Iterator[Line]:
    """Return a line that is written over on a terminal; anything else gets at most one a minute."""
    if stream.isatty():
        yield Line(lambda text: print(f"\r\x1b[K{text}", end="", file=stream, flush=True))
        print(file=stream)
    else:
        yield Line(lambda text: print(text, file=stream, flush=True), every=60.0)
