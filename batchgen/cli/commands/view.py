"""`batchgen view`: the page, live."""

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import click

from batchgen.cli.command import Context, subcommand
from batchgen.cli.params import Whole, output_argument

NICE = 10
"""How far the viewer stands back behind the run that it shows."""


@subcommand("view")
@output_argument
@click.option("--port", type=Whole(0, 65535), default=0, metavar="N", help="0 takes a free one.  [default: 0]")
@click.option(
    "--host", metavar="H", default="127.0.0.1", show_default=True, help="Where to listen; others see any but loopback."
)
@click.option("--no-open", is_flag=True, help="Open no browser.")
def command(context: Context, output: Path | None, *, port: int, host: str, no_open: bool) -> None:
    """Serve the page of the folder OUTPUT while you look: images as they arrive, money, review, control.

    It works while a run draws, afterwards, and without one. Decisions go straight into the ledger. The address, the
    last line on stdout, holds a token: whoever has it can look and decide, so hand it on with care. It knows no key
    and spends nothing. Without OUTPUT, the folder below `output/` that was written last. Ends with Ctrl-C.

    Examples:
      batchgen view
      batchgen view output/autumn-catalogue --port 8800
      ssh -L 8800:127.0.0.1:8800 server batchgen view shop --port 8800
    """
    from batchgen.app.view.serve import view

    opens = not no_open and context.console.attended and _has_display()

    def announce(address: str) -> None:
        context.console.say_at_once(address)
        if opens:
            import webbrowser

            webbrowser.open(address)

    with suppress(OSError):
        os.nice(NICE)
    view(context.output(output), announce, host=host, port=port)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the end is under way


def _has_display() -> bool:
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
