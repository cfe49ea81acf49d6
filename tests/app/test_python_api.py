"""The Python API takes what a program would give it, or refuses by the argument's name."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import timedelta
from decimal import Decimal
from inspect import iscoroutinefunction
from pathlib import Path
from types import ModuleType
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest
from pydantic import TypeAdapter

import batchgen
import batchgen.api
from batchgen.app.config import arguments
from batchgen.app.config.options import Options
from batchgen.app.run.start import RunResult
from batchgen.cli.commands import run as run_command
from batchgen.errors import Exit, InputError
from batchgen.model import OnUncertain, RouteChoice
from tests.rehearsal import Rehearsal

JOBS = [{"id": name, "prompt": f"A {name}"} for name in ("sofa-1", "sofa-2", "lamp-1")]
DOLLAR = 1_000_000
LATER = {name: getattr(batchgen, name) for name in batchgen.__all__}
"""What the signatures of the API name and load when it is needed."""

TAKEN = [
    ("max_cost", 25, 25 * DOLLAR),
    ("max_cost", 0.5, 500_000),
    ("max_cost", 0.1, 100_000),
    ("max_cost", "25.00", 25 * DOLLAR),
    ("max_cost", "$3", 3 * DOLLAR),
    ("max_cost", Decimal("1.25"), 1_250_000),
    ("max_cost", np.float64(0.1), 100_000),
    ("max_cost", np.int64(2), 2 * DOLLAR),
    ("max_cost", 999_999_999_999, 999_999_999_999 * DOLLAR),
    ("max_images", 3, 3),
    ("max_images", np.int64(3), 3),
    ("max_duration", 90, 90.0),
    ("max_duration", 0.5, 0.5),
    ("max_duration", "1h30m", 5400.0),
    ("max_duration", "45min", 2700.0),
    ("max_duration", "90", 90.0),
    ("max_duration", timedelta(minutes=2), 120.0),
    ("only", "sofa-*", ("sofa-*",)),
    ("only", ["sofa-*", "lamp-1"], ("sofa-*", "lamp-1")),
    ("only", (name for name in ("a", "b")), ("a", "b")),
    ("output", "o2", Path("o2")),
    ("output", Path("o2"), Path("o2")),
    ("output", "./", Path()),
    ("log_json", "log", Path("log")),
    ("reworded", "moderated.csv", Path("moderated.csv")),
    ("provider", "mock", "mock"),
    ("provider", Path("mine.yaml"), "mine.yaml"),
    ("on_uncertain", "hold", OnUncertain.HOLD),
    ("on_uncertain", OnUncertain.RETRY, OnUncertain.RETRY),
    ("if_locked", "wait", "wait"),
    ("rejected", True, True),
    ("route", "batch", RouteChoice.BATCH),
]

REFUSED = [
    *(("max_cost", value) for value in ("lots", "", True, -1, float("nan"), float("inf"), 10**12, 10**400, [1], b"1")),
    *((name, value) for name in ("max_images", "concurrency", "first", "sample") for value in (0, -1, 1.0, "3", True)),
    *(
        ("max_duration", value)
        for value in ("soon", "1h30", "0", 0, -1, float("nan"), float("inf"), 10**400, True, [1])
    ),
    *(("only", value) for value in ([], (), b"*", 5, [5], {"*": 1})),
    *(
        (name, value)
        for name in ("output", "log_json", "reworded")
        for value in ("", 5, b"o", "a\0", "\ud800", "x" * 256)
    ),
    ("output", "x/" * 2500),
    *(("output", address) for address in ("s3://bucket/shop", Path("gs://bucket"), "file:///tmp/x")),
    ("base_url", Path("https://api.example/v1")),
    *((name, value) for name in ("provider", "base_url") for value in ("", 5, b"mock", ["mock"])),
    *(
        (name, value)
        for name in ("retry_failed", "skip_bad_rows", "regenerate_missing", "rejected")
        for value in ("no", 1, "")
    ),
    *((name, value) for name in ("on_uncertain", "if_locked", "route") for value in ("perhaps", 1, "")),
]


def numbered(table: Sequence[tuple[Any, ...]]) -> list[str]:
    """Return a name for each row: values such as 0.1 and its twin of another type look the same."""
    return [f"{row[0]}-{number}" for number, row in enumerate(table)]


@pytest.mark.parametrize(("name", "value", "read"), TAKEN, ids=numbered(TAKEN))
def test_what_a_program_would_give_is_taken(name: str, value: object, read: object) -> None:
    """Money is in dollars, time in seconds or words, a path is text or a Path, one pattern is one pattern."""
    found = getattr(arguments.options({name: value}), name)
    assert found == read
    assert type(found) is type(read)


@pytest.mark.parametrize(("name", "value"), REFUSED, ids=numbered(REFUSED))
def test_what_cannot_be_used_is_refused_by_name(name: str, value: object) -> None:
    """A value that would be misread, or break something further down, is an input error that names the argument."""
    with pytest.raises(InputError, match=f"^error: {name}: "):
        arguments.options({name: value})


def test_every_wrong_option_is_told_at_once() -> None:
    """Mistakes are told together; a name that is none comes with the nearest, or with what a program does instead."""
    with pytest.raises(InputError) as refused:
        arguments.options({"max_cots": 5, "first": 0, "dry_run": True, "reworded": "m.csv", "rejected": True})
    assert [problem.message.split(";")[-1].strip() for problem in refused.value.problems] == [
        "did you mean `max_cost`?",
        "first: 0 is not a whole number from 1 to 1,000,000,000",
        "dry_run: batchgen.plan says what a run would do",
        "make a run for each",
    ]


def test_none_leaves_an_option_to_the_manifest() -> None:
    """None is what an option is that nobody gave."""
    assert arguments.options(dict.fromkeys(arguments.READERS)) == Options()


@pytest.mark.parametrize("function", [batchgen.plan, batchgen.estimate, batchgen.run, batchgen.run_sync])
def test_an_editor_completes_every_option_with_its_type(function: Callable[..., object]) -> None:
    """The typed options are those that are read, and what is taken is of the types that they name."""
    (typed,) = get_args(get_type_hints(function, vars(batchgen.api) | LATER)["options"])
    hints = get_type_hints(typed)
    plans = {batchgen.plan, batchgen.estimate}
    assert hints.keys() == arguments.READERS.keys() - ({"reworded"} if function in plans else set())
    for name, value, _ in TAKEN:
        if name in hints and not isinstance(value, np.generic):
            TypeAdapter(hints[name]).validate_python(value, strict=True)
    for name, hint in hints.items():
        assert TypeAdapter(hint).validate_python(None) is None, name


def test_the_options_of_the_api_are_those_of_the_command() -> None:
    """Every option of `Options` has a reader, or a sentence that says what a program does instead."""
    names = {field.name for field in fields(Options)}
    assert arguments.READERS.keys() | arguments.ELSEWHERE.keys() == names
    spoken = {parameter.name for parameter in run_command.command.params} - {"manifest", "as_json", "quiet"}
    assert spoken == names


def test_a_run_from_python(scene: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loaded manifest is planned, priced and drawn under a limit in dollars, and its result leads to the report."""
    monkeypatch.chdir(scene.root)
    path = scene.manifest(JOBS)
    manifest = batchgen.load(str(path))
    words: dict[str, Any] = {"base_url": scene.handle.base_url, "output": "o2", "only": "sofa-*", "max_cost": 0.5}
    assert [planned.job.id for planned in batchgen.plan(manifest, **words)] == ["sofa-1", "sofa-2"]
    assert batchgen.estimate(manifest, **words) == batchgen.estimate(str(path), **words)
    result = asyncio.run(batchgen.run(manifest, **words))
    assert (result.exit, result.output) == (Exit.OK, Path("o2"))
    assert result.summary["money"]["cap_micro_usd"] == 500_000
    assert len(scene.bill) == 2
    assert result.images() == [scene.root / "o2/images" / f"sofa-{number}-0.webp" for number in (1, 2)]
    assert batchgen.report(result).equals(batchgen.report("o2"))
    with pytest.raises(InputError, match=r"table: 'zzz' is none of images, jobs, usage"):
        batchgen.report(result, "zzz")
    Path("review.csv").write_text("job,key,slot,sha256,decision,note\n", encoding="utf-8")
    assert batchgen.review("review.csv", result).output == Path("o2")


def test_a_run_waits_where_a_loop_runs_already(scene: Rehearsal) -> None:
    """`run_sync` blocks in a program and in a notebook; `run` is a coroutine function."""
    manifest = scene.manifest(JOBS[:1])
    words: dict[str, Any] = {"base_url": scene.handle.base_url, "output": scene.root / "o", "max_cost": 1}

    async def cell() -> RunResult:
        return batchgen.run_sync(manifest, **words)

    assert asyncio.run(cell()).exit is Exit.OK
    assert batchgen.run_sync(manifest, **words).images() == [scene.root / "o/images/sofa-1-0.webp"]
    assert len(scene.bill) == 1
    assert iscoroutinefunction(batchgen.run)


def test_results_are_read_at_a_glance(scene: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plans, estimates, runs and reviews say on one line, and in a harmless table, what they came to."""
    monkeypatch.chdir(scene.root)
    manifest = scene.manifest([*JOBS, {"id": "<b>", "prompt": "A rug"}])
    words: dict[str, Any] = {"base_url": scene.handle.base_url, "output": "o2"}
    plan = batchgen.plan(manifest, **words)
    assert [item.job.id for item in plan] == [item.job.id for item in plan]
    assert "jobs 4; images 4 in 4 calls; cost $" in repr(plan)
    assert plan._repr_html_().count("<tr>") == 5
    assert "<b>" not in plan._repr_html_()
    assert repr(batchgen.estimate(manifest, **words)).startswith("<EstimateResult: jobs 4; ")
    result = batchgen.run_sync(manifest, **words)
    assert repr(result).startswith("<RunResult: ended every wanted image is stored (exit 0); images 4 of 4 stored; ")
    assert "o2/report/report.html" in result._repr_html_()
    assert repr(SKIPPED) == "<RunResult: ended skipped (exit 0)>"
    assert SKIPPED.images() == []
    Path("review.csv").write_text("job,key,slot,sha256,decision,note\n", encoding="utf-8")
    assert repr(batchgen.review("review.csv", result)) == (
        "<ReviewResult: approved 0; rejected 0; left out 0; output o2>"
    )


class Shell(ModuleType):
    """What IPython is to a library: something that shows, and a cell whose output can be replaced."""

    def __init__(self) -> None:
        super().__init__("IPython")
        self.shown: list[str] = []

    def get_ipython(self) -> object:
        return self

    def display(self, data: dict[str, str], **_how: bool) -> "Shell":
        self.update(data)
        return self

    def update(self, data: dict[str, str], **_how: bool) -> None:
        self.shown.append(data["text/plain"])


def test_a_notebook_shows_progress(scene: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line in the cell's output, without a wish; none where it is not wanted."""
    shell = Shell()
    monkeypatch.setitem(sys.modules, "IPython", shell)
    monkeypatch.setitem(sys.modules, "IPython.display", shell)
    words: dict[str, Any] = {"base_url": scene.handle.base_url, "output": scene.root / "o"}
    assert batchgen.run_sync(scene.manifest(JOBS), **words).exit is Exit.OK
    assert any("/3 images" in line for line in shell.shown)
    shell.shown.clear()
    batchgen.run_sync(scene.manifest(JOBS), progress=False, **words)
    assert shell.shown == []


def test_a_program_shows_progress_when_asked(scene: Rehearsal, capsys: pytest.CaptureFixture[str]) -> None:
    """Lines on stderr; nothing by itself."""
    words: dict[str, Any] = {"base_url": scene.handle.base_url, "output": scene.root / "o"}
    batchgen.run_sync(scene.manifest(JOBS), **words)
    assert capsys.readouterr() == ("", "")
    batchgen.run_sync(scene.manifest([{"id": "rug", "prompt": "A rug"}]), progress=True, **words)
    out, err = capsys.readouterr()
    assert out == ""
    assert "/1 images" in err


SKIPPED = RunResult({}, Exit.OK)


UNTYPED: Any = batchgen
"""The API as those call it who check no types."""

CALLS: list[tuple[str, Callable[[Path], object]]] = [
    ("manifest", lambda _: UNTYPED.load(5)),
    ("manifest", lambda _: UNTYPED.plan(None)),
    ("manifest", lambda _: UNTYPED.estimate([])),
    ("manifest", lambda _: asyncio.run(UNTYPED.run(b"m.yaml"))),
    ("dry_run", lambda path: asyncio.run(UNTYPED.run(path, dry_run=True))),
    ("compare", lambda path: UNTYPED.estimate(path, compare="no")),
    ("reworded", lambda path: UNTYPED.plan(path, reworded="moderated.csv")),
    ("reworded", lambda path: UNTYPED.estimate(path, reworded="moderated.csv")),
    ("output", lambda path: UNTYPED.report(UNTYPED.load(path))),
    ("output", lambda _: UNTYPED.report(None)),
    ("output", lambda _: UNTYPED.report(SKIPPED)),
    ("output", lambda _: UNTYPED.review("review.json", SKIPPED)),
    ("decisions", lambda _: UNTYPED.review(5)),
    ("manifest", lambda _: UNTYPED.run_sync(b"m.yaml")),
    ("progress", lambda path: UNTYPED.run_sync(path, progress="yes")),
]


@pytest.mark.parametrize(("name", "call"), CALLS, ids=numbered(CALLS))
def test_arguments_are_refused_by_name(tmp_path: Path, name: str, call: Callable[[Path], object]) -> None:
    """What is no manifest, folder or file is refused by each function, and nothing is drawn."""
    path = tmp_path / "m.yaml"
    path.write_text("provider: mock\noutput: {path: '{{ id }}.png'}\njobs: [{id: a, prompt: A lamp}]\n", "utf-8")
    with pytest.raises(InputError, match=f"^error: {name}: "):
        call(path)


def test_import_loads_nothing() -> None:
    """`import batchgen` loads none of its rooms, and knows the names of the API all the same."""
    code = "import sys, batchgen; print(*[m for m in sys.modules if m.startswith('batchgen')], 'run' in dir(batchgen))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "batchgen True\n"


def test_every_name_of_the_api_is_there() -> None:
    """Functions, results and errors come from `batchgen` itself."""
    for name in batchgen.__all__:
        assert getattr(batchgen, name).__name__ == name
