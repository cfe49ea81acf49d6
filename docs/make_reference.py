"""Write the pages that are made from the program: every key of a manifest, every command, and the site's navigation.

Run it again when a test says that they are out of date: `python docs/make_reference.py`.
"""

import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

PROVIDER = "provider-"
"""How pages of single providers begin."""
FIRST = "<!-- Made by docs/make_reference.py; change the program, not this page. -->\n\n"
TITLES = {
    "index.md": "Start",
    "manifest.md": "The manifest",
    "manifest-reference.md": "Every key of a manifest",
    "commands.md": "Every command",
    "exit-status.md": "Exit status",
    "money.md": "Money",
    "bill.md": "The bill",
    "batch.md": "Batches at half the price",
    "providers.md": "Providers",
    "proxies.md": "Proxies",
    "review.md": "Look, choose, send back",
    "live.md": "Look while it draws",
    "view.md": "The live page",
    "files.md": "Files",
    "report.md": "The report",
    "derivatives.md": "Sizes and formats",
    "quality.md": "Quality",
    "stores.md": "Stores",
    "cron.md": "Cron, messages, containers",
    "python.md": "From Python",
    "recipes.md": "Recipes",
    "troubleshooting.md": "When something is wrong",
    "speed.md": "Speed",
    "dependencies.md": "Dependencies",
    "architecture.md": "Architecture",
    "shards.md": "Shards and job arrays",
    "scale.md": "A Ray cluster",
    "security.md": "Security",
}
"""Pages in the order of the navigation; a page that is not named here comes last."""


def manifest_page() -> str:
    """Write every key of the manifest's schema, section by section."""
    from batchgen.manifest.schema import json_schema

    schema = json_schema()
    sections = [("A manifest", schema), *((_section(name), form) for name, form in schema["$defs"].items())]
    listed = [_form(title, form, schema["$defs"]) for title, form in sections if "properties" in form]
    head = (
        "# Every key of a manifest\n\nMade from the JSON Schema that `batchgen schema` prints. Keys that begin with `x-` are a "
        "place for notes and anchors, and are passed over. [The manifest](manifest.md) explains how they work together.\n"
    )
    return FIRST + head + "".join(listed)


def _section(name: str) -> str:
    return name.removesuffix("Form")


def _form(title: str, form: Mapping[str, Any], forms: Mapping[str, Any]) -> str:
    rows = "".join(
        f"| `{key}` | {_kind(value, forms)} | {_cell(value.get('description', ''))} |\n"
        for key, value in form["properties"].items()
    )
    return f"\n## {title}\n\n{_cell(form.get('description', ''))}\n\n| key | value | meaning |\n|---|---|---|\n{rows}"


def _kind(value: Mapping[str, Any], forms: Mapping[str, Any]) -> str:
    """Say in a few words what a key takes."""
    if "$ref" in value:
        return _named(value["$ref"].rpartition("/")[2], forms)
    if "enum" in value:
        return ", ".join(f"`{one}`" for one in value["enum"])
    for word in ("anyOf", "oneOf"):
        if word in value:
            return " or ".join(dict.fromkeys(_kind(one, forms) for one in value[word] if one.get("type") != "null"))
    kind = value.get("type", "anything")
    if kind == "array":
        return f"list of {_kind(value.get('items', {}), forms)}"
    if kind == "object":
        inner = value.get("additionalProperties")
        return f"names, each with {_kind(inner, forms)}" if isinstance(inner, dict) else "names and values"
    return " or ".join(_PLAIN.get(one, one) for one in ([kind] if isinstance(kind, str) else kind) if one != "null")


_PLAIN = {"string": "text", "boolean": "true or false", "integer": "number"}


def _named(name: str, forms: Mapping[str, Any]) -> str:
    form = forms[name]
    return f"[{_section(name)}](#{_section(name).lower()})" if "properties" in form else _kind(form, forms)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("{{", "{&#123;")


def commands_page() -> str:
    """Write what `--help` says of every command."""
    return (
        FIRST
        + "# Every command\n\nMade from the command line itself; `batchgen COMMAND --help` says the same.\n"
        + "".join(_command(name) for name in _names())
    )


def _names() -> Iterator[str]:
    from batchgen.cli.index import COMMANDS

    yield from COMMANDS


def _command(name: str) -> str:
    import click

    from batchgen.cli.command import HELP
    from batchgen.cli.group import root

    command = root.get_command(click.Context(root, info_name="batchgen"), name)
    assert command
    context = click.Context(command, info_name=f"batchgen {name}", max_content_width=100, terminal_width=100, **HELP)
    text = command.get_help(context)
    return f"\n## {name}\n\n```text\n{text.rstrip()}\n```\n"


def navigation() -> str:
    """Write the site's configuration with all pages that are there."""
    there = {page.name for page in HERE.glob("*.md")}
    pages = [*(page for page in TITLES if page in there), *sorted(there - TITLES.keys())]
    pages.sort(key=lambda page: page.startswith(PROVIDER))  # what is looked up comes last
    lines = "".join(f'  {{ "{TITLES.get(page, page.removesuffix(".md"))}" = "{page}" }},\n' for page in pages)
    return (
        "# Made by docs/make_reference.py; `make docs` builds the site.\n[project]\n"
        'site_name = "batchgen"\nsite_description = "A manifest of prompts becomes image files and a cost report"\n'
        f'docs_dir = "docs"\nsite_dir = "site"\nnav = [\n{lines}]\n'
    )


def provider_page(known: Any) -> str:
    """Write what is known of one provider beside the compared ones."""
    where = "" if known.base_url else ", and its address with `--base-url`"
    key = f"its key in `{known.key_variable}`" if known.key_variable else "no key"
    name = known.name
    rows = "".join(f"| {what} | {_cell(text)} |\n" for what, text in _facts(known) if text)
    notes = "".join(f"* {_cell(note)}\n" for note in known.notes)
    return (
        f"{FIRST}# {name}\n\nSource: {known.source}; read {known.as_of}.\n\n"
        f"```yaml\nprovider: {name}\ndefaults: {{model: {known.default_model}}}\n{_price(known)}```\n\n"
        f"It wants {key}{where}.\n`batchgen doctor --provider {name}` asks it for free, `batchgen providers {name}` tells its prices "
        f"too, and a file of your own begins with\n`like: {name}` ([providers](providers.md)). The suite in "
        f"`tests/conformance` runs on a mock that speaks as it does.\n\n| | |\n|---|---|\n{rows}\n{notes}"
    )


def _price(known: Any) -> str:
    """Write what a manifest has to say of a price that nobody knows."""
    from batchgen.catalog.prices import price_of

    if price_of(known.default_model, known):
        return ""
    return f"prices: {{{known.default_model}: {{per_image: 0.04}}}}   # at most, in USD: no price is known\n"


def _facts(known: Any) -> Iterator[tuple[str, str]]:
    from batchgen.providers.dialects import most_per_call

    def listed(words: Any) -> str:
        return ", ".join(f"`{word}`" for word in words)

    yield "address", f"`{known.base_url}`" if known.base_url else "your own"
    yield "protocol", f"`{known.dialect}`"
    yield "models", listed(known.models)
    for operation in sorted(known.operations):
        yield f"{operation}: parameters", listed(sorted(known.takes(operation)))
    for param in known.opens:
        bounds = f" {param.low} to {param.high}" if param.low is not None and param.high is not None else ""
        values = f": {listed(param.values)}" if param.values else ""
        yield f"`{param.name}`", f"{param.type}{bounds}{values}. {param.about}".rstrip()
    yield "edits", f"{known.edit_body}" if known.dialect == "images" else "images stand in the message"
    yield "images a call", str(most_per_call(known, known.default_model))
    yield "cost", f"stated by the answer at `{known.cost}`, and booked as it is" if known.cost else ""


def _provider_pages() -> dict[Path, Any]:
    from batchgen import catalog

    return {HERE / f"{PROVIDER}{known.name}.md": partial(provider_page, known) for known in catalog.further()}


PAGES = {
    HERE / "manifest-reference.md": manifest_page,
    HERE / "commands.md": commands_page,
    **_provider_pages(),
    HERE.parent / "zensical.toml": navigation,
}

if __name__ == "__main__":
    for path, page in PAGES.items():
        path.write_text(page(), encoding="utf-8")
        print(f"wrote {path}")  # noqa: T201
