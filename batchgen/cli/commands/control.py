"""`batchgen control`: steer a run at work."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from batchgen.cli.command import Context, subcommand
from batchgen.cli.params import MONEY, LocalPath, Read, Whole

_CHANGES: dict[str, click.ParamType[Any]] = {"concurrency": Whole(min=1), "max_cost": MONEY}


def _change(word: str) -> tuple[str, Any]:
    """Read a limit and what it shall be: `concurrency=8`."""
    name, equals, text = word.partition("=")
    if name not in _CHANGES or not equals:
        raise ValueError(f"{word!r} is not a change: give concurrency=8 or max_cost=50")
    return name, _CHANGES[name](text)


def _once(_ctx: click.Context, _param: click.Parameter, changes: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(changes)) < len(changes):
        raise click.BadParameter("each limit is given once")
    return dict(changes)


@subcommand("control")
@click.argument("output", type=LocalPath())
@click.argument(
    "do", metavar="pause|resume|drain|redraw|set", type=click.Choice(["pause", "resume", "drain", "redraw", "set"])
)
@click.argument("changes", nargs=-1, type=Read("NAME=VALUE", _change), callback=_once, metavar="[NAME=VALUE]...")
def command(context: Context, output: Path, do: str, changes: dict[str, Any]) -> None:
    """Steer the run at work in the folder OUTPUT: pause, resume, drain, redraw, or set its limits.

    A pause starts nothing new; what is under way ends. Drain ends the run when that has ended, with exit status 4.
    Redraw draws again what is rejected, before the rest and within the limits of the run, once for each decision.
    Set changes how many calls are made at once, and what this run may cost, never above the budget of the manifest.
    What was told, and by whom, stands in the run's log.

    Examples:
      batchgen control output/shop pause
      batchgen control output/shop resume
      batchgen control output/shop set concurrency=8 max_cost=50
      batchgen control output/shop redraw
      batchgen control output/shop drain

    Exit status: 0 done, 2 when no run is at work there, or it refuses.
    """
    from batchgen.app.control.control import control, user
    from batchgen.app.control.orders import Do, Order
    from batchgen.errors import InputError

    if changes and do != Do.SET:
        raise click.UsageError(f"{do} takes no limits; set does")
    answer = control(context.output(output), Order(Do(do), **changes, user=user()))
    if not answer.taken:
        raise InputError(f"the run refuses: {answer.why}")
    context.console.out(f"{answer.why}")
