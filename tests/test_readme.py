"""README and docs are true: every command and snippet in them runs, and their tables are those of the program."""

import csv
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest
import yaml

from batchgen import manifest
from batchgen.app.config.environment import environment
from batchgen.app.config.options import Options
from batchgen.app.config.project import open_project
from batchgen.app.notify.delivery import problems, recipients
from batchgen.app.preview import check
from batchgen.catalog import provider, providers
from batchgen.cli.group import root
from batchgen.cli.index import COMMANDS
from batchgen.errors import Exit
from batchgen.model import Notify, Reason, ReasonCode, StopKind
from batchgen.planner.waiting import HOW
from tests.exports.layouts import LAYOUTS
from tests.patience import PATIENCE, wait_until
from tests.process.kit import the_launcher

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {"README.md": README, **{p.name: p.read_text(encoding="utf-8") for p in sorted(DOCS.glob("*.md"))}}
SHELLS = ("sh", "bash", "console", "crontab")
KINDS = {*SHELLS, "python", "yaml", "ini"}
"""Languages of snippets; below, a test takes each of them."""
PARTS = {"commands.md", "manifest-reference.md", "architecture.md"}
"""Pages that are made from the program, or tested elsewhere."""


def blocks(page: str, language: str) -> list[str]:
    """Return the fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGES[page], re.MULTILINE | re.DOTALL)


def of_all(language: str) -> list[Any]:
    """Return each block of a language on any page, named for a test."""
    return [
        pytest.param(page, block, id=f"{page}-{number}")
        for page in PAGES
        if page not in PARTS
        for number, block in enumerate(blocks(page, language))
    ]


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program as a newcomer would, in a folder of its own, with no key anywhere."""
    clean = {name: value for name, value in os.environ.items() if not name.endswith("_KEY")}
    found = {**clean, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{clean['PATH']}"}
    return subprocess.run(command, cwd=folder, env=found, capture_output=True, text=True, timeout=PATIENCE, check=False)


def ends_well(words: list[str], folder: Path) -> None:
    """Give a command of a page in this folder, with no key, in a process of its own."""
    child = the_launcher().start(*words[1:], cwd=folder, env={"OPENAI_API_KEY": ""})
    assert child.wait() == 0, f"{' '.join(words)}: {child.said}"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Return a working directory with the repository's sample manifests, and an export, in it."""
    shutil.copytree(ROOT / "manifests", tmp_path / "manifests")
    LAYOUTS[0].write(tmp_path)
    return tmp_path


def script(name: str) -> ModuleType:
    """Load a script of docs/."""
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def commands_of(page: str) -> list[list[str]]:
    """Return the `batchgen` commands of a page's shell blocks."""
    lines = [line.split("#")[0].split() for block in blocks(page, "sh") for line in block.splitlines()]
    return [words for words in lines if words and words[0] == "batchgen"]


def test_the_first_line_puts_the_command_on_the_path() -> None:
    """Whoever copies the first block has the command; the page has about 120 lines."""
    first, *_ = blocks("README.md", "sh")
    assert first.startswith("pipx install .")
    assert "uv tool install ." in first
    assert "pip install ." in first
    assert len(README.splitlines()) <= 130


@pytest.mark.parametrize("page", [page for page in PAGES if page not in PARTS and commands_of(page)])
def test_every_command_runs_in_the_order_of_the_page(shop: Path, page: str) -> None:
    """Every `batchgen` command ends with status 0."""
    if page == "files.md":
        ends_well(["batchgen", "run", "manifests/quickstart.yaml", "--provider", "mock"], shop)
        assert unmade(shop / "output" / "quickstart") <= {"superseded", "quarantine", "rerun.csv", "moderated.csv"}
    for words in commands_of(page):
        ends_well(words, shop)


def unmade(output: Path) -> set[str]:
    """Say which folders and files of the tree in files.md are not in an output after its first run."""
    _, tree = blocks("files.md", "")[0].split("\n", 1)
    (log,) = output.glob("runs/*/log.jsonl")
    named = set(re.findall(r"\b[\w-]+\.(?:html|xlsx|json|jsonl|csv|db)\b|\b\w+(?=/)", tree)) - {"runs"}
    return named - {path.name for path in (*output.iterdir(), *(output / "report").iterdir(), *log.parent.iterdir())}


def cron_lines() -> list[str]:
    """Return what cron is told to do, without the times, each once."""
    lines = (line for page in PAGES for block in blocks(page, "crontab") for line in block.splitlines())
    return sorted({line.split(None, 5)[5] for line in lines if line and not line.startswith("#")})


@pytest.mark.sample(1)
@pytest.mark.parametrize("line", cron_lines())
def test_every_cron_line_says_nothing_when_all_is_well(tmp_path: Path, line: str) -> None:
    """As cron runs it: by sh, with hardly an environment and without a terminal."""
    text = "provider: mock\njobs: [{id: a, prompt: A lamp, quality: low}]\n"
    (tmp_path / "catalogue.yaml").write_text(text, "utf-8")
    (tmp_path / ".venv").symlink_to(sys.prefix)
    told = line.replace("/srv/catalogue", str(tmp_path))
    found = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run(["/bin/sh", "-c", told], env=found, capture_output=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert (tmp_path / "output" / "catalogue" / "report" / "report.html").is_file()


def shown(page: str) -> list[list[str]]:
    """Return the commands of a page's consoles, word by word."""
    lines = [line.removeprefix("$ ").split("#")[0].split() for b in blocks(page, "console") for line in b.splitlines()]
    return [words for words in lines if words[0] == "batchgen"]


@pytest.mark.slow
def test_what_the_page_on_review_shows_is_done(tmp_path: Path) -> None:
    """Its commands, in their order: decisions of the page, the rejected again, moderated jobs with other prompts."""
    jobs = "\n".join(f"  - {{id: {name}, prompt: A {name}, quality: low}}" for name in ("lamp", "stool"))
    blocked = "  - {id: vase, prompt: 'A vase [[mock: fault=moderation_input]]', quality: low}"
    text = f"name: autumn-catalogue\nprovider: mock\nlimits: {{max_cost: 1}}\njobs:\n{jobs}\n{blocked}\n"
    (tmp_path / "catalogue.yaml").write_text(text, "utf-8")
    report, env = tmp_path / "output" / "autumn-catalogue" / "report", {"HOME": str(tmp_path)}
    assert the_launcher().start("run", "catalogue.yaml", cwd=tmp_path, env=env).wait() == 3
    with (report / "images.csv").open(encoding="utf-8", newline="") as file:
        row = next(row for row in csv.DictReader(file) if row["job_id"] == "lamp")
    decision = {"job": "lamp", "key": row["job_key"], "slot": 0, "sha256": row["sha256"], "decision": "rejected"}
    (tmp_path / "Downloads").mkdir()
    found = json.dumps({"batchgen_review": 1, "decisions": [decision]})
    (tmp_path / "Downloads" / "review.json").write_text(found, "utf-8")
    edited = (report / "moderated.csv").read_text("utf-8").replace("[[mock: fault=moderation_input]]", "in blue")
    (tmp_path / "moderated.csv").write_text(edited, "utf-8")
    commands = shown("review.md")
    assert len(commands) == 3
    for words in commands:
        told = [word.replace("~", str(tmp_path)) for word in words[1:]]
        child = the_launcher().start(*told, cwd=tmp_path, env=env)
        assert child.wait() == 0, f"{words}: {child.said}"
    with (report / "images.csv").open(encoding="utf-8", newline="") as file:
        assert sum(row["state"] == "stored" for row in csv.DictReader(file)) == 3
    assert [*(report.parent / "superseded").rglob("lamp*")], "and the one that was rejected"


@pytest.mark.slow
def test_what_the_page_on_the_live_view_shows_is_done(tmp_path: Path) -> None:
    """Its commands, beside a run that takes its time: the page is served, and the run obeys."""
    rows = "\n".join(f"  - {{id: lamp-{number}, prompt: Lamp {number}, quality: low}}" for number in range(20))
    limits = "limits: {images_per_minute: 20, max_cost: 1}\nbudget: {day: 100}"
    text = f"name: autumn-catalogue\nprovider: mock\n{limits}\njobs:\n{rows}\n"
    (tmp_path / "catalogue.yaml").write_text(text, "utf-8")
    drawing = the_launcher().start("run", "catalogue.yaml", cwd=tmp_path)
    output = tmp_path / "output" / "autumn-catalogue"
    wait_until(lambda: [*output.glob("runs/*/status.json")] or drawing.ended)
    view, *control, _tunnelled = shown("live.md")
    viewer = the_launcher().start(*view[1:], cwd=tmp_path)
    for words in control:
        ends_well(words, tmp_path)
    wait_until(lambda: "?token=" in viewer.told or viewer.ended)
    viewer.signal(signal.SIGINT)
    assert viewer.wait() == 0
    ends_well(["batchgen", "control", "output/autumn-catalogue", "drain"], tmp_path)
    assert drawing.wait() == 4


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("jq") is None, reason="no jq on this machine")
def test_a_sidecar_draws_its_image_again_as_the_page_says(tmp_path: Path) -> None:
    """The line of report.md, given to a shell."""
    (line,) = (line for block in blocks("report.md", "sh") for line in block.splitlines())
    text = "provider: mock\noutput: {sidecars: true}\njobs: [{id: lamp, prompt: A lamp, quality: low}]\n"
    (tmp_path / "m.yaml").write_text(text.replace("low}", "low, output_format: webp}"), "utf-8")
    ends_well(["batchgen", "run", "m.yaml"], tmp_path)
    folder = tmp_path / "output" / "m" / "images"
    done = run(["sh", "-c", line.replace("--provider openai", "--provider mock")], folder)
    assert done.returncode == 0, done.stderr
    assert [*folder.glob("output/*/images/**/*.webp")]


def test_every_command_that_is_named_has_the_options_that_are_named() -> None:
    """In text, in consoles and in cron lines, beside what runs anyway."""
    known = set(COMMANDS)
    for page, text in PAGES.items():
        inline = re.findall(r"`batchgen ([^`\n]+)`", text)
        shown = [line.split("#")[0] for name in SHELLS for block in blocks(page, name) for line in block.splitlines()]
        inline += [line.rsplit("batchgen ", 1)[1] for line in shown if "batchgen " in line]
        for words in map(str.split, inline):
            if words[0] not in known:
                assert words[0].isupper() or words[0].startswith("-"), f"{page}: batchgen {' '.join(words)}"
                continue
            command = root.get_command(click.Context(root), words[0])
            assert command
            options = {name for param in command.params for name in param.opts} | {"--help", "-h"}
            named = {word.strip("[]").partition("=")[0] for word in words if word.strip("[").startswith("--")}
            assert named <= options, f"{page}: batchgen {' '.join(words)}"


def test_the_make_targets_and_files_of_developers_exist() -> None:
    """Every make target that the README or CONTRIBUTING names is in the Makefile, and every file of a test is there."""
    makefile, told = ((ROOT / name).read_text(encoding="utf-8") for name in ("Makefile", "CONTRIBUTING.md"))
    targets = set(re.findall(r"^make (\w+)|`make (\w+)`", README + told, re.MULTILINE))
    assert len(targets) > 7
    for first, second in targets:
        assert re.search(rf"^{first or second}:", makefile, re.MULTILINE)
    for path in re.findall(r"\btests/[\w/.]+", told):
        assert (ROOT / path.rstrip(".")).exists(), path


def test_every_snippet_is_of_a_kind_that_a_test_takes() -> None:
    """A fence in another language, or in none, is one that nobody runs; the tree of files is looked at below."""
    for page in PAGES.keys() - PARTS:
        kinds = re.findall(r"^```(.*)\n(?:.*\n)*?```$", PAGES[page], re.MULTILINE)
        assert set(kinds) - KINDS == ({""} if page == "files.md" else set()), page


@pytest.mark.sample(1)
@pytest.mark.parametrize(("page", "example"), of_all("python"))
def test_every_python_example_runs(shop: Path, page: str, example: str) -> None:
    """Examples of the Python API run as they stand."""
    if "manifests/" not in example:
        pytest.skip(f"{page} shows a part of a program")
    done = run([sys.executable, "-c", example], shop)
    assert done.returncode == 0, done.stderr


PRODUCTS: Mapping[str, str] = {
    "products.csv": "sku,name,colour,category\n0007,Fjord stool,oak,seating\n",
    "wc-product-export.csv": "SKU,Type,Name,Description\n1,simple,Mug,A mug\n2,variation,Mug,\n",
    "pim.csv": "sku;enabled;name-en_US;rank\n1;1;Lamp;3\n2;0;Vase;1\n",
}


@pytest.mark.parametrize(("page", "example"), of_all("yaml"))
def test_every_yaml_example_is_a_manifest_or_a_provider(
    shop: Path, make_image: Callable[[Path], None], page: str, example: str
) -> None:
    """A whole manifest has no errors, and a provider is accepted; so are parts of either, put into a small one."""
    read = yaml.safe_load(example)
    for name, text in PRODUCTS.items():
        (shop / name).write_text(text, encoding="utf-8")
    make_image(shop / "photos" / "0007.jpg")
    if read.keys() & PROVIDER:
        path, form = shop / "my-gateway.yaml", {"like": "openai", "base_url": "https://gateway.example/v1", **read}
        path.write_text(yaml.safe_dump(form), encoding="utf-8")
        assert provider(str(path)).base_url
        return
    if "azure-eu.yaml" in example:
        (azure,) = (block for block in blocks(page, "yaml") if "like: azure" in block)
        (shop / "azure-eu.yaml").write_text(azure, encoding="utf-8")
    (shop / "shop.yaml").write_text(example if "jobs" in read else yaml.safe_dump(JOBS | read), encoding="utf-8")
    result = check.check(open_project(shop / "shop.yaml", Options()))
    assert result.errors == (), page
    assert result.manifest_summary.planned


PROVIDER = {"like", "task"}
"""Keys of a provider file, or of a part of one."""
JOBS: Mapping[str, Any] = {
    "defaults": {"model": "gpt-image-2", "quality": "low"},
    "jobs": [{"id": "{{ sku }}", "rows": "products.csv", "prompt": "{{ name }}", "tags": {"sku": "{{ sku }}"}}],
}
"""What the part of a manifest that a page shows is put into."""


def test_the_environment_by_example_tells_people(tmp_path: Path) -> None:
    """The lines for `.env` are read as they stand, and their addresses are ones that Apprise knows."""
    (example,) = blocks("cron.md", "ini")
    (tmp_path / ".env").write_text(example, encoding="utf-8")
    variables = environment(tmp_path)
    assert len(recipients(Notify(), variables).urls) == 2
    assert list(problems(Notify(), variables, None)) == []


def test_every_provider_and_exit_status_is_in_the_docs() -> None:
    """The tables name every provider, and every exit status."""
    for known in providers():
        assert f"| `{known.name}` |" in PAGES["providers.md"]
    for status in Exit:
        assert re.search(rf"^\|[ \d,]*\b{int(status)}\b[ \d,]*\|", PAGES["exit-status.md"], re.MULTILINE), status


def test_troubleshooting_has_a_row_for_whatever_a_user_reads() -> None:
    """Exit statuses, what stopped a run, what it waits for, and why an image is missing: each with what to do."""
    rows = [row.split("|")[1] for row in re.findall(r"^\|.*\|$", PAGES["troubleshooting.md"], re.MULTILINE)]
    numbers = {int(number) for row in rows for number in re.findall(r"\b\d+\b", row) if re.fullmatch(r"[ \d,]+", row)}
    assert numbers == {int(status) for status in Exit} - {0}
    named = {word for row in rows for word in re.findall(r"`([^`]*)`", row)}
    assert {kind.value for kind in StopKind} <= named
    assert {"pause", "rate", "breaker", "batch", *(code.value for code in HOW)} <= named
    for code in ReasonCode:
        words = Reason(code, "…").words
        assert words in {"", "…"} or any(word and words.startswith(word.removesuffix("…")) for word in named - {"…"}), (
            words
        )


def test_every_dependency_has_a_reason() -> None:
    """Every dependency of the distribution stands in a table."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [one for name, several in project["optional-dependencies"].items() if name != "all" for one in several]
    table = PAGES["dependencies.md"].lower()
    for declared in (*project["dependencies"], *extras):
        name = re.split(r"[\[>=<;~ ]", declared)[0].lower()
        assert name in table, name


def test_every_sample_manifest_is_named_and_loads() -> None:
    """Every manifest beside the README's samples loads."""
    for path in sorted((ROOT / "manifests").glob("*.yaml")):
        assert manifest.load(path).settings.name


def test_every_command_is_described() -> None:
    """Every command has its part of the page of commands."""
    for command in COMMANDS:
        assert f"\n## {command}\n" in PAGES["commands.md"]


def test_generated_pages_are_those_of_the_program() -> None:
    """Commands, keys and navigation are up to date; `python docs/make_reference.py` writes them again."""
    for path, page in script("make_reference").PAGES.items():
        assert path.read_text(encoding="utf-8") == page(), f"{path.name}: run python docs/make_reference.py"


@pytest.mark.parametrize("page", list(PAGES))
def test_every_link_leads_somewhere(page: str) -> None:
    """Files that a page links are there, and so are the headings in them."""
    text = re.sub(r"^```.*?^```", "", PAGES[page], flags=re.MULTILINE | re.DOTALL)
    base = ROOT if page == "README.md" else DOCS
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target or "{" in target:
            continue
        name, _, heading = target.partition("#")
        path = base / name if name else base / page
        assert path.exists(), f"{page}: {target}"
        if heading:
            titles = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert heading in {re.sub(r"[^\w -]", "", t).lower().replace(" ", "-") for t in titles}, f"{page}: {target}"


def test_spreadsheets_need_no_extra() -> None:
    """XLSX is read and written after the plain installation."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    assert {"openpyxl", "XlsxWriter"} <= {re.split(r"[<>=]", name)[0] for name in declared}
