"""What a terminal gets and a pipe does not: width, colour, the line that is wrong; and completion in a shell."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from batchgen.cli.console import Console, excerpt
from batchgen.cli.render.money import estimate, plan_line
from batchgen.cli.render.table import width
from batchgen.errors import Place, Problem, Severity
from tests.cli import examples
from tests.cli.conftest import Give
from tests.cli.test_screen import Terminal


@pytest.fixture
def wide() -> Iterator[None]:
    """Return a terminal of 160 columns."""
    token = width.set(160)
    yield
    width.reset(token)


def test_tables_are_as_wide_as_the_terminal(wide: None) -> None:
    """Long names stand whole where there is room, and remarks stay on their line."""
    long = "a-name-of-a-job-that-is-much-longer-than-others-in-one-table-of-jobs"
    row = examples.cost_row(size="s" * 30, quality="q" * 40)
    assert "q" * 40 in estimate(examples.estimate(rows=(row,)))
    assert len(plan_line(examples.planned(long, why="its content changed since")).splitlines()) == 1


@pytest.mark.parametrize(
    ("columns", "out", "found"),
    [("160", Terminal(), 160), ("10", Terminal(), 40), ("160", io.StringIO(), 80), ("160", None, 80)],
    ids=["wide", "narrow", "pipe", "closed"],
)
def test_a_pipe_has_eighty_columns(
    monkeypatch: pytest.MonkeyPatch, columns: str, out: io.StringIO | None, found: int
) -> None:
    """What a script reads does not hang on the window that it was started in."""
    monkeypatch.setenv("COLUMNS", columns)
    assert Console(out, None, None).width == found


WRONG = Problem("unknown key 'promt'", Place("m.yaml", 2, 5))


def told(problem: Problem, err: io.StringIO) -> str:
    """Say what a console writes about a problem."""
    Console(None, err, None).tell([problem])
    return err.getvalue()


def test_a_terminal_shows_the_line_that_is_wrong(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its number and a mark below its column; a pipe gets one line a problem."""
    monkeypatch.setenv("NO_COLOR", "1")
    (place / "m.yaml").write_text("jobs:\n  - {promt: A cat}\n", "utf-8")
    assert told(WRONG, Terminal()) == (
        "m.yaml:2:5: error: unknown key 'promt'\n    2 |   - {promt: A cat}\n      |     ^\n"
    )
    assert told(WRONG, io.StringIO()) == "m.yaml:2:5: error: unknown key 'promt'\n"


@pytest.mark.parametrize("name", ["NO_COLOR", "TERM", ""])
def test_colour_is_for_terminals_that_want_it(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Red and yellow words on a terminal, plain ones with NO_COLOR, on a dumb one and in a pipe."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    if name:
        monkeypatch.setenv(name, "dumb")
    doubt = Problem("odd", None, Severity.WARNING)
    assert ("\x1b[1;31merror:" in told(WRONG, Terminal())) is not bool(name)
    assert ("\x1b[1;33mwarning:" in told(doubt, Terminal())) is not bool(name)
    assert told(doubt, io.StringIO()) == "batchgen: warning: odd\n"


def test_a_mark_stands_below_its_column(tmp_path: Path) -> None:
    """Also behind wide characters, tabs and escapes, and far to the right of a long line."""
    path = tmp_path / "m.csv"
    path.write_text(f"木の,x\n\ta\n\x1b[31mred\n{'y' * 500}x{'z' * 500}\n", "utf-8")
    for line, column in ((1, 4), (2, 2), (3, 6), (4, 501)):
        shown, mark = excerpt(Place(str(path), line, column)).splitlines()
        assert shown.isprintable()
        wide_before = 2 if line == 1 else 0
        assert shown[mark.index("^") - wide_before] in {"x", "a", "r"}
        assert len(shown) < 120


def test_what_is_no_text_has_no_line(tmp_path: Path) -> None:
    """A workbook, a file that is gone, a line beyond the end, a pipe."""
    (tmp_path / "m.xlsx").write_bytes(b"PK\n\x00")
    (tmp_path / "m.yaml").write_text("a: 1\n", "utf-8")
    os.mkfifo(tmp_path / "p.yaml")
    for name, line in (("m.xlsx", 1), ("gone.yaml", 1), ("m.yaml", 9), ("m.yaml", 0), ("p.yaml", 1)):
        assert excerpt(Place(str(tmp_path / name), line, 1)) == ""


@pytest.mark.parametrize("words", [("-h",), ("plan", "-h"), ("completion", "-h")])
def test_h_is_help(give: Give, words: tuple[str, ...]) -> None:
    """`-h` and `--help` say the same."""
    ended = give(*words)
    assert ended.status == 0
    assert ended.out == give(*words[:-1], "--help").out


@pytest.mark.sample(1)
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_what_there_is(give: Give, shell: str) -> None:
    """The script asks batchgen itself, which knows commands and options."""
    script = give("completion", shell)
    assert script.status == 0
    assert f"_BATCHGEN_COMPLETE={shell}_complete" in script.out
    for so_far, found in (("batchgen est", "estimate"), ("batchgen run --max-c", "--max-cost")):
        asked = subprocess.run(
            [sys.executable, "-m", "batchgen"],
            check=True,
            capture_output=True,
            text=True,
            env={
                **os.environ,
                "_BATCHGEN_COMPLETE": f"{shell}_complete",
                "COMP_WORDS": so_far,
                "COMP_CWORD": so_far.split()[-1] if shell == "fish" else str(so_far.count(" ")),
            },
        )
        assert found in asked.stdout


FOLDERS = ("status", "report", "verify", "resolve", "adopt", "reconcile", "review")


@pytest.mark.parametrize("name", FOLDERS)
def test_every_command_names_the_folder_it_used(give: Give, shop: Path, name: str) -> None:
    """On stderr, whether it was named or found."""
    (shop / "decided.csv").write_text("job,key,slot,sha256,decision,note\n", "utf-8")
    words = {"reconcile": ("--billed", "9"), "review": ("decided.csv",)}.get(name, ())
    for folder in ((), ("output/shop",)):
        ended = give(name, *words, *folder)
        assert ended.status == 0
        assert ended.err.splitlines()[0] == "batchgen: output folder output/shop"
        assert "batchgen: output folder" not in ended.out


def test_status_is_an_object_for_scripts(give: Give, shop: Path) -> None:
    """What the run last said of itself, the folder, counts by state and money."""
    told = give("status", "--json").json
    (written,) = (shop / "output/shop/runs").glob("*/status.json")
    assert json.loads(written.read_text("utf-8")).items() <= told.items()
    assert (told["output"], told["exit_code"], told["state"]) == ("output/shop", 0, "ended")
    assert (told["images"]["stored"], told["jobs"]["done"]) == (4, 2)
    assert told["money"].keys() >= {"confirmed_micro_usd", "at_risk_micro_usd"}


@pytest.mark.parametrize("address", ["s3://bucket/shop", "gs://b", "file:///tmp/x", "abfs+x://b/c"])
@pytest.mark.parametrize("name", ["run", "plan", "estimate", "check"])
def test_an_address_is_no_folder(give: Give, place: Path, name: str, address: str) -> None:
    """Refused before the first cent, and nothing is written."""
    ended = give(name, "m.yaml", "--output", address)
    assert ended.status == 2
    assert "is an address; give a path of this machine" in ended.err
    assert [path.name for path in place.iterdir()] == ["m.yaml"]


def test_a_folder_may_have_a_colon_in_its_name(give: Give, place: Path) -> None:
    """It is drawn into, reported and read again like any other."""
    assert give("run", "m.yaml", "--output", "a:b", "--quiet").status == 0
    assert (place / "a:b/report/images.csv").exists()
    assert give("report", "a:b").status == 0
    assert give("run", "m.yaml", "--output", "./s3:/shop", "--quiet").status == 0
