"""`control`: tell the run that is at work in a folder to pause, go on, end, or keep to other limits."""

import os
import pwd
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex

from batchgen.app.config.locate import run_status
from batchgen.app.control.orders import Answer, Order, Orders
from batchgen.app.control.progress import AT_WORK
from batchgen.app.output.maintain import DEAD, live_status, opened
from batchgen.errors import InputError, Locked
from batchgen.storage import Workspace
from batchgen.text import safe

PATIENCE = 6.0
"""Seconds for which a run may keep silent; at work it answers within one."""
LOOK_EVERY = 0.05


def control(output: Path, order: Order, *, sleep: Callable[[float], None] = time.sleep) -> Answer:
    """Tell the run at work in a folder what to do, and wait for its answer; InputError where none is at work.

    A run that still reads its manifest, or draws nothing yet for another reason, takes the order when it begins.
    """
    run_id = _at_work(output)
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}-{token_hex(4)}"
    orders = Orders(Workspace(output), run_id)
    orders.give(name, order)
    for _ in range(round(PATIENCE / LOOK_EVERY)):
        sleep(LOOK_EVERY)
        if answer := orders.answered(name):
            return answer
    state = safe((run_status(Workspace(output), run_id) or {}).get("state", ""), 60)
    if state not in {*AT_WORK, "paused", "draining", "ended", ""} and _is_locked(output):
        return Answer(taken=True, why=f"{state}: the run takes this when it begins to draw")
    if not orders.withdraw(name):
        return orders.answered(name) or Answer(
            taken=True, why="the run has taken this; its log will say what came of it"
        )
    raise InputError(f"run {run_id} gives no answer: it has ended, was killed or hangs; batchgen status tells more")


def user() -> str:
    """Name whoever gives orders here, for the log."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _at_work(output: Path) -> str:
    """Return the run at work in a folder."""
    with opened(output, readonly=True) as (ledger, workspace, _):
        runs = [run.run_id for run in ledger.runs.latest_first()]
        facts = live_status(workspace, runs, datetime.now(UTC)) or {}
    if not facts or facts.get("exit_code") is not None or facts.get("state") == DEAD:
        raise InputError(f"no run is at work in {safe(output, 400)}: there is nothing to control")
    return str(facts.get("run_id", ""))


def _is_locked(output: Path) -> bool:
    """Whether a process holds the folder: what a killed run says of itself outlives it."""
    try:
        with Workspace(output).lock():
            return False
    except Locked:
        return True
