"""What a person sees of a run while it works."""

import io
from dataclasses import replace

import pytest

from batchgen.cli.commands.status import Redrawn
from batchgen.cli.console import Console
from batchgen.cli.screen import Bar, Lines, Quiet, Screen, screen
from tests.cli.examples import PROGRESS


class Terminal(io.StringIO):
    """A stream with a person behind it."""

    def isatty(self) -> bool:
        return True


class Gone(Terminal):
    """A terminal whose person left."""

    def write(self, text: str) -> int:
        raise BrokenPipeError

    def flush(self) -> None:
        raise BrokenPipeError


class Hand:
    """A clock that is moved by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def console(err: io.StringIO) -> Console:
    """Paper whose stderr is this."""
    return Console(io.StringIO(), err, err)


@pytest.mark.parametrize(
    ("err", "quiet", "terminal", "kind"),
    [
        (Terminal(), False, "xterm", Bar),
        (Terminal(), False, "dumb", Lines),
        (io.StringIO(), False, "xterm", Lines),
        (Terminal(), True, "xterm", Quiet),
        (io.StringIO(), True, "xterm", Quiet),
    ],
)
def test_the_screen_fits_its_paper(
    err: io.StringIO, quiet: object, terminal: str, kind: type[Screen], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A terminal gets a bar, a pipe and a terminal that cannot draw get lines, quiet gets nothing."""
    monkeypatch.setenv("TERM", terminal)
    assert type(screen(console(err), Hand(), quiet=bool(quiet), yes=False)) is kind


def test_a_pipe_gets_at_most_a_line_a_minute() -> None:
    """Ten minutes of progress four times a second, with notes, are eleven lines at most."""
    err, clock = io.StringIO(), Hand()
    lines = Lines(console(err), clock)
    for quarter in range(4 * 600):
        clock.now = quarter / 4
        lines.on_progress(PROGRESS)
        lines.on_note("slower: the provider throttles")
    assert 1 < len(err.getvalue().splitlines()) <= 11


def test_notes_are_never_lost() -> None:
    """A note that no line carried is told at the end."""
    err = io.StringIO()
    lines = Lines(console(err), Hand())
    lines.on_note("breaker open")
    lines.finish(well=True)
    assert err.getvalue() == "batchgen: breaker open\n"


@pytest.mark.parametrize("kind", [Quiet, Screen])
def test_urgent_notes_come_at_once(kind: type[Screen]) -> None:
    """That calls are draining is told even when quiet."""
    err = io.StringIO()
    kind(console(err)).on_note("draining 8 calls", urgent=True)
    assert err.getvalue() == "batchgen: draining 8 calls\n"


def test_the_bar_draws_notes_and_itself_and_leaves() -> None:
    """Progress and notes stand on the terminal; nothing in them is taken as markup or as an escape."""
    err = Terminal()
    with Bar(console(err)) as bar:
        bar.on_note("before")
        bar.on_progress(replace(PROGRESS, state="[red]x\x1b]52;c;eA==\x07", jobs_total=None))
        bar.on_progress(replace(PROGRESS, images_stored=48))
        bar.on_note("[bold]half way", urgent=True)
    drawn = err.getvalue()
    assert all(words in drawn for words in ("batchgen: before\n", "48/48 images", "[bold]half way"))
    assert "\x1b]52" not in drawn


@pytest.mark.parametrize("narrow", ["1", "40"])
def test_a_narrow_terminal_takes_the_bar(narrow: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However narrow, nothing breaks."""
    monkeypatch.setenv("COLUMNS", narrow)
    with Bar(console(Terminal())) as bar:
        bar.on_progress(PROGRESS)


@pytest.mark.parametrize("kind", [Bar, Quiet, Screen])
def test_a_terminal_that_goes_away_stops_nothing(kind: type[Screen]) -> None:
    """Progress, notes and questions survive a terminal that is gone."""
    with kind(console(Gone())) as watch:
        watch.on_progress(PROGRESS)
        watch.on_note("x", urgent=True)
        watch.finish(well=False)


@pytest.mark.parametrize(
    ("said", "answer"), [("y\n", True), ("YES\n", True), ("n\n", False), ("\n", False), ("", False), ("sure\n", False)]
)
def test_a_question_is_asked_once(said: str, answer: object) -> None:
    """Only a yes is a yes; the end of the input is none."""
    err = Terminal()
    sheet = Console(io.StringIO(), err, Terminal(said))
    assert Screen(sheet).ask("This run may cost $40.00. Go on?") is answer
    assert err.getvalue() == "This run may cost $40.00. Go on? [y/N] "


@pytest.mark.parametrize(("yes", "err"), [(True, Terminal()), (True, io.StringIO()), (False, io.StringIO())])
def test_nobody_is_asked_twice_or_in_vain(yes: object, err: io.StringIO) -> None:
    """`--yes` answers every question; without a person the answer is no; neither asks."""
    assert Screen(console(err), yes=bool(yes)).ask("Go on?") is yes
    assert err.getvalue() == ""


def test_a_run_that_is_followed_stands_in_one_place_of_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was shown is written over, line for line; at the end it is taken away. The same is not shown twice."""
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    shown = Redrawn(Console(terminal, None, None))
    for done in (1, 1, 2):
        shown.show({"state": "drawing", "jobs_done": done, "jobs_total": 3, "run_id": "r"})
    shown.clear()
    block = "batchgen: drawing\nrun      r\nthen     {}/3 jobs, 0/0 images, $0.00 in this run\n"
    assert terminal.getvalue() == block.format(1) + "\x1b[3F\x1b[J" + block.format(2) + "\x1b[3F\x1b[J"


def test_a_run_that_is_followed_through_a_pipe_has_a_line_for_each_change() -> None:
    """No escape is among them, and the last one says how it ended."""
    pipe = io.StringIO()
    shown = Redrawn(Console(pipe, None, None))
    for done in (1, 1, 2):
        shown.show({"state": "drawing", "jobs_done": done, "jobs_total": 3})
    shown.show({"state": "ended", "exit_code": 4})
    shown.clear()
    assert pipe.getvalue().splitlines() == [
        "batchgen: 1/3 jobs, 0/0 images, $0.00, drawing",
        "batchgen: 2/3 jobs, 0/0 images, $0.00, drawing",
        "batchgen: stopped at a limit you set (exit 4)",
    ]
