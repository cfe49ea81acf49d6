"""README and docs are true: every command and snippet in them runs, and their tables are those of the program."""

import importlib.util
import os
import re
import shutil
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
from batchgen.model import Notify
from tests.exports.layouts import LAYOUTS
from tests.patience import PATIENCE
from tests.process.kit import the_launcher

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {"README.md": README, **{p.name: p.read_text(encoding="utf-8") for p in sorted(DOCS.glob("*.md"))}}
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
    for words in commands_of(page):
        ends_well(words, shop)


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


def test_every_command_that_is_named_has_the_options_that_are_named() -> None:
    """In text, in consoles and in cron lines, beside what runs anyway."""
    known = {entry.name for entry in COMMANDS}
    for page, text in PAGES.items():
        inline = re.findall(r"`batchgen ([^`\n]+)`", text)
        shown = [line for block in blocks(page, "console") + blocks(page, "crontab") for line in block.splitlines()]
        inline += [line.split("batchgen ", 1)[1].split("#")[0] for line in shown if "batchgen " in line]
        for words in map(str.split, inline):
            if words[0] not in known:
                assert words[0].isupper() or words[0].startswith("-"), f"{page}: batchgen {' '.join(words)}"
                continue
            command = root.get_command(click.Context(root), words[0])
            assert command
            options = {name for param in command.params for name in param.opts} | {"--help", "-h"}
            named = {word.strip("[]").partition("=")[0] for word in words if word.strip("[").startswith("--")}
            assert named <= options, f"{page}: batchgen {' '.join(words)}"


def test_the_make_targets_exist() -> None:
    """Every make target that the README names is in the Makefile."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^make (\w+)|`make (\w+)`", README, re.MULTILINE))
    assert len(targets) > 4
    for first, second in targets:
        assert re.search(rf"^{first or second}:", makefile, re.MULTILINE)


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
    """What is a whole manifest has no errors, and what is a provider is accepted; parts of either can be read."""
    read = yaml.safe_load(example)
    if "like" in read:
        path = shop / "my-gateway.yaml"
        path.write_text(example, encoding="utf-8")
        assert provider(str(path)).base_url
    elif "jobs" in read:
        (shop / "shop.yaml").write_text(example, encoding="utf-8")
        for name, text in PRODUCTS.items():
            (shop / name).write_text(text, encoding="utf-8")
        make_image(shop / "photos" / "0007.jpg")
        result = check.check(open_project(shop / "shop.yaml", Options()))
        assert result.errors == (), page
        assert result.manifest_summary.planned


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
        assert f"\n## {command.name}\n" in PAGES["commands.md"]


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
