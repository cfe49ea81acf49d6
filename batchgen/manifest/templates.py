"""Templates: a fast way for those that are only text and plain `{{ name }}`, and Jinja2 for the others."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from batchgen.manifest.template_text import LIMIT, NOT_NAMES, ROW, Template, TemplateError, too_long, undefined

_PLAIN = r"{}\[\].!:\\"
"""What `str.format` would read as more than a name; neither may a name be a number for it."""
_COLUMN = "|".join(
    rf"row\[{mark}(?P<{name}>[^{mark}{_PLAIN}]*[^{mark}{_PLAIN}0-9][^{mark}{_PLAIN}]*){mark}\]"
    for mark, name in (('"', "double"), ("'", "single"))
)
_PLACEHOLDER = re.compile(r"\{\{[ \t\n]*(?:" + _COLUMN + r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*))[ \t\n]*\}\}")
_SYNTAX = ("{{", "{%", "{#")


def compile_template(source: str) -> Template:
    """Compile once, render often; raises `TemplateError`."""
    if len(source) > LIMIT:
        raise TemplateError(f"the template is longer than {LIMIT:,} characters")
    if simple := _simple(source):
        return simple
    from batchgen.manifest.template_sandbox import full  # most templates never need Jinja2

    return full(source)


@dataclass(frozen=True, slots=True)
class Simple(Template):
    """Text and plain `{{ name }}` or `{{ row["name"] }}` only: `pattern` is for `str.format_map`."""

    pattern: str

    def render(self, values: Mapping[str, str]) -> str:
        try:
            text = self.pattern.format_map(values)
        except KeyError as error:
            raise TemplateError(undefined(error.args[0], values)) from None
        if len(text) > LIMIT:
            too_long()
        return text


def _simple(source: str) -> Simple | None:
    """Give the fast form, or None when Jinja2 might read the source in any other way than this."""
    if "\r" in source:
        return None
    names, pieces, end = list[str](), list[str](), 0
    for match in _PLACEHOLDER.finditer(source):
        text, end = source[end : match.start()], match.end()
        name = match["name"] or match["double"] or match["single"]
        if match["name"] in NOT_NAMES or match["name"] == ROW or text.endswith("{"):
            return None
        names.append(name)
        pieces += (_escaped(text), f"{{{name}}}")
        if any(mark in text for mark in _SYNTAX):
            return None
    if any(mark in source[end:] for mark in _SYNTAX):
        return None
    used = frozenset(names)
    return Simple(source, used, used, used, "".join((*pieces, _escaped(source[end:]))))


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
