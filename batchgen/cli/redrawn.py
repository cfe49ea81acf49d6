"""A run followed from another process: one place of a terminal that is written over, or a line for each change."""

import os
from collections.abc import Mapping
from typing import Any

from batchgen.cli.console import Console
from batchgen.cli.render.summary import live_block, live_line
from batchgen.cli.render.table import cut

LOOK_EVERY = 1.0
"""Seconds between two looks."""


class Redrawn:
    """What a run says of itself, always the latest."""

    def __init__(self, console: Console) -> None:
        """Write over what stands there only where a terminal can do that."""
        self._console = console
        self._in_place = console.data.isatty() and os.environ.get("TERM") != "dumb"
        self._lines = 0
        self._last = ""

    def show(self, live: Mapping[str, Any]) -> None:
        """Show where the run stands, unless that is what was shown last."""
        told = live_block(live) if self._in_place else live_line(live)
        if told == self._last:
            return
        self.clear()
        self._last = told
        if self._in_place:
            lines = [cut(line, self._console.width) for line in told.splitlines()]
            self._lines = len(lines)
            told = "\n".join(lines)
        self._console.say_at_once(told + "\n")

    def clear(self) -> None:
        """Take away what was shown in one place; lines stay."""
        if self._lines:
            self._console.data.write(f"\x1b[{self._lines}F\x1b[J")
        self._lines = 0
