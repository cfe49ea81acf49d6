"""Templates: Jinja2 in a sandbox, and a fast way for those that are only text and plain `{{ name }}`.

A template is written by whoever wrote the manifest, which may be a stranger. What it may contain is therefore a list of
what is allowed, not of what is forbidden: names, filters that cannot inflate a value, tests, `if` and arithmetic. There
are no calls, attributes, loops or macros to escape through, and no global functions.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Never, Protocol

from batchgen.manifest.names import did_you_mean, listed

if TYPE_CHECKING:
    import jinja2
    from jinja2 import nodes

LIMIT = 64 * 1024
"""Longest template, and longest text that one may give, in characters."""
MAX_PARTS = 300
"""Most parts of one template that is more than text and names."""

_PLACEHOLDER = re.compile(r"\{\{[ \t\n]*([A-Za-z_][A-Za-z0-9_]*)[ \t\n]*\}\}")
_SYNTAX = ("{{", "{%", "{#")
_NOT_NAMES = frozenset(
    {
        *("true", "false", "none", "True", "False", "None", "and", "or", "not", "in", "is", "if", "else"),
        *("elif", "self", "super", "loop", "caller", "varargs", "kwargs"),
    }
)
_FILTERS = frozenset(
    {
        *("upper", "lower", "title", "capitalize", "trim", "replace", "default", "d", "int", "float"),
        *("round", "abs", "length", "count", "first", "last", "truncate", "format", "wordcount"),
    }
)
_TESTS = frozenset(
    {
        *("defined", "undefined", "eq", "equalto", "==", "ne", "!=", "lt", "gt", "le", "ge", "in", "number"),
        *("string", "none"),
    }
)
_NODES = frozenset(
    {
        *("Template", "Output", "TemplateData", "Name", "Const", "Filter", "Test", "If", "CondExpr", "And"),
        *("Or", "Not", "Neg", "Pos", "Compare", "Operand", "Concat", "Add", "Sub", "Mul", "Div", "FloorDiv"),
        *("Mod", "Getitem", "Slice", "List", "Tuple", "Keyword"),
    }
)
_ASKS_WHETHER_DEFINED = frozenset({"default", "d", "defined", "undefined"})


class TemplateError(ValueError):
    """A template that cannot be read, or cannot be rendered with these values; the message is for the user."""


class Template(Protocol):
    """A compiled template. `names` are the variables it uses; `required` those that must be defined."""

    @property
    def names(self) -> frozenset[str]: ...

    @property
    def required(self) -> frozenset[str]: ...

    def render(self, values: Mapping[str, str]) -> str:
        """Give the text for these values; raises `TemplateError`."""


def compile_template(source: str) -> Template:
    """Compile once, render often; raises `TemplateError`."""
    if len(source) > LIMIT:
        raise TemplateError(f"the template is longer than {LIMIT:,} characters")
    return _simple(source) or _full(source)


@dataclass(frozen=True, slots=True)
class Simple:
    """Text and plain `{{ name }}` only: `pattern` is for `str.format_map`."""

    pattern: str
    names: frozenset[str]

    @property
    def required(self) -> frozenset[str]:
        return self.names

    def render(self, values: Mapping[str, str]) -> str:
        try:
            text = self.pattern.format_map(values)
        except KeyError as error:
            raise TemplateError(undefined(error.args[0], values)) from None
        if len(text) > LIMIT:
            _too_long()
        return text


@dataclass(frozen=True, slots=True)
class Full:
    """Anything else that is allowed, rendered by Jinja2."""

    compiled: "jinja2.Template"
    names: frozenset[str]
    required: frozenset[str]

    def render(self, values: Mapping[str, str]) -> str:
        import jinja2

        pieces: list[str] = []
        room = LIMIT
        try:
            for piece in self.compiled.generate(values):
                room -= len(piece)
                if room < 0:
                    _too_long()
                pieces.append(piece)
        except TemplateError:
            raise
        except jinja2.UndefinedError as error:
            missing = sorted(self.required - values.keys())
            raise TemplateError(undefined(missing[0], values) if missing else str(error)) from None
        except Exception as error:  # a filter may raise anything for a value it cannot take
            raise TemplateError(f"cannot be rendered: {error}") from error
        return "".join(pieces)


def undefined(name: str, known: Mapping[str, Any] | frozenset[str]) -> str:
    """Say that a name means nothing here."""
    return f"`{name}` is not defined{did_you_mean(name, known) or '; defined are ' + listed(known)}"


def _too_long() -> Never:
    raise TemplateError(f"gives more than {LIMIT:,} characters")


def _simple(source: str) -> Simple | None:
    """Give the fast form, or None when Jinja2 might read the source in any other way than this."""
    literals = _PLACEHOLDER.split(source)
    names = literals[1::2]
    if "\r" in source or not _NOT_NAMES.isdisjoint(names):
        return None
    texts = literals[::2]
    if any(mark in text for text in texts for mark in _SYNTAX) or any(text.endswith("{") for text in texts[:-1]):
        return None
    escaped = [text.replace("{", "{{").replace("}", "}}") for text in texts]
    pattern = escaped[0] + "".join(f"{{{name}}}{text}" for name, text in zip(names, escaped[1:], strict=True))
    return Simple(pattern, frozenset(names))


def _full(source: str) -> Full:
    import jinja2

    environment = _environment()
    try:
        tree = environment.parse(source)
        _inspect(tree)
        names, required = _names(tree)
        return Full(environment.from_string(source), names, required)
    except TemplateError:
        raise
    except jinja2.TemplateSyntaxError as error:
        line = f" (line {error.lineno} of the template)" if error.lineno > 1 else ""
        raise TemplateError(f"is no valid template: {error.message}{line}") from None
    except RecursionError:
        raise TemplateError("is nested too deep for a template") from None
    except Exception as error:  # huge numbers make Python's own compiler fail
        raise TemplateError(f"is no valid template: {error}") from error


@cache
def _environment() -> "jinja2.Environment":
    from jinja2 import StrictUndefined
    from jinja2.exceptions import SecurityError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Environment(ImmutableSandboxedEnvironment):
        """A sandbox in which arithmetic is for numbers: multiplied text is how a few letters become gigabytes."""

        intercepted_binops = frozenset({"*", "%"})

        def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
            if not (isinstance(left, int | float) and isinstance(right, int | float)):
                raise SecurityError(f"`{operator}` takes numbers; use `|int` on a column")
            return super().call_binop(context, operator, left, right)

    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True)
    environment.globals.clear()
    environment.filters |= {"replace": _replace, "format": _format}
    environment.filters = {name: environment.filters[name] for name in _FILTERS}
    environment.tests = {name: environment.tests[name] for name in _TESTS}
    return environment


def _replace(text: Any, old: str, new: str) -> str:
    text, old, new = str(text), str(old), str(new)
    if len(text) + (text.count(old) + 1) * len(new) > LIMIT * 2:
        _too_long()
    replaced: str = text.replace(old, new)
    return replaced


def _format(pattern: Any, *values: Any) -> str:
    if re.search(r"%[^%a-zA-Z]*(\d{3,}|\*)", str(pattern)):
        raise TemplateError("a width in `format` has at most two digits")
    return str(str(pattern) % values)


def _inspect(tree: "nodes.Template") -> None:
    """Raise for anything that is not on the list."""
    from jinja2 import nodes

    for count, node in enumerate(tree.find_all(nodes.Node)):
        kind = type(node).__name__
        if count > MAX_PARTS:
            raise TemplateError(f"the template has more than {MAX_PARTS:,} parts")
        if kind not in _NODES:
            raise TemplateError(_refusal(kind))
        if isinstance(node, nodes.Name) and (node.ctx != "load" or node.name in _NOT_NAMES):
            raise TemplateError(f"`{node.name}` is no name for a variable")
        if isinstance(node, nodes.Output | nodes.Filter) and (word := _constant(node)):
            raise TemplateError(f"`{word}` is no name for a variable; rename it, a column's too")
        if isinstance(node, nodes.Filter | nodes.Test):
            known = _FILTERS if isinstance(node, nodes.Filter) else _TESTS
            if node.name not in known:
                raise TemplateError(f"there is no {kind.lower()} `{node.name}`; there are {listed(known)}")
        if isinstance(node, nodes.Getitem) and not _is_position(node.arg):
            raise TemplateError("`[...]` takes a whole number or a slice such as `[:3]`")


def _constant(node: "nodes.Output | nodes.Filter") -> str:
    """The word that would be written as Jinja2's own value of that name, which nobody means; empty without one."""
    from jinja2 import nodes

    written = node.nodes if isinstance(node, nodes.Output) else [node.node]
    values = [part.value for part in written if isinstance(part, nodes.Const)]
    return next((str(value).lower() for value in values if value is None or isinstance(value, bool)), "")


def _refusal(kind: str) -> str:
    hints = {
        "Call": "calls are not offered in templates; use a filter such as `|upper`",
        "Getattr": "attributes are not offered in templates; every variable is plain text",
        "For": "loops are not offered in templates; use rows or a matrix",
        "Pow": "powers are not offered in templates",
    }
    return hints.get(kind, f"`{kind.lower()}` is not offered in templates; they know names, filters, tests and `if`")


def _is_position(argument: "nodes.Node") -> bool:
    from jinja2 import nodes

    if isinstance(argument, nodes.Slice):
        parts = (argument.start, argument.stop, argument.step)
        return all(part is None or _is_position(part) for part in parts)
    if isinstance(argument, nodes.Neg):
        return _is_position(argument.node)
    return isinstance(argument, nodes.Const) and isinstance(argument.value, int)


def _names(tree: "nodes.Template") -> tuple[frozenset[str], frozenset[str]]:
    """All names, and those that are used without asking first whether they are defined."""
    from jinja2 import nodes

    names = frozenset(node.name for node in tree.find_all(nodes.Name))
    asked = {
        inner.name
        for node in (*tree.find_all(nodes.Filter), *tree.find_all(nodes.Test))
        if node.name in _ASKS_WHETHER_DEFINED
        for inner in node.find_all(nodes.Name)
    }
    return names, names - asked
