"""What a person sees of a run while it works: a live bar, a line a minute, or nothing."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Self, TextIO, cast

from batchgen.app.watch import Progress, below_bar, beside_bar, progress_line
from batchgen.cli.console import Console
from batchgen.text import safe

if TYPE_CHECKING:
    from rich.console import Console as RichConsole
    from rich.console import Group
    from rich.live import Live

LINE_EVERY = 60.0
MOST_NOTES = 20
BAR_WIDTH = 24


class Screen:
    """The common part: asks on a terminal, keeps notes until they are due. Never raises on a reader who left."""

    def __init__(self, console: Console, *, yes: bool = False) -> None:
        """`yes` answers every question."""
        self.console = console
        self.yes = yes
        self.notes: list[str] = []

    @property
    def attended(self) -> bool:
        """Whether a person sits at a terminal."""
        return self.console.attended

    def on_progress(self, progress: Progress, /) -> None:
        """Show nothing."""

    def on_note(self, text: str, /, *, urgent: bool = False) -> None:
        """Show an urgent line now, any other when it is due."""
        if urgent:
            self.console.err(f"batchgen: {safe(text, 400)}")
        else:
            self.notes.append(safe(text, 400))

    def ask(self, question: str, /) -> bool:
        """Ask once; no answer is no."""
        if self.yes or not self.attended:
            return self.yes
        self.console.talk.write(f"{safe(question, 1000)} [y/N] ")
        self.console.talk.flush()
        return self.console.listen().strip().lower() in {"y", "yes"}

    def finish(self, *, well: bool) -> None:
        """Say what is still to be said; `well` when everything went as it should."""
        del well
        for note in self._due():
            self.console.err(f"batchgen: {note}")

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

    def __init__(self, console: Console, monotonic: Callable[[], float], *, yes: bool = False) -> None:
        """Measure the minute on this clock, in seconds."""
        super().__init__(console, yes=yes)
        self._monotonic = monotonic
        self._next = float("-inf")

    def on_progress(self, progress: Progress, /) -> None:
        now = self._monotonic()
        if now < self._next:
            return
        self._next = now + LINE_EVERY
        self.console.err("batchgen: " + "; ".join((progress_line(progress), *self._due())))
        self.console.talk.flush()


class Bar(Screen):
    """A live bar on a terminal, drawn by rich; it only draws when told to, so no thread of its own stalls the run."""

    def __init__(self, console: Console, *, yes: bool = False) -> None:
        """Show no bar before the first progress."""
        super().__init__(console, yes=yes)
        self._live: Live | None = None

    def on_progress(self, progress: Progress, /) -> None:
        if self._live is None:
            from rich.live import Live

            self._live = Live(
                console=_rich(self.console),
                auto_refresh=False,
                transient=True,  # the last words say what the bar would go on to say too early
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
        self._live.update(_drawing(progress), refresh=True)

    def on_note(self, text: str, /, *, urgent: bool = False) -> None:
        del urgent  # on a terminal every note is shown at once
        if self._live is None:
            self.console.err(f"batchgen: {safe(text, 400)}")
        else:
            self._live.console.print(f"batchgen: {safe(text, 400)}", markup=False, highlight=False)

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None


def _drawing(progress: Progress) -> "Group":
    """Return a bar with images, money and time beside it, and how the work goes below."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    wanted = progress.images_wanted if progress.jobs_total is not None else 0
    bar = ProgressBar(
        wanted or None,
        progress.images_stored,
        width=BAR_WIDTH,
        pulse=not wanted,
        animation_time=0,
        complete_style="green",
    )
    top = Table.grid(padding=(0, 2, 0, 0))
    top.add_row(bar, Text(beside_bar(progress), no_wrap=True, overflow="ellipsis"))
    return Group(top, Text(below_bar(progress), no_wrap=True, overflow="ellipsis"))


def _rich(console: Console) -> "RichConsole":
    from rich.console import Console as RichConsole

    return RichConsole(file=cast("TextIO", console.talk), force_terminal=True, emoji=False)


def screen(console: Console, monotonic: Callable[[], float], *, quiet: bool, yes: bool) -> Screen:
    """Choose the right one for this console: a terminal that can draw gets a bar, anything else lines."""
    if quiet:
        return Quiet(console, yes=yes)
    if console.talk.isatty() and not _rich(console).is_dumb_terminal:
        return Bar(console, yes=yes)
    return Lines(console, monotonic, yes=yes)
