"""The renderers, as tables."""

import re
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from batchgen import catalog
from batchgen.cli.render.catalogue import models, providers
from batchgen.cli.render.progress import progress_line
from batchgen.cli.render.summary import final_block
from batchgen.cli.render.table import number, table, text
from batchgen.errors import Exit
from batchgen.model.provider import Price, Provider, TokenPrices
from tests.cli.fakes import Progress, summary

MONEY = {"confirmed_micro_usd": 48_120_000, "estimated_micro_usd": 250_000, "at_risk_micro_usd": 1_000_000}
WASTE = {"why": "timeout", "attempts": 2, "paid_micro_usd": 0, "at_risk_micro_usd": 500_000}


@pytest.mark.parametrize(
    ("progress", "line"),
    [
        (
            Progress(),
            "3/24 jobs, 6/48 images, $0.12 of $5.00, 12/min, 3 min 20 s left, 1 retry, 16 in flight, running",
        ),
        (
            Progress(1200, None, 2400, 9999, 0, None, 0, None, 0, 0, ""),
            "1,200 jobs, 2,400/9,999 images, $0.00",
        ),
        (Progress(state="paused\x1b[2J", in_flight=0, retries=2, eta_seconds=None), None),
    ],
)
def test_progress_lines(progress: Progress, line: str | None) -> None:
    """One line that says where a run stands; what is unknown is left out."""
    told = progress_line(progress)
    assert told == (line or told)
    assert "\n" not in told
    assert "\x1b" not in told


def test_tables_are_aligned_and_harmless() -> None:
    """Words lean left, figures right; cells are cut and cannot steer a terminal."""
    rows = [("a", "1"), ("b\n\x1b[2J", "1,000"), ("c" * 100, "")]
    assert table((text("name", 12), number("n")), rows) == (
        "name              n\na                 1\nb\\x0a\\x1b[2J  1,000\nccccccccccc…\n"
    )


@pytest.mark.parametrize("status", list(Exit))
@pytest.mark.parametrize("images", [{"wanted": 9, "stored": 5, "uncertain": 4}, {"wanted": 9, "stored": 9}])
def test_last_words_are_short_add_up_and_go_on(status: Exit, images: dict[str, int]) -> None:
    """At most twelve lines; the money adds up; whatever is not 0 says what to do next and what that may cost."""
    whole = summary(status, money=MONEY | {"not_charged_micro_usd": 0}, images=images, waste=[WASTE] * 9)
    whole["money"] = MONEY | {"confirmed_micro_usd": 60_000_000}
    block = final_block(whole, status)
    assert len(block.splitlines()) <= 12
    assert "$48.12 confirmed + $0.25 estimated + $1.00 at risk = $49.37" in block
    assert "in all   $60.00 confirmed" in block
    assert block.splitlines()[-1].startswith(("next     ", "         "))
    if images.get("uncertain") and status in {Exit.LIMIT, Exit.UNAVAILABLE, Exit.SIGINT}:
        assert "4 images may be paid already ($1.00)" in " ".join(block.split())


def test_last_words_are_harmless() -> None:
    """Reasons that came from outside stay on their line."""
    told: dict[str, Any] = summary() | {"why": "x\n\x1b]52;c;eA==\x07", "run_id": "\u202e"}
    assert all(character.isprintable() or character == "\n" for character in final_block(told, Exit.ACCOUNT))


TOKENS = TokenPrices(Decimal("2.50"), Decimal(8), text_out=Decimal(10))
TABLE = (("low", (("*", Decimal("0.005")),)), ("high", (("*", Decimal("0.25")),)))


@pytest.mark.parametrize(
    ("price", "figures", "fine"),
    [
        (Price(), ["-", "-", "-", "-"], ""),
        (Price(TOKENS), ["$2.50", "-", "$8.00", "-"], "text out $10.00"),
        (Price(TOKENS, multiplier=Decimal("0.5")), ["$1.25", "-", "$4.00", "-"], "text out $5.00"),
        (Price(per_call=Decimal("0.03")), ["-", "-", "-", "$0.03 a call"], ""),
        (Price(per_image=TABLE[:1], assumed=True), ["-", "-", "-", "$0.005"], "assumed: the provider states none"),
        (Price(TOKENS, TABLE, cheaper_of=True), ["$2.50", "-", "$8.00", "$0.005-0.25"], "charges the cheaper of both"),
    ],
)
def test_prices_as_figures(price: Price, figures: list[str], fine: str) -> None:
    """Every way of billing has its columns; what they leave open stands below."""
    told = providers((Provider("here", None, None, "m", prices=(("m", price),)),)).split("\n\n")[1].splitlines()
    assert re.split(r"  +", told[1].strip())[2:6] == figures
    assert fine in "".join(told[1:3])


def test_the_catalogue_shows_every_model_and_provider() -> None:
    """Nothing of the catalogue is left out, every price has its date."""
    assert all(model.name in models(catalog.models()) for model in catalog.models())
    shown = providers(catalog.providers())
    assert all(provider.name in shown for provider in catalog.providers())
    assert str(date(2026, 11, 20)) in shown
