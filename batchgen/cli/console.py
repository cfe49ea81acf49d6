"""What the command line writes on: stdout for data, stderr for progress; a reader who left never fails a run."""

import errno
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any, TextIO

from batchgen.errors import Place, Problem, Severity
from batchgen.text import safe

WIDTH = 80
"""Columns of a line that no terminal shows."""
LEAST_WIDTH = 40
"""Columns below which lines are left to the terminal to break."""
SHOWN = 100
"""Columns that are shown of a line that a problem is about."""
BEFORE = 40
"""Columns shown before the mark where such a line is longer."""
_TEXT = frozenset({".yaml", ".yml", ".csv", ".tsv", ".jsonl", ".json", ".txt"})


class SafeStream:
    """A stream that may be closed, gone or poor in characters; writing to it never raises.

    A reader who left (EPIPE) is forgiven. `fault` is any other refusal, such as a full disk behind a redirection.
    """

    def __init__(self, stream: TextIO | None) -> None:
        """Take a standard stream; None is what Python makes of a closed one."""
        self.stream = stream
        self.fault: OSError | None = None
        self._gone = stream is None
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")

    def write(self, text: str) -> int:
        """Write; what cannot be written is dropped."""
        self._forgiving(lambda stream: stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Hand over what was written."""
        self._forgiving(lambda stream: stream.flush())

    def isatty(self) -> bool:
        """Whether a person sees this."""
        return self.stream is not None and not self.stream.closed and self.stream.isatty()

    def close_down(self) -> None:
        """Flush, and keep the interpreter from stumbling at its exit over what a reader who left did not take."""
        self.flush()
        if self._gone and self.stream is not None:
            try:
                os.dup2(os.open(os.devnull, os.O_WRONLY), self.stream.fileno())
            except (OSError, ValueError):
                return

    def _forgiving(self, act: Callable[[TextIO], object]) -> None:
        if self._gone or self.stream is None:
            return
        try:
            act(self.stream)
        except OSError as error:
            self._gone = True
            if error.errno not in {errno.EPIPE, errno.EIO, errno.EBADF}:
                self.fault = error
        except ValueError:
            self._gone = True  # the stream was closed under us


class Console:
    """The two sheets of a command, and whether a person sits in front of them."""

    def __init__(self, out: TextIO | None, err: TextIO | None, into: TextIO | None) -> None:
        """Take stdout, stderr and stdin; each may be None or closed."""
        self.data = SafeStream(out)
        self.talk = SafeStream(err)
        self._into = into
        self.attended = self.talk.isatty() and into is not None and not into.closed and into.isatty()

    @classmethod
    def standard(cls) -> "Console":
        """Take the process's own streams."""
        return cls(sys.stdout, sys.stderr, sys.stdin)

    def out(self, text: str) -> None:
        """Print data, for people or pipes."""
        self.data.write(text if text.endswith("\n") or not text else text + "\n")

    def err(self, text: str) -> None:
        """Words about the work."""
        self.talk.write(text if text.endswith("\n") or not text else text + "\n")

    def fail(self, why: object) -> None:
        """Say what went wrong as a whole: `batchgen: error: ...`."""
        self.tell([Problem(str(why))])

    def tell(self, problems: Iterable[Problem]) -> None:
        """Write a line for each problem on stderr: `file:line:column: error: ...`, harmless on a terminal.

        A terminal shows the place, too.
        """
        for problem in problems:
            before = problem.place or "batchgen"
            word = self._coloured(f"{problem.severity}:", problem.severity is Severity.ERROR)
            self.err(f"{safe(before, 1000)}: {word} {safe(problem.message, 1000)}")
            if problem.place and self.talk.isatty():
                self.err(excerpt(problem.place))

    def _coloured(self, word: str, bad: bool) -> str:  # noqa: FBT001
        if not self.talk.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
            return word
        return f"\x1b[1;{31 if bad else 33}m{word}\x1b[0m"

    @property
    def width(self) -> int:
        """How many columns a line of data has: those of the terminal, 80 for pipes and files."""
        from shutil import get_terminal_size

        return max(get_terminal_size().columns, LEAST_WIDTH) if self.data.isatty() else WIDTH

    def say_at_once(self, text: str) -> None:
        """Return data that someone waits for, handed over without delay."""
        self.out(text)
        self.data.flush()

    def listen(self) -> str:
        """Read one line of a person's answer; empty when there is none."""
        try:
            return self._into.readline() if self._into else ""
        except (OSError, ValueError):
            return ""

    def json(self, value: Any) -> None:
        """Exactly one JSON object; ASCII, so that nothing in it can steer a terminal."""
        self.out(json.dumps(value, indent=2, allow_nan=False))

    def show(self, told: str | Mapping[str, Any]) -> None:
        """Print words for people, or an object for scripts."""
        if isinstance(told, str):
            self.out(told)
        else:
            self.json(told)

    def csv(self, rows: Iterable[Iterable[object]]) -> None:
        """Rows of comma-separated values."""
        import csv

        csv.writer(self.data, lineterminator="\n").writerows(rows)


def excerpt(place: Place) -> str:
    """Show the line with its number; empty where there is none to show."""
    line = _line(place)
    if not line.strip():
        return ""
    from batchgen.cli.render.table import columns_of, cut

    start = max(0, place.column - 1 - BEFORE) if len(line) > SHOWN else 0
    shown = cut(safe(line[start:], 10 * SHOWN), SHOWN)
    number = f"{place.line:>5} | "
    if not place.column:
        return number + shown
    indent = columns_of(safe(line[start : place.column - 1], 10 * SHOWN))
    return f"{number}{shown}\n{' ' * 5} | {' ' * indent}^"


def _line(place: Place) -> str:
    """Return the line as it is; nothing where it cannot be read, or is of no text file."""
    from pathlib import Path  # only a mistake shows a line, and every start would import it

    path = Path(place.file)
    if not place.line or path.suffix.lower() not in _TEXT or not path.is_file():
        return ""
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            return next(islice(file, place.line - 1, None), "").rstrip("\r\n").replace("\t", " ")
    except OSError:
        return ""
