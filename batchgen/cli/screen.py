"""What a person sees of a run while it works: a live bar, a line a minute, or nothing."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Self, TextIO, cast

from batchgen.cli.door import Progress
from batchgen.cli.paper import Paper
from batchgen.cli.words.progress import progress_line
from batchgen.text import safe

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as RichProgress

LINE_EVERY = 60.0
MOST_NOTES = 20


class Screen:
    """The common part: asks on a terminal, keeps notes until they are due. Never raises on a reader who left."""

    def __init__(self, paper: Paper, *, yes: bool = False) -> None:
        """`yes` answers every question."""
        self.paper = paper
        self.yes = yes
        self.notes: list[str] = []

    @property
    def attended(self) -> bool:
        """Whether a person sits at a terminal."""
        return self.paper.attended

    def on_progress(self, progress: Progress, /) -> None:
        """Show nothing."""

    def on_note(self, text: str, /, *, urgent: bool = False) -> None:
        """Show an urgent line now, any other when it is due."""
        if urgent:
            self.paper.err(f"batchgen: {safe(text, 400)}")
        else:
            self.notes.append(safe(text, 400))

    def ask(self, question: str, /) -> bool:
        """Ask once; no answer is no."""
        if self.yes or not self.attended:
            return self.yes
        self.paper.talk.write(f"{safe(question, 1000)} [y/N] ")
        self.paper.talk.flush()
        return self.paper.listen().strip().lower() in {"y", "yes"}

    def finish(self, *, well: bool) -> None:
        """Say what is still to be said; `well` when everything went as it should."""
        del well
        for note in self._due():
            self.paper.err(f"batchgen: {note}")

    def _due(self) -> list[str]:
        notes, self.notes = self.notes, []
        left_out = len(notes) - MOST_NOTES
        return notes if left_out <= 0 else [f"{left_out} earlier notes left out", *notes[-MOST_NOTES:]]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the terminal as it was."""


class Quiet(Screen):
    """Nothing at all when all is well."""

    def finish(self, *, well: bool) -> None:
        if well:
            self.notes.clear()
        super().finish(well=well)


class Lines(Screen):
    """At most a line a minute; notes ride on it."""

    def __init__(self, paper: Paper, monotonic: Callable[[], float], *, yes: bool = False) -> None:
        """Measure the minute on this clock, in seconds."""
        super().__init__(paper, yes=yes)
        self._monotonic = monotonic
        self._next = float("-inf")

    def on_progress(self, progress: Progress, /) -> None:
        now = self._monotonic()
        if now < self._next:
            return
        self._next = now + LINE_EVERY
        self.paper.err("batchgen: " + "; ".join((progress_line(progress), *self._due())))
        self.paper.talk.flush()


class Bar(Screen):
    """A live bar on a terminal, drawn by rich."""

    def __init__(self, paper: Paper, *, yes: bool = False) -> None:
        """Show no bar before the first progress."""
        super().__init__(paper, yes=yes)
        self._bar: RichProgress | None = None

    def on_progress(self, progress: Progress, /) -> None:
        bar = self._bar = self._bar or _rich_bar(self.paper)
        wanted = progress.images_wanted if progress.jobs_total is not None else None
        bar.update(
            bar.task_ids[0], total=wanted or None, completed=progress.images_stored, description=progress_line(progress)
        )
        bar.refresh()

    def on_note(self, text: str, /, *, urgent: bool = False) -> None:
        del urgent  # on a terminal every note is shown at once
        if self._bar is None:
            self.paper.err(f"batchgen: {safe(text, 400)}")
        else:
            self._bar.console.print(f"batchgen: {safe(text, 400)}", markup=False, highlight=False)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _rich_bar(paper: Paper) -> "RichProgress":
    """Start a bar with one task; it only draws when told to, so no thread of its own stalls the run."""
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as RichProgress

    bar = RichProgress(
        BarColumn(bar_width=20),
        TextColumn("{task.description}", markup=False),
        console=_console(paper),
        auto_refresh=False,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    bar.add_task("", total=None)
    bar.start()
    return bar


def _console(paper: Paper) -> "Console":
    from rich.console import Console

    return Console(file=cast("TextIO", paper.talk), force_terminal=True, emoji=False)


def screen(paper: Paper, monotonic: Callable[[], float], *, quiet: bool, yes: bool) -> Screen:
    """Choose the right one for this paper: a terminal that can draw gets a bar, anything else lines."""
    if quiet:
        return Quiet(paper, yes=yes)
    if paper.talk.isatty() and not _console(paper).is_dumb_terminal:
        return Bar(paper, yes=yes)
    return Lines(paper, monotonic, yes=yes)
