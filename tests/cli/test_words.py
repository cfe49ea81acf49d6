"""The renderers, as tables."""

import csv
import io
import re
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from batchgen import catalog
from batchgen.app.preview.doctor import Finding
from batchgen.app.review.decisions import ReviewResult
from batchgen.app.watch import Progress, progress_line
from batchgen.cli.console import Console
from batchgen.cli.render import money, upkeep
from batchgen.cli.render.catalogue import models, providers
from batchgen.cli.render.money import plan_head, plan_line
from batchgen.cli.render.summary import final_block, status_block
from batchgen.cli.render.table import number, table, text
from batchgen.errors import Exit, InputError, Place, Problem, Severity
from batchgen.ledger import CapKind, Headroom
from batchgen.model.provider import FixedSizes, Model, Price, Provider, TokenPrices
from batchgen.planner import Action, Reach, Shortfall
from tests.cli import examples
from tests.cli.examples import PROGRESS, REPORT, cost_row, estimate, offer, planned
from tests.summaries import summary

MONEY = {"confirmed_micro_usd": 48_120_000, "estimated_micro_usd": 250_000, "at_risk_micro_usd": 1_000_000}
WASTE = {"why": "timeout", "attempts": 2, "paid_micro_usd": 0, "at_risk_micro_usd": 500_000}


@pytest.mark.parametrize(
    ("progress", "line"),
    [
        (
            PROGRESS,
            "3/24 jobs, 6/48 images, $0.12 of $5.00, 12/min, 3 min 20 s left, 1 retry, 16 in flight, running",
        ),
        (
            replace(PROGRESS, failed=2, moderated=1, eta_seconds=None, cap=None, state=""),
            "3/24 jobs, 6/48 images, $0.12, 12/min, 2 failed, 1 moderated, 1 retry, 16 in flight",
        ),
        (
            Progress(1200, None, 2400, 9999),
            "1,200 jobs, 2,400/9,999 images, $0.00",
        ),
        (replace(PROGRESS, state="paused\x1b[2J", in_flight=0, retries=2, eta_seconds=None), None),
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


def test_check_counts_what_it_read(warning: Problem, error: Problem) -> None:
    """The accounting line; every problem with its place for scripts; null counts for what is no manifest."""
    assert upkeep.check_line(examples.checked(warning)) == (
        "3 rows read: 2 planned, 1 skipped, 0 rejected.\n4 images wanted; 0 errors, 1 warning.\n"
    )
    result = examples.checked(error, warning)
    told = upkeep.check_json(result.problems, result.manifest_summary)
    assert (told["errors"], told["warnings"], told["images"]) == (1, 1, 4)
    assert told["problems"][0] == {
        "file": "m.yaml",
        "line": 9,
        "column": 5,
        "severity": "error",
        "message": "unknown key 'promt'; did you mean 'prompt'?",
    }
    assert upkeep.check_json(InputError(Problem("no such file", Place("m.yaml"))).problems, None)["rows"] is None


def test_plan_lines_say_what_and_why() -> None:
    """A line for each job, then what there is to do and what it may cost."""
    stored = planned("lamp-2", Action.STORED, "all 2 images are stored", (), None)
    top_up = planned("sofa-\x1b[2J", Action.TOP_UP, "top-up 1 of 4", (3,))
    assert plan_head() + plan_line(stored) + plan_line(top_up) == (
        "action    job                                     images       cost  why\n"
        "stored    lamp-2                                all 2 images are stored\n"
        "top-up    sofa-\\x1b[2J                                 1    $0.0200\n"
        "    top-up 1 of 4\n"
    )


def test_an_estimate_shows_kinds_tags_and_the_total() -> None:
    """What each kind of image and each tag may cost, and all of them."""
    assert money.estimate(estimate()) == (
        "size       quality  jobs  images      low  expected     high\n"
        "gpt-image-2 at mock\n"
        "1024x1024  low         2       4  $0.0100   $0.0200  $0.0400\n"
        "\n"
        "tag       value  jobs  images      low  expected     high\n"
        "category  sofas     2       4  $0.0100   $0.0200  $0.0400\n"
        "\n"
        "2 jobs, 4 images in 2 calls, about 1 min 15 s.\n"
        "Tokens: 120 in, 1,088 out.\n"
        "Cost: $0.0200 expected, $0.0100 at least, $0.0400 at most.\n"
    )
    nothing = estimate(jobs=0, images=0, calls=0, rows=(), tags=())
    assert money.estimate(nothing).startswith("Nothing to do")


def end(job: str = "sofa-2", jobs: int = 1, kind: CapKind = CapKind.MAX_COST, **room: int) -> Shortfall:
    """Return where a limit of a dollar ends a run."""
    return Shortfall(Headroom(kind, room.get("limit", 1_000_000), room.get("free", 1_000_000)), job, jobs, 2 * jobs)


@pytest.mark.parametrize(
    ("reach", "told"),
    [
        (None, ""),
        (Reach(None, None), ""),
        (Reach(end(), end()), "max_cost $1.00 ends it: 1 of 2 jobs are not reached, the first is sofa-2.\n"),
        (
            Reach(None, end()),
            "max_cost $1.00 is enough as expected; at worst 1 of 2 jobs are not reached, the\nfirst is sofa-2.\n",
        ),
        (
            Reach(end(kind=CapKind.DAY, free=250_000), end("sofa-1", 2)),
            (
                "budget.day $1.00 (left: $0.25) ends it: 1 of 2 jobs are not reached, the first\nis sofa-2."
                " At worst 2 of 2 jobs are not reached, the first is sofa-1.\n"
            ),
        ),
        (
            Reach(None, end(kind=CapKind.IMAGES_PER_DAY, limit=1000, free=2)),
            (
                "images_per_day 1,000 (left: 2) is enough as expected; at worst 1 of 2 jobs are\n"
                "not reached, the first is sofa-2.\n"
            ),
        ),
    ],
)
def test_an_estimate_says_where_the_limits_end_a_run(reach: Reach | None, told: str) -> None:
    """In the expected case and, where it differs, in the worst; nothing where everything is reached."""
    assert money.total(estimate(reach=reach)) == money.total(estimate()) + told


def test_scripts_are_told_where_the_limits_end_a_run() -> None:
    """None without limits; of each case the limit, the first job, and how many jobs and images remain."""
    assert money.estimate_json(estimate())["stops_at"] is None
    told = money.estimate_json(estimate(reach=Reach(None, end(kind=CapKind.MAX_IMAGES))))["stops_at"]
    assert told == {"expected": None, "worst": {"limit": "max_images", "job": "sofa-2", "jobs": 1, "images": 2}}


OFFERS = (
    offer("openai", route="batch"),
    offer("openai", 40_000, yours=True),
    offer("laozhang", 10_000, refused=("background", "masks")),
    offer("yescale", None, refused=("no price for gpt-image-2",)),
    offer("openai", 90_000, quality="high", own=False),
)


def test_a_comparison_shows_what_can_be_run_marks_yours_and_says_why_others_could_not() -> None:
    """Offers stand as they come; those at other qualities below, and what would not run at the end."""
    assert money.comparison(OFFERS) == (
        "At the manifest's own settings, by list prices:\n"
        "expected  provider  route  model        quality\n"
        " $0.0200  openai    batch  gpt-image-2  low\n"
        " $0.0400  openai    sync   gpt-image-2  low      yours\n"
        "\n"
        "At other qualities:\n"
        "expected  provider  route  model        quality\n"
        " $0.0900  openai    sync   gpt-image-2  high\n"
        "\n"
        "Would not run:\n"
        "  laozhang (sync): background; masks\n"
        "  yescale (sync): no price for gpt-image-2\n"
    )
    assert "None of these is yours" in money.comparison(OFFERS[:1])


def test_compare_json_has_null_for_what_cannot_be_priced() -> None:
    """`estimate --compare --json` adds the offers to the estimate."""
    told = money.compare_json(estimate(compare=OFFERS))
    assert told["jobs"] == 2
    assert [row["expected_micro_usd"] for row in told["compare"]] == [20_000, 40_000, 10_000, None, 90_000]
    assert [row["yours"] for row in told["compare"]] == [False, True, False, False, False]
    assert told["compare"][2]["refused"] == ["background", "masks"]


def test_csv_is_read_back() -> None:
    """Both tables are what other programs read: one line a row, as many cells as headings."""
    for rows, count in ((money.estimate_csv(estimate()), 2), (money.compare_csv(estimate(compare=OFFERS)), 6)):
        out = io.StringIO()
        Console(out, None, None).csv(rows)
        read = list(csv.reader(io.StringIO(out.getvalue())))
        assert len(read) == count
        assert len({len(row) for row in read}) == 1
        assert "expected_micro_usd" in read[0]


def test_what_waits_for_approval_is_priced_by_itself() -> None:
    """In no other sum, in words and for scripts."""
    waiting = estimate(later=(cost_row(quality="high", images=9),))
    assert "Once approved: 9 images (gpt-image-2 high)" in money.estimate(waiting)
    (later,) = money.estimate_json(waiting)["later"]
    assert (later["images"], later["expected_micro_usd"]) == (9, 20_000)


def test_last_words_name_images_money_and_report() -> None:
    """What a run that went well says."""
    assert final_block(summary(), Exit.OK, Path("output/shop"), REPORT) == (
        "batchgen: every wanted image is stored (exit 0)\n"
        "run      2026-11-20T0200Z-7f3a, 1 min 15 s\n"
        "jobs     24: 24 done\n"
        "images   48: 48 stored\n"
        "money    $1.20 confirmed + $0.05 estimated + $0.00 at risk = $1.25;\n"
        "         $0.025 not charged; limit $5.00\n"
        "files    48 images in output/shop/images\n"
        "next     look at output/shop/report/report.html\n"
    )


RUNNING = {"run_id": "r-7f3a", "at": "12:00", "state": "drawing", "jobs_done": 3, "jobs_total": 24, "in_flight": 16}


@pytest.mark.parametrize(
    ("live", "told"),
    [
        (
            {**RUNNING, "images_stored": 6, "images_wanted": 48},
            (
                "batchgen: drawing\nrun      r-7f3a, as of 12:00\n"
                "then     3/24 jobs, 6/48 images, $0.00, 16 in flight in this run\n"
            ),
        ),
        (
            {**RUNNING, "jobs_total": None},
            (
                "batchgen: drawing\nrun      r-7f3a, as of 12:00\n"
                "then     3 jobs, 0/0 images, $0.00, 16 in flight in this run\n"
            ),
        ),
        (
            {**RUNNING, "state": "ended", "exit_code": 4},
            "batchgen: stopped at a limit you set (exit 4)\nrun      r-7f3a, as of 12:00\n",
        ),
        (None, "batchgen: no run has said where it stands\n"),
    ],
)
def test_status_shows_what_a_run_says_of_itself_and_the_accounts(live: dict[str, Any] | None, told: str) -> None:
    """`status` says where the run stands and what the folder holds."""
    block = status_block({"output": "output/shop", "live": live, **summary()})
    assert block.startswith(told + "jobs     24: 24 done\n")
    assert block.endswith("files    output/shop\n")


def test_verify_names_what_is_not_whole() -> None:
    """Damaged and missing files, how many were read, and what to do about them."""
    for result in (
        examples.verified(),
        examples.verified(damaged=(("images/a.png", "its hash differs"),)),
        examples.verified(missing=("images/b.png",)),
    ):
        told = upkeep.verified(result)
        assert all(name in told for name in (*dict(result.damaged), *result.missing))
        assert "4 images (6.1 MB) read again" in told
        assert ("remove damaged files" in told) is bool(result.damaged)


@pytest.mark.parametrize(
    ("unexplained", "said"),
    [(0, ""), (120_000, " $0.12  was billed for nothing"), (-120_000, "-$0.12\n    the bill is below")],
)
def test_reconcile_says_what_the_bill_leaves_open(unexplained: int, said: str) -> None:
    """What can't be explained is said."""
    told = upkeep.reconciled(examples.reconciled(unexplained))
    assert ("unexplained" in told) == bool(said)
    assert said in told


def test_held_jobs_are_listed_with_the_money_at_risk() -> None:
    """And how to decide them."""
    told = upkeep.held((examples.held(), examples.held("sofa-2")))
    assert "sofa-2    $0.25  asks nothing  timeout after 600 s" in told
    assert "2 held jobs, $0.50 at risk" in told
    assert upkeep.held(()) == "No job is held.\n"


def test_a_review_is_counted() -> None:
    """What was decided, what was left out, and what to do next."""
    left_out = (Problem("lamp [0] is left out", severity=Severity.WARNING),)
    told = upkeep.reviewed(ReviewResult(2, 1, left_out, Path("out")))
    assert "2 approved and frozen, 1 rejected; 1 left out" in told
    assert "--rejected" in told


def test_adopt_names_what_nobody_can_explain() -> None:
    """But not without end."""
    told = upkeep.adopted(examples.adopted(unknown=tuple(f"images/{n}.png" for n in range(1000))))
    assert "4 images of 2 jobs are in the ledger again" in told
    assert "and 980 more" in told


@pytest.mark.parametrize(
    ("findings", "status"),
    [
        ((Finding("key", "ok", "set"), Finding("clock", "warn", "3 s ahead")), 0),
        ((Finding("key", "bad", "refused", Exit.ACCOUNT),), 5),
        ((Finding("model", "bad", "unknown", Exit.INPUT), Finding("net", "bad", "down", Exit.UNAVAILABLE)), 2),
        ((Finding("key", "bad", "refused", Exit.ACCOUNT), Finding("disk", "bad", "full", Exit.STORAGE)), 8),
    ],
)
def test_the_worst_finding_decides(findings: tuple[Finding, ...], status: int) -> None:
    """Every finding has its line; the exit status is that of the worst."""
    assert upkeep.diagnosis(findings) == status
    assert all(len(upkeep.finding_line(finding).splitlines()) == 1 for finding in findings)
    assert upkeep.count_findings(findings).endswith("Nothing was spent.\n")


def test_models_show_prices_and_life_spans() -> None:
    """A model has its price with a date, and when it ends."""
    ended = Model(
        name="gpt-image-1",
        status="deprecated",
        sizes=FixedSizes(("1024x1024", "1536x1024")),
        qualities=("low", "high"),
        output_tokens="table",
        input_tokens="tile512",
        price=Price(TokenPrices(Decimal(5), Decimal(30), Decimal(8)), as_of=date(2026, 11, 20)),
        shutdown=date(2026, 10, 23),
        successor="gpt-image-2",
    )
    out = models((ended,))
    assert "gpt-image-1    $5.00     $8.00     $30.00         -  2026-11-20\n" in out
    assert "deprecated, shuts down 2026-10-23, then gpt-image-2" in out


def test_providers_show_address_key_and_prices() -> None:
    """A provider has its address, the variable of its key and whose prices it bills."""
    apiyi = Provider("apiyi", "https://api.apiyi.com/v1", "APIYI_API_KEY", "gpt-image-2", as_of=date(2026, 11, 20))
    out = providers((apiyi,))
    assert "https://api.apiyi.com/v1  APIYI_API_KEY" in out
    assert "draws with gpt-image-2 unless told otherwise" in out
    assert "the official list (assumed)" in out
