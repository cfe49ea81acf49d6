"""Style and script of the page: within the static one, as files of their own for the live one."""

from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files

WEB = files("batchgen.reporter") / "web"
LIVE = "-live.js"
"""How the names of parts end that only the live page runs."""


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
