"""Whatever the names and numbers, what people read fits a terminal of 80 columns; a single long word stays whole."""

import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len

from batchgen import catalog
from batchgen.app.output.prune import Keep, Old, PruneResult
from batchgen.app.preview.doctor import Finding
from batchgen.cli.console import Console
from batchgen.cli.index import COMMANDS
from batchgen.cli.render import catalogue, money, upkeep
from batchgen.cli.render.money import plan_head, plan_line
from batchgen.cli.render.summary import final_block, status_block
from batchgen.cli.render.table import paragraph
from batchgen.cli.render.upkeep import pruned
from batchgen.cli.screen import Bar, Lines
from batchgen.errors import Exit
from batchgen.manifest import ManifestSummary
from batchgen.money import MicroUSD
from batchgen.planner import Action
from tests.cli.conftest import Give
from tests.cli.examples import (
    PROGRESS,
    REPORT,
    adopted,
    checked,
    cost_row,
    estimate,
    held,
    offer,
    planned,
    reconciled,
    tag_row,
    verified,
)
from tests.cli.test_screen import Terminal
from tests.summaries import summary

NAMES = (
    "sofa-1",
    "a-name-of-a-job-that-is-much-longer-than-anybody-would-like-it-to-be-in-one-table",
    "座り心地の良いソファ-オーク材-三面図-" * 3,
    "🪑🛋️ " * 20,
    "x\x1b[31m\n" * 9,
)
MUCH = 987_654_321_098_765
MONEY = {
    "confirmed_micro_usd": 98_765_432_109,
    "estimated_micro_usd": 1_234_567,
    "at_risk_micro_usd": 7_654_321,
    "not_charged_micro_usd": 999_999_999,
    "cap_micro_usd": 100_000_000_001,
}
JOBS = dict.fromkeys(("done", "partial", "moderated", "failed", "held", "not_started"), 1_234_567) | {
    "total": 7_407_402
}
IMAGES = dict.fromkeys(("stored", "moderated", "failed", "uncertain", "lost_paid", "not_started"), 9_876_543)
WASTE = [{"why": "a reason of many words " * 3, "attempts": 9999, "paid_micro_usd": 1, "at_risk_micro_usd": 5}] * 9
BIG = summary(Exit.LIMIT, money=MONEY, jobs=JOBS, images=IMAGES | {"wanted": 59_259_258}, waste=WASTE, seconds=400_000)


def fits(told: str) -> None:
    """No line is wider than 80 columns, no line ends in blanks, and no escape is left in it."""
    for line in told.splitlines():
        assert cell_len(line) <= 80 or " " not in line.strip(), line
        assert line == line.rstrip()
        assert line.isprintable()


@pytest.mark.parametrize("name", NAMES, ids=["short", "long", "wide", "emoji", "escapes"])
def test_what_commands_print_fits(name: str) -> None:
    """Plans, estimates, comparisons, lists of held jobs, findings and counts."""
    costs = {"low": MUCH // 10**6, "expected": MUCH // 10**5, "high": MUCH // 10**4}
    row = cost_row(model=name[:60], size=name[:30], quality=name[:30], provider=name[:30], jobs=10**7, **costs)
    tags = tuple(tag_row(tag=name, value=f"{n} {name}", jobs=10**6, images=10**7, **costs) for n in range(30))
    offers = tuple(
        offer(name, price, model=name, quality=name, route="batch", refused=refused, own=own)
        for price, refused in ((None, (name, "words " * 30)), (MUCH, ()))
        for own in (True, False)
    )
    fits(money.estimate(estimate(rows=(row, row), tags=tags, jobs=10**7, images=10**8, calls=10**7)))
    fits(money.comparison(offers))
    fits(plan_head())
    for why in ("new", name, "a long reason " * 9):
        for action in (Action.NEW, Action.TOP_UP):
            fits(plan_line(planned(name, action, why)))
            fits(plan_line(planned(name, action, why, quote=None)))
    fits(upkeep.held((held(name, "a long reason " * 9, MUCH), held())))
    for level in ("ok", "bad"):
        fits(upkeep.finding_line(Finding(name[:12], level, "many words " * 20)))
    gone = tuple(Old(f"superseded/{name}.png", keep, 10**15) for keep in (None, *Keep))
    fits(pruned(PruneResult(Path("output/shop"), gone, gone, gone, gone, dry_run=False)))
    counts = ManifestSummary(10**7, 10**7, 10**7, 10**7, 10**8, more=10**6)
    fits(upkeep.check_line(checked(summary=counts)))
    fits(upkeep.adopted(adopted(10**7, 10**8)))
    fits(upkeep.reconciled(replace(reconciled(-MUCH), billed=MicroUSD(MUCH), cleared=MicroUSD(MUCH))))
    fits(upkeep.verified(verified(10**8, 10**15, (("images/a.png", "words " * 30),), ("images/b.png",))))


def test_the_catalogue_fits() -> None:
    """The real models, providers and prices."""
    fits(catalogue.models(catalog.models()))
    fits(catalogue.providers(catalog.providers()))


@pytest.mark.parametrize("command", list(COMMANDS))
def test_help_fits(give: Give, command: str) -> None:
    """The help of every command, and the overview."""
    fits(give(command, "--help").out)
    fits(give("--help").out)


@pytest.mark.parametrize("status", list(Exit))
def test_last_words_of_large_runs_fit_twelve_lines(status: Exit) -> None:
    """Millions of jobs, all states, much waste: twelve lines, the four numbers, and the next step at the end."""
    whole = {**BIG, "money": {**MONEY, "confirmed_micro_usd": MUCH}}
    told = final_block(whole, status, Path("output/shop"), REPORT)
    fits(told)
    lines = told.splitlines()
    assert len(lines) <= 12
    assert any(line.startswith("next     ") for line in lines[-3:])
    assert all(f" {word}" in told for word in ("confirmed", "estimated", "at risk", "not charged"))
    fits(status_block({"output": "output/shop", "live": {"run_id": "r", "images_stored": 10**8}, **BIG}))


@pytest.mark.parametrize("colour", [None, "1"])
def test_the_bar_fits_and_obeys_no_color(monkeypatch: pytest.MonkeyPatch, colour: str | None) -> None:
    """Images, money and time stand beside the bar, the rest below it; with NO_COLOR nothing is coloured."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm-256color")
    if colour:
        monkeypatch.setenv("NO_COLOR", colour)
    else:
        monkeypatch.delenv("NO_COLOR", raising=False)
    err = Terminal()
    with Bar(Console(io.StringIO(), err, err)) as bar:
        bar.on_progress(PROGRESS)
    drawn = err.getvalue()
    assert "6/48 images, $0.12 of $5.00, 3 min 20 s left" in drawn
    assert "3/24 jobs, 12/min, 1 retry, 16 in flight, running" in drawn
    assert bool(re.search(r"\x1b\[[39]\d[;\d]*m", drawn)) is (colour is None)


def test_a_pipe_is_never_coloured() -> None:
    """What is not a terminal gets plain lines."""
    err = io.StringIO()
    Lines(Console(io.StringIO(), err, None), lambda: 0.0).on_progress(PROGRESS)
    assert "\x1b" not in err.getvalue()
    assert "$0.12 of $5.00" in err.getvalue()


def test_a_path_is_not_broken() -> None:
    """A word that is longer than a line can still be copied."""
    path = str(Path("/srv") / ("x" * 90))
    assert f"\n  {path}\n" in paragraph(f"look at {path} now", "  ")


def test_a_long_reason_is_filled_on_a_terminal_only() -> None:
    """A person reads it in 80 columns; a log keeps it on one line, where it is searched for."""
    told = summary(Exit.STORAGE) | {"why": " and ".join(["the disk is full, free some space"] * 4)}
    fits(final_block(told, Exit.STORAGE))
    assert told["why"] in final_block(told, Exit.STORAGE, filled=False).splitlines()[0]
