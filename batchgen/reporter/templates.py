"""The templates of pages: every value is escaped, and one that is missing is an error. And their style and script.

Style and script stand within the static page, and are files of their own for the live one.
"""

from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING

from batchgen.money import MicroUSD, exact
from batchgen.reporter.accounts import wasted_words
from batchgen.reporter.charts import TONES
from batchgen.reporter.tables import flags, names
from batchgen.reporter.words import link, rounded, shown
from batchgen.text import counted

if TYPE_CHECKING:
    from jinja2 import Template

WEB = files("batchgen.reporter") / "web"
LIVE = "-live.js"
"""How the names of parts end that only the live page runs."""


@cache
def template(name: str) -> "Template":
    """Load a template from the folder `web`."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("batchgen.reporter", "web")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters |= {
        "usd": lambda amount: exact(MicroUSD(amount)),
        "rounded": lambda amount: rounded(MicroUSD(amount)),
        "count": "{:,}".format,
        "calls": lambda number: counted(number, "call"),
        "shown": shown,
        "words": in_words,
        "names": names,
        "flags": flags,
        "link": link,
        "tone": lambda state: TONES.get(state, "calm"),
        "cause": wasted_words,
    }
    return environment.get_template(name)


def in_words(name: str) -> str:
    """Show a name of ours or of others as words."""
    return shown(name).replace("_", " ")


@cache
def css() -> str:
    """Return the style of the page."""
    return (WEB / "page.css").read_text("utf-8")


@cache
def js(*, live: bool = False) -> str:
    """Return the script of the page: its parts in the order of their names, in one scope of their own."""
    parts = sorted((part for part in WEB.iterdir() if part.name.endswith(".js")), key=lambda part: part.name)
    run = (part.read_text("utf-8") for part in parts if live or not part.name.endswith(LIVE))
    return "(async () => {\n'use strict';\n" + "".join(run) + "})();\n"


def policy(css: str, js: str) -> str:
    """Say what the browser may do with the static page: run this script, use this style, paint images; nothing else."""
    return (
        f"default-src 'none'; img-src 'self' file: data:; style-src {_hashed(css)}; script-src {_hashed(js)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _hashed(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
