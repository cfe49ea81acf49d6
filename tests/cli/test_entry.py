"""The way in and out: help, usage errors, refusals, bugs, readers who leave."""

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from batchgen.cli.console import Console
from batchgen.cli.index import COMMANDS, overview
from batchgen.cli.invoke import guard
from batchgen.errors import AccountError, Exit, InputError, Locked, Place, Problem, Severity, StorageError
from tests.cli.conftest import Ended, Give

pytestmark = pytest.mark.sample(4)

HEAVY = ("aiohttp", "asyncio", "click", "jinja2", "numpy", "openai", "pandas", "PIL", "pyarrow", "pydantic", "rich")
NAMES = list(COMMANDS)


def python(code: str, **how: Any) -> subprocess.CompletedProcess[str]:
    """Return a fresh interpreter."""
    command = [sys.executable, "-c", code]
    asked: subprocess.CompletedProcess[str] = subprocess.run(
        command, capture_output=True, text=True, check=False, **how
    )
    return asked


def test_help_loads_no_heavy_library() -> None:
    """`--help` is answered from a table, before any library is loaded."""
    code = f"""import sys; from batchgen.cli.main import main; main(["--help"])
print(*sorted(set(sys.modules) & set({HEAVY!r})), file=sys.stderr)"""
    asked = python(code)
    assert asked.stdout == overview()
    assert asked.stderr.split() == []


@pytest.mark.parametrize("name", NAMES)
def test_help_of_a_command_loads_click_and_nothing_else(name: str) -> None:
    """The help of one command loads neither the program below nor its libraries."""
    code = f"""import sys; from batchgen.cli.main import main; main([{name!r}, "--help"])
print(*sorted(set(sys.modules) & set({HEAVY!r})), file=sys.stderr)"""
    asked = python(code)
    assert asked.stdout.startswith(f"Usage: batchgen {name}")
    assert "Examples:\n    batchgen" in asked.stdout
    assert asked.stderr.split() == ["click"]


def test_the_table_of_commands_is_what_there_is() -> None:
    """Every command of the table has a module, every module stands in the table, in the same words."""
    from importlib import import_module

    import batchgen.cli.commands as package

    modules = {path.stem for path in Path(package.__path__[0]).glob("*.py")} - {"__init__"}
    assert modules == set(NAMES)
    for name in NAMES:
        assert import_module(f"batchgen.cli.commands.{name}").command.name == name


def test_module_call_is_the_command() -> None:
    """`python -m batchgen` answers like `batchgen`."""
    asked = subprocess.run([sys.executable, "-m", "batchgen", "--help"], capture_output=True, text=True, check=True)
    assert asked.stdout == overview()


@pytest.mark.parametrize("words", [("--version",), ("--version", "plan")])
def test_version_is_told(give: Give, words: tuple[str, ...]) -> None:
    """`--version` tells name and version."""
    ended = give(*words)
    assert ended.status == 0
    assert ended.out.startswith("batchgen ")


def test_no_words_at_all_show_the_overview_and_are_a_usage_error(give: Give) -> None:
    """`batchgen` alone explains itself on stderr."""
    ended = give()
    assert (ended.status, ended.out) == (2, "")
    assert ended.err == overview()


def failing(error: BaseException) -> Ended:
    """How a command ends that raises this."""
    out, err = io.StringIO(), io.StringIO()

    def act() -> int:
        raise error

    return Ended(guard(act, Console(out, err, None)), out.getvalue(), err.getvalue())


LONG = "x" * 300
TOO_LONG = [
    *((command, LONG) for command in ("check", "plan", "estimate", "run", "init", "review")),
    *((command, f"out/{LONG}") for command in ("status", "report", "verify", "resolve", "adopt")),
    *(("run", "m.yaml", option, LONG) for option in ("--output", "--reworded", "--log-json")),
]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("estimat",), "did you mean 'estimate'?"),
        (("run", "m.yaml", "--frist", "3"), "'--first'"),
        (("run",), "Missing argument 'MANIFEST'"),
        (("run", "m.yaml", "--max-cost", "lots"), "not an amount in dollars"),
        (("run", "m.yaml", "--max-cost", "-1"), "not an amount in dollars"),
        (("run", "m.yaml", "--max-cost", "NaN"), "not an amount in dollars"),
        (("run", "m.yaml", "--max-duration", "soon"), "invalid duration 'soon'"),
        (("run", "m.yaml", "--max-images", "0"), "x>=1"),
        (("run", "m.yaml", "--max-images", "two"), "'two' is not a valid whole number"),
        (("completion",), "Choose from: bash, zsh, fish"),
        (("run", "m.yaml", "--on-uncertain", "pray"), "'retry'"),
        (("run", "m.yaml", "--api-key", "sk-x"), "No such option"),
        (("estimate", "m.yaml", "--csv", "--json"), "exclude each other"),
        (("reconcile",), "Missing option '--billed'"),
        (("resolve", "out", "maybe"), "retry or fail"),
        (("status", "a", "b"), "unexpected extra argument"),
        *((words, "a name has at most 255 bytes, not 300") for words in TOO_LONG),
    ],
)
def test_usage_errors_say_what_to_do(give: Give, words: tuple[str, ...], said: str) -> None:
    """A wrong command line is exit 2, on stderr, with a way out."""
    ended = give(*words)
    assert (ended.status, ended.out) == (2, "")
    assert said in ended.err
    assert "--help" in ended.err


@pytest.mark.parametrize(
    "words",
    [("check", "{odd}.yaml"), ("run", "m.yaml", "--output", "{odd}"), ("status", "out/{odd}"), ("check", "m.yaml")],
)
def test_a_name_that_is_not_utf_8_is_refused_before_anything_is_drawn(
    give: Give, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """Old disks and archives hold such names, and a ledger cannot; the folder one stands in counts too."""
    odd = os.fsdecode(b"St\xfchle")
    if words == ("check", "m.yaml"):
        (tmp_path / odd).mkdir()
        monkeypatch.chdir(tmp_path / odd)
    ended = give(*(word.replace("{odd}", odd) for word in words))
    assert (ended.status, ended.out) == (2, "")
    assert "holds letters that are not UTF-8; rename" in ended.err


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InputError("x"), Exit.INPUT),
        (AccountError("x"), Exit.ACCOUNT),
        (StorageError("x"), Exit.STORAGE),
        (Locked("x"), Exit.LOCKED),
        (KeyboardInterrupt(), Exit.SIGINT),
        (ZeroDivisionError("x"), Exit.BUG),
    ],
)
def test_every_error_has_its_exit_status(error: BaseException, status: Exit) -> None:
    """What goes wrong decides the exit status; nothing is printed as data, no traceback anywhere."""
    ended = failing(error)
    assert (ended.status, ended.out) == (status, "")
    assert ended.err
    assert "Traceback" not in ended.err
    assert ("Nothing was spent." in ended.err) == isinstance(error, AccountError | Locked)


def test_input_errors_stand_one_per_line_with_their_places() -> None:
    """Every problem has its line, then how many there are and that nothing was spent."""
    problems = (Problem("unknown key", Place("m.yaml", 9, 5)), Problem("no\nsuch file", Place("m.yaml", 2, 1)))
    assert failing(InputError(*problems)).err.splitlines() == [
        "m.yaml:9:5: error: unknown key",
        "m.yaml:2:1: error: no\\x0asuch file",
        "2 errors; nothing was sent and nothing was spent.",
    ]


def test_the_last_line_says_of_how_many_errors_those_are_the_first() -> None:
    """Fifty of a hundred and twenty are called so; warnings are not counted, and fifty of fifty are all."""
    wrong = [Problem("x", Place("m.yaml", line)) for line in range(1, 121)]
    doubt = Problem("y", None, Severity.WARNING)
    last = "; nothing was sent and nothing was spent."
    for error, said in (
        (InputError(*wrong, doubt), "the first 50 of 120 errors"),
        (InputError(*wrong[:50], doubt), "50 errors"),
        (InputError(*wrong[:49], doubt, more=71), "the first 49 of 120 errors"),
    ):
        assert failing(error).err.splitlines()[-1] == said + last


PAYLOADS = (
    "\x1b]52;c;cm0gLXJm\x07",
    "\x1b]0;title\x07",
    "\x1b[2J",
    "\x9b31m",
    "\u202egnp.exe",
    "\u2066x\u2069",
    "a\n2026-11-20 INFO paid $0",
    "\r",
    "\x7f",
    "\u200b",
)


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize(
    "words", [("{}",), ("run", "m.yaml", "{}"), ("plan", "m.yaml", "--{}"), ("status", "{}", "{}")]
)
def test_words_cannot_steer_the_terminal(give: Give, payload: str, words: tuple[str, ...]) -> None:
    """Escape sequences and invisible characters of a command line come back as visible escapes."""
    ended = give(*(word.format(payload) for word in words))
    assert all(character.isprintable() or character == "\n" for character in ended.out + ended.err)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_errors_cannot_steer_the_terminal(payload: str) -> None:
    """What a file or a server says comes back as visible escapes, one line an error."""
    for error in (InputError(payload), StorageError(payload), RuntimeError(payload)):
        ended = failing(error)
        assert all(character.isprintable() or character == "\n" for character in ended.err)
        assert ended.err.count("\n") <= 3


def test_a_bug_leaves_a_traceback_without_secrets_in_the_run_folder(
    give: Give, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug is short on the terminal; the traceback lies beside the run, with every secret blotted out."""
    monkeypatch.setenv("OPENAI_API_KEY", "CANARY-key-0123456789")

    def breaks(where: str) -> None:
        if where.startswith("storage.finish"):
            raise RuntimeError("Bearer abcdef123456 and CANARY-key-0123456789 at https://x.example/p.png?sig=abc")

    ended = give("run", "m.yaml", at=breaks)
    (kept,) = (place / "output/shop/runs").glob("*/error.txt")
    text = kept.read_text()
    assert ended.status == 1
    assert "RuntimeError" in ended.err
    assert str(kept.relative_to(place)) in ended.err
    assert "Traceback" in text
    for told in (text, ended.err):
        assert not [secret for secret in ("CANARY-key", "abcdef123456", "sig=abc") if secret in told]


def test_a_bug_without_a_run_folder_leaves_no_file(tmp_path: Path) -> None:
    """Where no output folder is known, nothing is written."""
    code = """
from batchgen.cli.console import Console
from batchgen.cli.invoke import guard
raise SystemExit(guard(lambda: {}["x"], Console.standard()))
"""
    assert python(code, cwd=tmp_path).returncode == 1
    assert list(tmp_path.iterdir()) == []


COMMAND = (sys.executable, "-m", "batchgen")


@pytest.mark.sample(2)
@pytest.mark.parametrize("words", [("--help",), ("plan", "--help"), ("run", "m.yaml"), ("run", "m.yaml", "--json")])
@pytest.mark.parametrize("closed", ["1", "2", "12"])
def test_closed_streams_fail_nothing(shop: Path, words: tuple[str, ...], closed: str) -> None:
    """A command whose stdout or stderr is closed from the start ends as if someone had listened."""
    shut = " ".join(f"{number}>&-" for number in closed)
    ended = subprocess.run(
        ["sh", "-c", f'exec "$@" {shut}', "sh", *COMMAND, *words],
        check=False,
        capture_output=True,
        text=True,
    )
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.sample(2)
@pytest.mark.parametrize("words", [("--help",), ("plan", "--help"), ("plan", "m.yaml"), ("run", "m.yaml", "--json")])
def test_a_reader_who_left_fails_nothing(shop: Path, words: tuple[str, ...]) -> None:
    """A pipe that nobody reads any more changes neither the exit status nor stderr."""
    read, write = os.pipe()
    os.close(read)
    try:
        ended = subprocess.run([*COMMAND, *words], check=False, stdout=write, stderr=subprocess.PIPE, text=True)
    finally:
        os.close(write)
    assert (ended.returncode, "Traceback" in ended.stderr, "Exception" in ended.stderr) == (0, False, False)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_that_cannot_be_written_is_a_storage_error(shop: Path) -> None:
    """A full disk behind a redirection is told, since the data is lost."""
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [*COMMAND, "plan", "m.yaml"],
            check=False,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert ended.returncode == 8
    assert "No space left" in ended.stderr


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    "surroundings",
    [{"LANG": "C", "LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}, {"COLUMNS": "40"}, {"NO_COLOR": "1", "TERM": "dumb"}],
)
def test_poor_terminals_fail_nothing(tmp_path: Path, surroundings: dict[str, str]) -> None:
    """No locale, no colours, ASCII only, 40 columns: the words come anyway."""
    words = ("init", "s\u00f6fa-\u6905")
    surrounded = {**os.environ, **surroundings}
    ended = subprocess.run(
        [*COMMAND, *words], check=False, capture_output=True, text=True, cwd=tmp_path, env=surrounded
    )
    assert ended.returncode == 0
    assert "fa-" in ended.stdout


@pytest.mark.parametrize(
    "words",
    [
        ("run", "m.yaml", "--base-url", ""),
        ("run", "m.yaml", "--output="),
        ("plan", ""),
        ("run", "m.yaml", "--only", ""),
    ],
)
def test_an_empty_word_is_a_mistake(give: Give, words: tuple[str, ...]) -> None:
    """A shell variable that is not set must not turn into the provider's own address or the working directory."""
    ended = give(*words)
    assert ended.status == Exit.INPUT
    assert "is a variable of the shell not set?" in ended.err


def test_a_working_directory_that_is_gone_is_no_bug(tmp_path: Path) -> None:
    """What the machine refuses is said in one sentence, with the status of local storage."""
    code = """import os, sys; os.rmdir(os.getcwd())
from batchgen.cli.main import main; sys.exit(main(["doctor"]))"""
    asked = python(code, cwd=tmp_path)
    assert asked.returncode == Exit.STORAGE
    assert asked.stderr == "batchgen: error: No such file or directory; is the working directory still there?\n"


def test_the_python_api_is_listed_before_it_is_loaded() -> None:
    """Completion in a shell shows what there is."""
    asked = python("import batchgen; print(*(name for name in dir(batchgen) if name in batchgen.__all__))")
    names = asked.stdout.split()
    assert {"estimate", "load", "plan", "report", "review", "run", "run_sync", "RunResult", "InputError"} <= {*names}
