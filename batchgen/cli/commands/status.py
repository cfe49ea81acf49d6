"""`batchgen status`: where a run stands."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from batchgen.cli.command import Context, subcommand
from batchgen.cli.console import Console
from batchgen.cli.params import json_option, output_argument

LOOK_EVERY = 1.0
"""Seconds between two looks."""


@subcommand("status")
@output_argument
@click.option("--watch", is_flag=True, help="Follow the run until it ends, or until Ctrl-C.")
@json_option
def command(context: Context, output: Path | None, *, watch: bool, as_json: bool) -> None:
    """Say where the run in the folder OUTPUT stands, while it works or afterwards. Nothing is sent or changed.

    Without OUTPUT, the folder below `output/` that was written last. --watch follows what the run says of itself every
    second: a terminal shows it in one place, a pipe gets a line for each change.

    Examples:
      batchgen status
      batchgen status output/autumn-catalogue --watch
      batchgen status --json | jq .state
    """
    from batchgen.app.output.maintain import read_status
    from batchgen.cli.render.summary import status_block, status_json

    if watch and as_json:
        raise click.UsageError("--watch and --json exclude each other; choose one.")
    folder = context.output(output)
    if watch:
        _follow(context, folder)
    status = read_status(folder)
    context.console.show(status_json(status) if as_json else status_block(status))


def _follow(context: Context, folder: Path) -> None:
    """Show the run as it goes on; a person who has seen enough ends that, and no run."""
    from batchgen.app.output.maintain import follow_status

    shown = Redrawn(context.console)
    try:
        for live in follow_status(folder, lambda: time.sleep(LOOK_EVERY)):
            if live.get("exit_code") is None:  # how it ended is said with all the rest
                shown.show(live)
    except KeyboardInterrupt:
        context.console.err("")
    finally:
        shown.clear()


class Redrawn:
    """What a run says of itself, always the latest: in one place of a terminal, or a line for each change."""

    def __init__(self, console: Console) -> None:
        """Write over what stands there only where a terminal can do that."""
        self._console = console
        self._in_place = console.data.isatty() and os.environ.get("TERM") != "dumb"
        self._lines = 0
        self._last = ""

    def show(self, live: Mapping[str, Any]) -> None:
        """Show where the run stands, unless that is what was shown last."""
        from batchgen.cli.render.summary import live_block, live_line
        from batchgen.cli.render.table import cut

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
