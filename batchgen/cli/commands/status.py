"""`batchgen status`: where a run stands."""

import time
from pathlib import Path

import click

from batchgen.cli.command import subcommand
from batchgen.cli.context import Context
from batchgen.cli.params import json_option, output_argument
from batchgen.errors import Exit


@subcommand("status")
@output_argument
@click.option("--watch", is_flag=True, help="Follow the run until it ends, or until Ctrl-C.")
@json_option
@click.pass_obj
def command(context: Context, output: Path | None, *, watch: bool, as_json: bool) -> int:
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
    return Exit.OK


def _follow(context: Context, folder: Path) -> None:
    """Show the run as it goes on; a person who has seen enough ends that, and no run."""
    from batchgen.app.output.maintain import follow_status
    from batchgen.cli.redrawn import LOOK_EVERY, Redrawn

    shown = Redrawn(context.console)
    try:
        for live in follow_status(folder, lambda: time.sleep(LOOK_EVERY)):
            if live.get("exit_code") is None:  # how it ended is said with all the rest
                shown.show(live)
    except KeyboardInterrupt:
        context.console.err("")
    finally:
        shown.clear()
