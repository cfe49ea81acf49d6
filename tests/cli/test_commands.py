"""What each command asks of the program and what it prints."""

import csv
import io
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from batchgen.errors import AccountError, Exit, InputError, Place, Problem, StorageError
from batchgen.model.settings import OnUncertain
from tests.cli.fakes import (
    AdoptResult,
    CheckResult,
    CompareRow,
    CostRow,
    Estimate,
    Finding,
    Give,
    Held,
    Planned,
    PlanResult,
    Progress,
    ReconcileResult,
    RunResult,
    VerifyResult,
    job,
    summary,
)

READERS = ("check", "plan", "estimate", "run")


@pytest.mark.parametrize("name", READERS)
def test_all_that_read_a_manifest_take_the_same_four_options(give: Give, name: str) -> None:
    """`--provider`, `--base-url`, `--output` and `--json` reach the program from every reader of a manifest."""
    ended = give(
        name, "m.yaml", "--provider", "apiyi", "--base-url", "http://127.0.0.1:1/v1", "--output", "there", "--json"
    )
    options = ended.door.options
    assert ended.status == 0
    assert isinstance(ended.json, dict)
    assert ended.err == ""
    assert ended.door.asked[0][1][0] == Path("m.yaml")
    assert (options.provider, options.base_url, options.output) == ("apiyi", "http://127.0.0.1:1/v1", Path("there"))


def test_every_option_of_run_reaches_the_program(give: Give) -> None:
    """What was said is what the program hears; money in micro-dollars, time in seconds."""
    words = "--max-cost $25.5 --max-images 100 --max-duration 1h30m --concurrency 8 --first 9 --sample 4 --retry-failed"
    more = "--regenerate-missing --on-uncertain hold --if-locked wait --yes --log-json log.jsonl --only a* --only b*"
    options = give("run", "m.yaml", *words.split(), *more.split()).door.options
    assert (options.max_cost, options.max_images, options.max_duration, options.concurrency) == (
        25_500_000,
        100,
        5400.0,
        8,
    )
    assert (options.first, options.sample, options.retry_failed, options.regenerate_missing) == (9, 4, True, True)
    assert (options.on_uncertain, options.if_locked, options.yes) == (OnUncertain.HOLD, "wait", True)
    assert (options.log_json, options.only) == (Path("log.jsonl"), ("a*", "b*"))


def test_what_is_not_said_is_left_to_the_manifest(give: Give) -> None:
    """Without options nothing overrides the manifest."""
    options = give("run", "m.yaml").door.options
    assert (options.max_cost, options.max_duration, options.on_uncertain, options.only) == (None, None, None, ())
    assert options.if_locked == "fail"


def test_check_counts_and_warns(give: Give, warning: Problem) -> None:
    """Warnings stand on stderr and stop nothing; the accounting line is the data."""
    ended = give("check", "m.yaml", check=CheckResult((warning,)))
    assert ended.status == 0
    assert ended.err == "m.yaml:3:7: warning: gpt-image-1 was shut down on 2026-10-23\n"
    assert ended.out == "3 rows read: 2 planned, 1 skipped, 0 rejected.\n4 images wanted; 0 errors, 1 warning.\n"


def test_check_fails_with_errors(give: Give, warning: Problem, error: Problem) -> None:
    """One error is exit 2."""
    ended = give("check", "m.yaml", "--json", check=CheckResult((error, warning)))
    assert ended.status == 2
    assert (ended.json["errors"], ended.json["warnings"], ended.json["images"]) == (1, 1, 4)
    assert ended.json["problems"][0] == {
        "file": "m.yaml",
        "line": 9,
        "column": 5,
        "severity": "error",
        "message": "unknown key 'promt'; did you mean 'prompt'?",
    }


def test_check_gives_its_object_for_a_file_that_is_no_manifest_too(give: Give) -> None:
    """Whatever is wrong, `check --json` prints one object."""
    ended = give("check", "m.yaml", "--json", check=InputError(Problem("no such file", Place("m.yaml"))))
    assert (ended.status, ended.json["errors"], ended.json["rows"]) == (2, 1, None)
    assert "no such file" in ended.err


def test_plan_says_for_each_job_what_and_why(give: Give) -> None:
    """A line for each job, then what there is to do and what it may cost."""
    stored = Planned(job("lamp-2"), "stored", "all 2 images are stored", (), None)
    top_up = Planned(job("sofa-\x1b[2J"), "top_up", "top-up 1 of 4", (3,))
    assert give("plan", "m.yaml", plan=PlanResult([stored, top_up])).out == (
        "action    job                                     images       cost  why\n"
        "stored    lamp-2                                all 2 images are stored\n"
        "top-up    sofa-\\x1b[2J                                 1    $0.0200\n"
        "    top-up 1 of 4\n"
        "\n"
        "2 jobs, 4 images in 2 calls, about 1 min 15 s.\n"
        "Tokens: 120 in, 1,088 out.\n"
        "Cost: $0.0200 expected, $0.0100 at least, $0.0400 at most.\n"
    )


@pytest.mark.parametrize("count", [0, 1, 3])
def test_plan_json_has_the_keys_that_scripts_rely_on(give: Give, count: int) -> None:
    """`plan --json` is the estimate's object with the actions."""
    told = give("plan", "m.yaml", "--json", plan=PlanResult([Planned(job())] * count)).json
    row = {"model", "size", "quality", "provider", "jobs", "images"}
    money = {"low_micro_usd", "expected_micro_usd", "high_micro_usd"}
    assert told.keys() >= {"jobs", "images", "calls", "wall_seconds", "rows", "actions"} | money
    assert told["rows"][0].keys() == row | money
    assert (
        told["actions"]
        == [{"id": "sofa-1", "key": "ab" * 32, "action": "new", "why": "never drawn", "images": 2}] * count
    )


def test_plan_json_prints_nothing_when_a_row_turns_out_wrong(give: Give) -> None:
    """One whole object or none: an error in the last row leaves no half object behind."""
    ended = give("plan", "m.yaml", "--json", plan=PlanResult([Planned(job())], then=InputError("row 9")))
    assert (ended.status, ended.out) == (2, "")


def test_run_dry_is_a_plan(give: Give) -> None:
    """`--dry-run` shows the plan and starts nothing."""
    ended = give("run", "m.yaml", "--dry-run", "--first", "3")
    assert [asked[0] for asked in ended.door.asked] == ["plan"]
    assert ended.door.options.first == 3
    assert ended.out == give("plan", "m.yaml").out
    assert "actions" in give("run", "m.yaml", "--dry-run", "--json").json


def test_estimate_shows_kinds_tags_and_the_total(give: Give, warning: Problem) -> None:
    """The table is data, warnings are not."""
    ended = give("estimate", "m.yaml", estimate=Estimate(warnings=(warning,)))
    assert ended.out == (
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
    assert ended.err == "m.yaml:3:7: warning: gpt-image-1 was shut down on 2026-10-23\n"


OFFERS = (
    CompareRow("yescale", expected=None, refused=("no price for gpt-image-2",)),
    CompareRow("openai", expected=40_000),
    CompareRow("laozhang", expected=10_000, refused=("background", "masks")),
    CompareRow("openai", route="batch", expected=20_000),
)


def test_compare_is_cheapest_first_with_what_is_refused(give: Give) -> None:
    """Offers by price, those without one last."""
    ended = give("estimate", "m.yaml", "--compare", estimate=Estimate(compare=OFFERS))
    assert ended.door.asked[0][2] == {"compare": True}
    assert ended.out.endswith(
        "expected  provider  model        quality  route  refused\n"
        " $0.0100  laozhang  gpt-image-2  low      sync   background; masks\n"
        " $0.0200  openai    gpt-image-2  low      batch\n"
        " $0.0400  openai    gpt-image-2  low      sync\n"
        "       -  yescale   gpt-image-2  low      sync   no price for gpt-image-2\n"
    )


def test_compare_json_has_null_for_what_cannot_be_priced(give: Give) -> None:
    """`estimate --compare --json` adds the offers to the estimate."""
    told = give("estimate", "m.yaml", "--compare", "--json", estimate=Estimate(compare=OFFERS)).json
    assert told["jobs"] == 2
    assert [offer["expected_micro_usd"] for offer in told["compare"]] == [10_000, 20_000, 40_000, None]
    assert told["compare"][0]["refused"] == ["background", "masks"]


@pytest.mark.parametrize(("more", "rows"), [((), 2), (("--compare",), 5)])
def test_estimate_csv_is_read_back(give: Give, more: tuple[str, ...], rows: int) -> None:
    """`--csv` is a table that other programs read."""
    ended = give("estimate", "m.yaml", "--csv", *more, estimate=Estimate(compare=OFFERS))
    table = list(csv.reader(io.StringIO(ended.out)))
    assert len(table) == rows
    assert len({len(row) for row in table}) == 1
    assert "expected_micro_usd" in table[0]


def test_nothing_to_do_costs_nothing(give: Give) -> None:
    """A finished manifest has no table."""
    ended = give("estimate", "m.yaml", estimate=Estimate(0, 0, 0, jobs=0, images=0, calls=0, rows=(), tags=()))
    assert ended.out.startswith("Nothing to do")


def test_run_ends_with_images_money_and_report(give: Give) -> None:
    """The last words of a run name the images, the money and the report."""
    assert give("run", "m.yaml").out == (
        "batchgen: every wanted image is stored (exit 0)\n"
        "run      2026-11-20T0200Z-7f3a, 1 min 15 s\n"
        "jobs     24: 24 done\n"
        "images   48: 48 stored\n"
        "money    $1.20 confirmed + $0.05 estimated + $0.00 at risk = $1.25;\n"
        "         $0.025 not charged; limit $5.00\n"
        "files    48 images in output/shop/images\n"
        "next     look at output/shop/report/report.html\n"
    )


@pytest.mark.parametrize("status", list(Exit))
def test_run_ends_as_the_program_says(give: Give, status: Exit) -> None:
    """Exit status and object are the program's."""
    ended = give("run", "m.yaml", "--json", run=RunResult(summary(status), status))
    assert (ended.status, ended.json["exit_code"]) == (status, status)


@pytest.mark.parametrize("error", [AccountError("no key"), StorageError("disk"), KeyboardInterrupt(), KeyError("x")])
def test_run_json_has_an_object_even_when_the_run_could_not_begin(give: Give, error: BaseException) -> None:
    """Scripts get their keys for every exit but 2 and 75."""
    ended = give("run", "m.yaml", "--json", run=error)
    blocks = {"jobs", "images", "attempts", "money", "estimate", "seconds"}
    assert ended.json["exit_code"] == ended.status != 0
    assert ended.json.keys() >= {"run_id", "exit_code", "this_run"} | blocks
    assert ended.json["this_run"].keys() >= blocks
    assert ended.json["money"].keys() == {
        "confirmed_micro_usd",
        "estimated_micro_usd",
        "at_risk_micro_usd",
        "not_charged_micro_usd",
        "cap_micro_usd",
    }


def test_quiet_and_well_is_silent(give: Give, warning: Problem) -> None:
    """Exit 0 under `--quiet` is no byte at all, whatever was noted on the way."""
    meanwhile: list[Callable[[Any], None]] = [
        lambda watch: watch.on_progress(Progress()),
        lambda watch: watch.on_note("breaker open"),
    ]
    ended = give("run", "m.yaml", "--quiet", run=RunResult(summary(), problems=(warning,)), meanwhile=meanwhile)
    assert (ended.status, ended.out, ended.err) == (0, "", "")
    assert give("run", "m.yaml", "--quiet", "--dry-run").out == ""


def test_quiet_and_not_well_says_what_happened(give: Give, warning: Problem) -> None:
    """Anything but 0 under `--quiet` is told in at most forty lines."""
    notes: list[Callable[[Any], None]] = [lambda watch: watch.on_note("breaker open")] * 100
    result = RunResult(summary(Exit.UNAVAILABLE), Exit.UNAVAILABLE, (warning,))
    ended = give("run", "m.yaml", "--quiet", run=result, meanwhile=notes)
    assert ended.status == 6
    assert "exit 6" in ended.out
    assert "breaker open" in ended.err
    assert len((ended.out + ended.err).splitlines()) <= 40


def test_a_skipped_run_says_nothing_and_is_well(give: Give) -> None:
    """`--if-locked skip` ends with 0 and without a summary."""
    ended = give("run", "m.yaml", "--if-locked", "skip", run=RunResult({}, output=None, report=None))
    assert (ended.status, ended.out) == (0, "")


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
def test_status_shows_what_a_run_says_of_itself_and_the_accounts(
    give: Give, live: dict[str, Any] | None, told: str
) -> None:
    """`status` says where the run stands and what the folder holds."""
    ended = give("status", "output/shop", status={"output": "output/shop", "live": live, **summary()})
    assert ended.door.asked[0][1] == (Path("output/shop"),)
    assert ended.out.startswith(told + "jobs     24: 24 done\n")
    assert ended.out.endswith("files    output/shop\n")


@pytest.mark.parametrize("name", ["status", "report", "verify", "resolve", "adopt"])
def test_the_folder_may_be_left_out(give: Give, name: str) -> None:
    """Without a folder the program looks for it."""
    assert give(name).door.asked[0][1] == (None,)


def test_report_names_what_it_wrote(give: Give) -> None:
    """One path per line."""
    assert give("report").out == "report/report.html\nreport/images.csv\n"


@pytest.mark.parametrize(
    ("result", "status"),
    [
        (VerifyResult(), 0),
        (VerifyResult(damaged=(("images/a.png", "its hash differs"),)), 8),
        (VerifyResult(missing=("images/b.png",)), 8),
    ],
)
def test_verify_fails_when_images_are_not_whole(give: Give, result: VerifyResult, status: int) -> None:
    """Damaged and missing files are named, and are an exit status of their own."""
    ended = give("verify", verify=result)
    assert ended.status == status
    assert all(name in ended.out for name in (*dict(result.damaged), *result.missing))
    assert "4 images (6.1 MB) read again" in ended.out
    assert ("remove damaged files" in ended.out) is bool(result.damaged)


@pytest.mark.parametrize(
    ("unexplained", "said"),
    [(0, ""), (120_000, " $0.12  was billed for nothing"), (-120_000, "-$0.12\n    the bill is below")],
)
def test_reconcile_says_what_the_bill_leaves_open(give: Give, unexplained: int, said: str) -> None:
    """The bill in micro-dollars, from a day on; what can't be explained is said."""
    result = ReconcileResult(unexplained=unexplained)
    ended = give("reconcile", "out", "--billed", "12.34", "--since", "2026-11-01", reconcile=result)
    assert ended.door.asked[0][1:] == ((Path("out"),), {"billed": 12_340_000, "since": date(2026, 11, 1)})
    assert ("unexplained" in ended.out) == bool(said)
    assert said in ended.out


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ((), (None, None)),
        (("out",), (Path("out"), None)),
        (("retry",), (None, "retry")),
        (("out", "fail"), (Path("out"), "fail")),
        (("./retry",), (Path("retry"), None)),
    ],
)
def test_resolve_takes_folder_and_decision(
    give: Give, words: tuple[str, ...], asked: tuple[Path | None, str | None]
) -> None:
    """Either may be left out."""
    name, where, how = give("resolve", *words, "--only", "sofa-*").door.asked[0]
    assert (name, where[0], how["decision"], how["only"]) == ("resolve", asked[0], asked[1], ("sofa-*",))


def test_review_counts_what_was_decided_and_says_what_to_do(give: Give) -> None:
    """What was left out is told on stderr, and is no failure."""
    ended = give("review", "review.json", "out")
    assert ended.door.asked[0][1] == (Path("review.json"), Path("out"))
    assert ended.status == 0
    assert "2 approved and frozen, 1 rejected; 1 left out" in ended.out
    assert "--rejected" in ended.out
    assert "lamp [0] is left out" in ended.err


def test_what_waits_for_approval_is_priced_by_itself(give: Give) -> None:
    """In no other sum, in words and for scripts."""
    estimate = Estimate(later=(CostRow(quality="high", images=9),))
    assert "Once approved: 9 images (gpt-image-2 high)" in give("estimate", "m.yaml", estimate=estimate).out
    (later,) = give("estimate", "m.yaml", "--json", estimate=estimate).json["later"]
    assert (later["images"], later["expected_micro_usd"]) == (9, 20_000)


def test_reworded_goes_alone(give: Give) -> None:
    """What would be drawn with other words is written down first, so there is no dry run of it."""
    for other in ("--rejected", "--dry-run"):
        ended = give("run", "m.yaml", "--reworded", "moderated.csv", other)
        assert ended.status == 2
        assert ended.door.asked == []


def test_resolve_lists_what_waits_and_how_to_decide(give: Give) -> None:
    """Held jobs are listed with the money at risk; while any waits, the exit status says so."""
    ended = give("resolve", "out", resolve=(Held(), Held("sofa-2")))
    assert ended.status == 7
    assert "sofa-2    $0.25  timeout after 600 s" in ended.out
    assert "2 held jobs, $0.50 at risk" in ended.out
    assert give("resolve", "out", "retry", resolve=(Held(),)).status == 0
    assert give("resolve").out == "No job is held.\n"


def test_adopt_counts_what_it_found(give: Give) -> None:
    """Files that nobody can explain are named, but not without end."""
    ended = give("adopt", adopt=AdoptResult(unknown=tuple(f"images/{n}.png" for n in range(1000))))
    assert "4 images of 2 jobs are in the ledger again" in ended.out
    assert "and 980 more" in ended.out


@pytest.mark.parametrize(
    ("findings", "status"),
    [
        ((Finding("key", "ok", "set"), Finding("clock", "warn", "3 s ahead")), 0),
        ((Finding("key", "bad", "refused"),), 5),
        ((Finding("model", "bad", "unknown", Exit.INPUT), Finding("net", "bad", "down", Exit.UNAVAILABLE)), 2),
        ((Finding("key", "bad", "refused"), Finding("disk", "bad", "full", Exit.STORAGE)), 8),
    ],
)
def test_doctor_ends_with_the_worst(give: Give, findings: tuple[Finding, ...], status: int) -> None:
    """Every finding has its line; the exit status is that of the worst."""
    ended = give("doctor", "--provider", "apiyi", doctor=findings)
    assert ended.door.asked[0][1] == ("apiyi", None)
    assert ended.status == status
    assert len(ended.out.splitlines()) == len(findings) + 1
    assert ended.out.endswith("Nothing was spent.\n")


def test_models_show_prices_and_life_spans(give: Give) -> None:
    """A model has its price with a date, and when it ends."""
    out = give("models").out
    assert "gpt-image-1    $5.00     $8.00     $30.00         -  2026-11-20\n" in out
    assert "deprecated, shuts down 2026-10-23, then gpt-image-2" in out


def test_providers_show_address_key_and_prices(give: Give) -> None:
    """A provider has its address, the variable of its key and whose prices it bills."""
    out = give("providers").out
    assert "https://api.apiyi.com/v1  APIYI_API_KEY" in out
    assert "draws with gpt-image-2 unless told otherwise" in out
    assert "the official list (assumed)" in out


def test_schema_is_json(give: Give) -> None:
    """An editor reads it."""
    assert give("schema").json == {"type": "object"}
