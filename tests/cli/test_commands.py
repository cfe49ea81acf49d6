"""What each command takes, does and prints, on small real folders."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from batchgen.app.config.options import Options
from batchgen.app.run.run_end import RunResult
from batchgen.app.watch import Progress
from batchgen.cli.command import Context
from batchgen.cli.commands import resolve
from batchgen.cli.commands.plan import print_json
from batchgen.cli.commands.run import always_json, show_end
from batchgen.cli.console import Console
from batchgen.cli.invoke import guard
from batchgen.cli.screen import screen
from batchgen.errors import AccountError, Exit, InputError, Problem, StorageError
from batchgen.mock import MockConfig
from batchgen.mock.embedded import Handle, start_embedded
from batchgen.model.settings import OnUncertain
from batchgen.money import MicroUSD
from batchgen.planner import Planned
from tests.cli.conftest import MANIFEST, OUTPUT, Give, parsed
from tests.cli.examples import REPORT, estimate, planned
from tests.summaries import summary

READERS = ("check", "plan", "estimate", "run")
DOUBTFUL = MANIFEST.replace('A {{ thing }}"', 'A {{ thing }} --ar 16:9"')
HELD = (
    MANIFEST.replace('A {{ thing }}"', 'A {{ thing }} [[mock: fault=reset_before_headers]]"') + "on_uncertain: hold\n"
)


class Sheets:
    """A console whose sheets can be read."""

    def __init__(self) -> None:
        self._out, self._err = io.StringIO(), io.StringIO()
        self.console = Console(self._out, self._err, None)
        self.context = Context(self.console)

    @property
    def out(self) -> str:
        return self._out.getvalue()

    @property
    def err(self) -> str:
        return self._err.getvalue()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Handle]:
    """Return a gateway on this machine."""
    monkeypatch.setenv("APIYI_API_KEY", "sk-test-key-0123456789")
    handle = start_embedded(MockConfig(dialect="apiyi"))
    yield handle
    handle.stop()


@pytest.mark.parametrize("name", READERS)
def test_all_that_read_a_manifest_take_the_same_four_options(
    give: Give, place: Path, server: Handle, name: str
) -> None:
    """`--provider`, `--base-url`, `--output` and `--json` reach the program from every reader of a manifest."""
    words = ("--provider", "apiyi", "--base-url", server.base_url, "--output", "there", "--json")
    heard = parsed(name, "m.yaml", *words)
    assert (heard["provider"], heard["base_url"], heard["output"]) == ("apiyi", server.base_url, Path("there"))
    assert (heard["manifest"], heard["as_json"]) == (Path("m.yaml"), True)
    limit = ("--max-cost", "5") if name == "run" else ()
    ended = give(name, "m.yaml", *words, *limit)
    assert ended.status == 0
    assert isinstance(ended.json, dict)
    assert len(server.bill()["requests"]) == (2 if name == "run" else 0)
    assert (place / "there" / "ledger.db").exists() is (name == "run")


def options(*words: str) -> Options:
    """Say what a run is told."""
    return Options(**{k: v for k, v in parsed("run", *words).items() if k in Options.__dataclass_fields__})


def test_every_option_of_run_reaches_the_program() -> None:
    """What was said is what the program hears; money in micro-dollars, time in seconds."""
    words = "--max-cost $25.5 --max-images 100 --max-duration 1h30m --concurrency 8 --first 9 --sample 4 --retry-failed"
    more = "--regenerate-missing --on-uncertain hold --if-locked wait --yes --log-json log.jsonl --only a* --only b*"
    assert options("m.yaml", *words.split(), *more.split()) == Options(
        max_cost=MicroUSD(25_500_000),
        max_images=100,
        max_duration=5400.0,
        concurrency=8,
        first=9,
        sample=4,
        retry_failed=True,
        regenerate_missing=True,
        on_uncertain=OnUncertain.HOLD,
        if_locked="wait",
        yes=True,
        log_json=Path("log.jsonl"),
        only=("a*", "b*"),
    )


def test_what_is_not_said_is_left_to_the_manifest() -> None:
    """Without options nothing overrides the manifest."""
    assert options("m.yaml") == Options()


def test_check_counts_and_warns(give: Give, place: Path) -> None:
    """Warnings stand on stderr and stop nothing; the accounting line is the data."""
    (place / "m.yaml").write_text(DOUBTFUL, "utf-8")
    ended = give("check", "m.yaml")
    assert ended.status == 0
    assert ended.err.startswith("m.yaml:5:")
    assert ": warning: " in ended.err
    assert ended.out == "2 rows read: 2 planned, 0 skipped, 0 rejected.\n4 images wanted; 0 errors, 1 warning.\n"


def test_check_fails_with_errors(give: Give, place: Path) -> None:
    """One error is exit 2."""
    (place / "m.yaml").write_text(DOUBTFUL.replace("output_format: webp", "output_format: gif"), "utf-8")
    ended = give("check", "m.yaml", "--json")
    assert ended.status == 2
    assert ended.json["errors"] == 1
    assert {key: ended.json["problems"][0][key] for key in ("file", "line", "severity")} == {
        "file": "m.yaml",
        "line": 3,
        "severity": "error",
    }


def test_check_gives_its_object_for_a_file_that_is_no_manifest_too(give: Give, place: Path) -> None:
    """Whatever is wrong, `check --json` prints one object."""
    ended = give("check", "nothing.yaml", "--json")
    assert (ended.status, ended.json["errors"], ended.json["rows"]) == (2, 1, None)
    assert "nothing.yaml" in ended.err


def test_plan_says_for_each_job_what_and_why(give: Give, shop: Path) -> None:
    """A line for each job, then what there is to do and what it may cost."""
    (shop / "m.yaml").write_text(MANIFEST.replace("[sofa, lamp]", "[sofa, chair]"), "utf-8")
    lines = give("plan", "m.yaml").out.splitlines()
    assert lines[0].split() == ["action", "job", "images", "cost", "why"]
    assert lines[1].split()[:2] == ["stored", "sofa"]
    assert lines[2].split()[:3] == ["new", "chair", "2"]
    assert [line.split(":")[0] for line in lines[-2:]] == ["Tokens", "Cost"]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_plan_json_has_the_keys_that_scripts_rely_on(count: int) -> None:
    """`plan --json` is the estimate's object with the actions."""
    sheets = Sheets()
    print_json(sheets.console, [planned()] * count, estimate)
    told = json.loads(sheets.out)
    row = {"model", "size", "quality", "provider", "jobs", "images"}
    money = {"low_micro_usd", "expected_micro_usd", "high_micro_usd"}
    assert told.keys() >= {"jobs", "images", "calls", "wall_seconds", "rows", "actions"} | money
    assert told["rows"][0].keys() == row | money
    assert (
        told["actions"]
        == [{"id": "sofa-1", "key": "ab" * 32, "action": "new", "why": "never drawn", "images": 2}] * count
    )


def test_plan_json_is_that_object(give: Give, shop: Path) -> None:
    """The command prints it, of a manifest that is finished too."""
    told = give("plan", "m.yaml", "--json").json
    assert [action["action"] for action in told["actions"]] == ["stored", "stored"]
    assert (told["jobs"], told["expected_micro_usd"]) == (0, 0)


def test_plan_json_prints_nothing_when_a_row_turns_out_wrong() -> None:
    """One whole object or none: an error in the last row leaves no half object behind."""

    def rows() -> Iterator[Planned]:
        yield planned()
        raise InputError("row 9")

    sheets = Sheets()
    with pytest.raises(InputError):
        print_json(sheets.console, rows(), estimate)
    assert sheets.out == ""


def test_run_dry_is_a_plan(give: Give, place: Path) -> None:
    """`--dry-run` shows the plan and starts nothing."""
    ended = give("run", "m.yaml", "--dry-run", "--first", "1")
    assert ended.out.count("never drawn") == 1
    assert give("run", "m.yaml", "--dry-run").out == give("plan", "m.yaml").out
    assert "actions" in give("run", "m.yaml", "--dry-run", "--json").json
    assert not (place / "output").exists()


def test_estimate_shows_kinds_tags_and_the_total(give: Give, place: Path) -> None:
    """The table is data, warnings are not."""
    (place / "m.yaml").write_text(DOUBTFUL, "utf-8")
    ended = give("estimate", "m.yaml")
    assert "at mock\n1024x1024  low         2       4" in ended.out
    assert ["category", "lamps", "1", "2"] in [line.split()[:4] for line in ended.out.splitlines()]
    assert "2 jobs, 4 images in 2 calls" in ended.out
    assert "warning" not in ended.out
    assert ": warning: " in ended.err


@pytest.mark.parametrize(("more", "rows"), [((), 2), (("--compare",), 7), (("--compare", "--qualities"), 9)])
def test_estimate_csv_is_read_back(give: Give, place: Path, more: tuple[str, ...], rows: int) -> None:
    """`--csv` is a table that other programs read."""
    table = list(csv.reader(io.StringIO(give("estimate", "m.yaml", "--csv", *more).out)))
    assert len(table) >= rows
    assert len({len(row) for row in table}) == 1
    assert "expected_micro_usd" in table[0]


def test_compare_has_every_provider(give: Give, place: Path) -> None:
    """`--compare` adds the offers to table and object."""
    assert "expected  provider  route" in give("estimate", "m.yaml", "--compare").out
    told = give("estimate", "m.yaml", "--compare", "--json").json
    assert {"openai", "apiyi", "laozhang"} <= {row["provider"] for row in told["compare"]}
    assert "compare" not in give("estimate", "m.yaml", "--json").json
    assert give("estimate", "m.yaml", "--qualities").status == Exit.INPUT


def test_nothing_to_do_costs_nothing(give: Give, shop: Path) -> None:
    """A finished manifest has no table."""
    assert give("estimate", "m.yaml").out.startswith("Nothing to do")


def test_run_ends_with_images_money_and_report(give: Give, place: Path) -> None:
    """The last words of a run name the images, the money and the report."""
    ended = give("run", "m.yaml")
    lines = ended.out.splitlines()
    assert ended.status == 0
    assert lines[0] == "batchgen: every wanted image is stored (exit 0)"
    assert {"run", "jobs", "images", "money", "files", "next"} <= {line.split()[0] for line in lines[1:]}
    assert "images   4: 4 stored" in lines
    assert lines[-1] == "next     look at output/shop/report/report.html"


@pytest.mark.parametrize("status", list(Exit))
def test_run_ends_as_the_program_says(status: Exit) -> None:
    """The object is the program's, whatever its exit status."""
    sheets = Sheets()
    show_end(sheets.context, RunResult(summary(status), status), as_json=True, quiet=False)
    assert json.loads(sheets.out)["exit_code"] == status


@pytest.mark.parametrize("error", [AccountError("no key"), StorageError("disk"), KeyboardInterrupt(), KeyError("x")])
def test_run_json_has_an_object_even_when_the_run_could_not_begin(place: Path, error: BaseException) -> None:
    """Scripts get their keys for every exit but 2 and 75."""
    sheets = Sheets()

    def act() -> int:
        with always_json(sheets.context, Path("m.yaml"), Options()):
            raise error

    status = guard(act, sheets.console)
    told = json.loads(sheets.out)
    blocks = {"jobs", "images", "attempts", "money", "estimate", "seconds"}
    assert told["exit_code"] == status != 0
    assert told.keys() >= {"run_id", "exit_code", "this_run"} | blocks
    assert told["this_run"].keys() >= blocks
    assert told["money"].keys() == {
        "confirmed_micro_usd",
        "estimated_micro_usd",
        "at_risk_micro_usd",
        "reserved_micro_usd",
        "not_charged_micro_usd",
        "cap_micro_usd",
    }


def test_run_json_has_no_object_for_wrong_input(give: Give, place: Path) -> None:
    """Exit 2 leaves stdout empty."""
    ended = give("run", "nothing.yaml", "--json")
    assert (ended.status, ended.out) == (2, "")


def test_run_json_is_one_object(give: Give, shop: Path) -> None:
    """The summary, with the exit status in it."""
    ended = give("run", "m.yaml", "--json")
    assert (ended.status, ended.json["exit_code"]) == (0, 0)
    assert ended.json["images"]["stored"] == 4


def shown(result: RunResult, note: str, times: int = 1) -> Sheets:
    """Say what a run under `--quiet` says that made progress and had something to note on the way."""
    sheets = Sheets()
    with screen(sheets.console, lambda: 0.0, quiet=True, yes=False) as watch:
        watch.on_progress(Progress())
        for _ in range(times):
            watch.on_note(note)
    watch.finish(well=result.exit is Exit.OK)
    show_end(sheets.context, result, as_json=False, quiet=True)
    return sheets


def test_quiet_and_well_is_silent(give: Give, place: Path, warning: Problem) -> None:
    """Exit 0 under `--quiet` is no byte at all, whatever was noted on the way."""
    sheets = shown(RunResult(summary(), Exit.OK, (warning,)), "breaker open")
    assert (sheets.out, sheets.err) == ("", "")
    for more in ((), ("--dry-run",)):
        ended = give("run", "m.yaml", "--quiet", *more)
        assert (ended.status, ended.out, ended.err) == (0, "", "")


def test_quiet_and_not_well_says_what_happened(warning: Problem) -> None:
    """Anything but 0 under `--quiet` is told in at most forty lines."""
    result = RunResult(summary(Exit.UNAVAILABLE), Exit.UNAVAILABLE, (warning,), OUTPUT, REPORT)
    sheets = shown(result, "breaker open", 100)
    assert "exit 6" in sheets.out
    assert "breaker open" in sheets.err
    assert len((sheets.out + sheets.err).splitlines()) <= 40


def test_a_skipped_run_says_nothing_and_is_well(give: Give, shop: Path) -> None:
    """`--if-locked skip` ends with 0 and without a summary."""
    from batchgen.storage import Workspace

    with Workspace(OUTPUT).lock():
        ended = give("run", "m.yaml", "--if-locked", "skip")
    assert (ended.status, ended.out) == (0, "")


def test_status_shows_where_the_run_stands_and_the_accounts(give: Give, shop: Path) -> None:
    """`status` says how the latest run ended and what the folder holds."""
    lines = give("status", "output/shop").out.splitlines()
    assert lines[0] == "batchgen: every wanted image is stored (exit 0)"
    assert "images   4: 4 stored" in lines
    assert lines[-1] == "files    output/shop"


@pytest.mark.parametrize("name", ["status", "report", "verify", "resolve", "adopt"])
def test_the_folder_may_be_left_out(give: Give, shop: Path, name: str) -> None:
    """Without a folder the program looks for it."""
    assert parsed(name).get("output") is None
    ended, named = give(name), give(name, "output/shop")
    assert (ended.status, ended.out) == (0, named.out)


def test_report_names_what_it_wrote(give: Give, shop: Path) -> None:
    """One path per line."""
    paths = [Path(line) for line in give("report").out.splitlines()]
    assert {"report.html", "images.csv"} <= {path.name for path in paths}
    assert all(path.is_file() for path in paths)


@pytest.mark.parametrize(
    ("hurt", "status"),
    [(None, 0), (lambda path: path.write_bytes(b"x"), 8), (lambda path: path.unlink(), 8)],
    ids=["whole", "damaged", "missing"],
)
def test_verify_fails_when_images_are_not_whole(give: Give, shop: Path, hurt: Any, status: int) -> None:
    """Damaged and missing files are named, and are an exit status of their own."""
    path = next((shop / OUTPUT / "images").rglob("*.webp"))
    if hurt:
        hurt(path)
    ended = give("verify")
    assert ended.status == status
    assert (path.name in ended.out) is bool(status)
    assert "4 images (" in ended.out


def test_reconcile_takes_a_bill_and_a_day(give: Give, shop: Path) -> None:
    """The bill in micro-dollars, from a day on; what can't be explained is said."""
    heard = parsed("reconcile", "out", "--billed", "12.34", "--since", "2026-11-01")
    since = datetime(2026, 11, 1)  # noqa: DTZ001 - a day
    assert (heard["output"], heard["billed"], heard["since"]) == (Path("out"), 12_340_000, since)
    ended = give("reconcile", "--billed", "12.34", "--since", "2026-11-01")
    assert ended.status == 0
    assert "unexplained" in ended.out


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
def test_resolve_takes_folder_and_decision(words: tuple[str, ...], asked: tuple[Path | None, str | None]) -> None:
    """Either may be left out."""
    heard = parsed("resolve", *words, "--only", "sofa-*")
    assert resolve.read(heard["words"]) == asked
    assert heard["only"] == ("sofa-*",)


def test_resolve_lists_what_waits_and_decides_it(give: Give, place: Path) -> None:
    """Held jobs are listed with the money at risk; while any waits, the exit status says so."""
    (place / "m.yaml").write_text(HELD, "utf-8")
    assert give("run", "m.yaml").status == 7
    listed = give("resolve")
    assert listed.status == 7
    assert "2 held jobs, $" in listed.out
    assert give("resolve", "retry", "--only", "so*").out.startswith("1 held job, ")
    assert give("resolve", "output/shop", "fail").status == 0
    assert give("resolve").out == "No job is held.\n"


def test_review_counts_what_was_decided_and_says_what_to_do(give: Give, shop: Path) -> None:
    """What was left out is told on stderr, and is no failure."""
    with (shop / OUTPUT / "report" / "images.csv").open(encoding="utf-8", newline="") as file:
        sofa, *_ = csv.DictReader(file)
    rows = (f"sofa,{sofa['job_key']},0,{sofa['sha256']},rejected,too dark", f"lamp,{'0' * 64},0,{'0' * 64},approved,")
    (shop / "decided.csv").write_text("\n".join(("job,key,slot,sha256,decision,note", *rows)), "utf-8")
    ended = give("review", "decided.csv", "output/shop")
    assert ended.status == 0
    assert "0 approved and frozen, 1 rejected; 1 left out" in ended.out
    assert "--rejected" in ended.out
    assert "lamp [0] is left out" in ended.err


def test_reworded_goes_alone(give: Give, place: Path) -> None:
    """What would be drawn with other words is written down first, so there is no dry run of it."""
    for other in ("--rejected", "--dry-run"):
        ended = give("run", "m.yaml", "--reworded", "moderated.csv", other)
        assert ended.status == 2
    assert not (place / "output").exists()


def test_adopt_counts_what_it_found(give: Give, shop: Path) -> None:
    """A lost ledger is rebuilt from images and report."""
    for path in (shop / OUTPUT).glob("ledger.db*"):
        path.unlink()
    assert "4 images of 2 jobs are in the ledger again" in give("adopt").out


def test_doctor_looks_at_everything(give: Give, place: Path) -> None:
    """Every finding has its line; the exit status is that of the worst."""
    heard = parsed("doctor", "--provider", "apiyi")
    assert (heard["provider"], heard["base_url"]) == ("apiyi", None)
    ended = give("doctor", "--provider", "mock")
    assert ended.status == 0
    assert "embedded: no key, no network, no cost" in ended.out
    assert ended.out.endswith("Nothing was spent.\n")


def test_the_catalogue_is_listed(give: Give) -> None:
    """Models have prices and life spans; providers their addresses, key variables and prices."""
    assert "gpt-image-2" in give("models").out
    assert ["https://api.apiyi.com/v1", "APIYI_API_KEY"] in [
        line.split()[1:3] for line in give("providers").out.splitlines()
    ]


def test_schema_is_json(give: Give) -> None:
    """An editor reads it."""
    assert give("schema").json["type"] == "object"


@pytest.mark.parametrize("shard", ["0/8", "9/8", "x"])
@pytest.mark.parametrize("name", ["check", "plan", "estimate", "run"])
def test_what_is_no_shard_is_refused_with_what_is_right(give: Give, shop: Path, name: str, shard: str) -> None:
    """By every command that reads a manifest, with 2."""
    ended = give(name, "m.yaml", "--shard", shard)
    assert (ended.status, "such as 3/8; I counts from 1 to N" in ended.err) == (2, True)


def test_a_month_is_written_as_people_write_it(give: Give, shop: Path) -> None:
    """What is none is refused; one that is gives three files, by their paths."""
    refused = give("report", "--month", "2026-13")
    assert (refused.status, "is no month, such as 2026-11" in refused.err) == (2, True)
    names = {Path(line).name for line in give("report", "--month", "2026-11").out.splitlines()}
    assert names == {f"month-2026-11.{kind}" for kind in ("csv", "html", "xlsx")}


def test_several_folders_make_one_report(give: Give, shop: Path) -> None:
    """By default in the working directory, with the folders named that were read."""
    ended = give("report", "output/shop", "output/shop")
    assert {str(Path(line).parent) for line in ended.out.splitlines()} == {str(Path("report").absolute())}
    assert "output folder output/shop" in ended.err
