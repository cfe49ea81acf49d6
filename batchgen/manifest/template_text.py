"""How names stand in the text of a template, and what is said of a template that cannot be used."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Never

from batchgen.manifest.names import did_you_mean, listed, nearest

LIMIT = 64 * 1024
"""Longest template, and longest text that one may give, in characters."""
ROW = "row"
"""What stands for the whole row in a template."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WRITTEN = re.compile(r"\{\{\s*([^{}|\s][^{}|]*?)\s*(?:\||\}\})")
NOT_NAMES = frozenset(
    {
        *("true", "false", "none", "True", "False", "None", "and", "or", "not", "in", "is", "if", "else"),
        *("elif", "self", "super", "loop", "caller", "varargs", "kwargs"),
    }
)


class TemplateError(ValueError):
    """A template that cannot be read, or cannot be rendered with these values; the message is for the user."""


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled template. `names` are the variables and columns it uses; `required` those that must be defined.

    `holes` are those that leave a hole in the text where they are blank: nothing in the template asks whether they are.
    """

    source: str
    names: frozenset[str]
    required: frozenset[str]
    holes: frozenset[str]

    def render(self, values: Mapping[str, str]) -> str:
        """Give the text for these values; raises `TemplateError`."""
        raise NotImplementedError


def is_name(text: str) -> bool:
    """Whether a text can stand as a variable in a template."""
    return _NAME.fullmatch(text) is not None and text not in NOT_NAMES


def in_template(column: str) -> str:
    """How a column is written in a template, whatever its name."""
    quote = "'" if '"' in column else '"'
    return f"{{{{ {column} }}}}" if is_name(column) else f"{{{{ {ROW}[{quote}{column}{quote}] }}}}"


def undefined(name: str, known: Mapping[str, Any] | frozenset[str]) -> str:
    """Say that a name means nothing here, with the line to write where a column was meant that is no name."""
    close = nearest(name, known)
    if close and not is_name(close):
        alias = f", or name the column with columns: {{{name}: {close!r}}}" if is_name(name) else ""
        return f"`{name}` is not defined; write {in_template(close)}{alias}"
    return f"`{name}` is not defined{did_you_mean(name, known) or '; defined are ' + listed(known)}"


def bare_columns(source: str) -> list[str]:
    """Say what stands in a template like the name of a column without being one of a variable: `{{ Variant SKU }}`."""
    written = (match[1] for match in _WRITTEN.finditer(source))
    return [text for text in written if not is_name(text) and not re.search(r"[\"'\[\]]", text)]


def too_long() -> Never:
    """Refuse a text that a template would make."""
    raise TemplateError(f"gives more than {LIMIT:,} characters")
