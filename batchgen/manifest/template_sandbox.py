"""Templates that Jinja2 renders, in a sandbox.

A template is written by whoever wrote the manifest, which may be a stranger. What it may contain is therefore a list of
what is allowed, not of what is forbidden: names, filters that cannot inflate a value, tests, `if` and arithmetic. There
are no calls, attributes, loops or macros to escape through, and no global functions. A column whose name is no name of
a variable is `row["Variant SKU"]`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import jinja2
from jinja2 import StrictUndefined, nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from batchgen.manifest.filters import split, striptags
from batchgen.manifest.names import listed
from batchgen.manifest.template_text import (
    LIMIT,
    NOT_NAMES,
    ROW,
    Template,
    TemplateError,
    bare_columns,
    in_template,
    too_long,
    undefined,
)

MAX_PARTS = 300
"""Most parts of one template that is more than text and names."""
_CURLY = re.compile("[\u2018-\u201f]")
_FILTERS = frozenset(
    {
        *("upper", "lower", "title", "capitalize", "trim", "replace", "default", "d", "int", "float"),
        *("round", "abs", "length", "count", "first", "last", "truncate", "format", "wordcount"),
        *("split", "striptags"),
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


@dataclass(frozen=True, slots=True)
class Full(Template):
    """Anything else that is allowed, rendered by Jinja2. `asks_row`: it names columns as `row["..."]`."""

    compiled: jinja2.Template
    asks_row: bool

    def render(self, values: Mapping[str, str]) -> str:
        pieces: list[str] = []
        room = LIMIT
        try:
            known = {**values, ROW: _Columns(values)} if self.asks_row else values
            for piece in self.compiled.generate(known):
                room -= len(piece)
                if room < 0:
                    too_long()
                pieces.append(piece)
        except TemplateError:
            raise
        except jinja2.UndefinedError as error:
            missing = sorted(self.required - values.keys())
            raise TemplateError(undefined(missing[0], values) if missing else str(error)) from None
        except Exception as error:  # a filter may raise anything for a value it cannot take
            hint = "; a column is text, and `|int` makes a number of it" if isinstance(error, TypeError) else ""
            raise TemplateError(f"cannot be rendered: {error}{hint}") from error
        return "".join(pieces)


class _Columns:
    """The columns of one row, by any name; a template can ask for nothing else of it."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> Any:
        found = self._values.get(name)
        return _environment().undefined(name=name) if found is None else found


def full(source: str) -> Full:
    """Compile a template of any kind; raises `TemplateError` for what is not allowed."""
    environment = _environment()
    try:
        tree = _with_columns(environment.parse(source))
        _inspect(tree)
        names, required = _names(tree)
        columns = any(_column(node) is not None for node in tree.find_all(nodes.Getitem))
        return Full(source, names, required, _holes(tree) & required, environment.from_string(tree), columns)
    except TemplateError as error:
        raise TemplateError(f"{error}{_meant_column(source)}") from None
    except jinja2.TemplateSyntaxError as error:
        line = f" (line {error.lineno} of the template)" if error.lineno > 1 else ""
        curly = "; write straight quotation marks" if _CURLY.search(str(error.message)) else ""
        raise TemplateError(f"is not a valid template: {error.message}{line}{curly}{_meant_column(source)}") from None
    except RecursionError:
        raise TemplateError("is nested too deep for a template") from None
    except Exception as error:  # huge numbers make Python's own compiler fail
        raise TemplateError(f"is not a valid template: {error}") from error


def _meant_column(source: str) -> str:
    """Return the line to write where a column's name stands in a template as it is; empty where none does."""
    meant = [text for text in bare_columns(source) if re.fullmatch(r"[^\W\d][\w ()/.&%#-]*", text) and " " in text]
    return f"; a column of that name is written {in_template(meant[0])}" if meant else ""


@cache
def _environment() -> jinja2.Environment:
    class Environment(ImmutableSandboxedEnvironment):
        """A sandbox in which arithmetic is for numbers: multiplied text is how a few letters become gigabytes."""

        intercepted_binops = frozenset({"*", "%"})

        def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
            if not (isinstance(left, int | float) and isinstance(right, int | float)):
                raise SecurityError(f"`{operator}` takes numbers; use `|int` on a column")
            return super().call_binop(context, operator, left, right)

    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True)
    environment.globals.clear()
    environment.filters |= {"replace": _replace, "format": _format, "split": split, "striptags": striptags}
    environment.filters = {name: environment.filters[name] for name in _FILTERS}
    environment.tests = {name: environment.tests[name] for name in _TESTS}
    return environment


def _replace(text: Any, old: str, new: str) -> str:
    text, old, new = str(text), str(old), str(new)
    if len(text) + (text.count(old) + 1) * len(new) > LIMIT * 2:
        too_long()
    replaced: str = text.replace(old, new)
    return replaced


def _format(pattern: Any, *values: Any) -> str:
    if re.search(r"%[^%a-zA-Z]*(\d{3,}|\*)", str(pattern)):
        raise TemplateError("a width in `format` has at most two digits")
    return str(str(pattern) % values)


def _inspect(tree: nodes.Template) -> None:
    """Raise for anything that is not on the list."""
    for count, node in enumerate(tree.find_all(nodes.Node)):
        if count > MAX_PARTS:
            raise TemplateError(f"the template has more than {MAX_PARTS:,} parts")
        if refusal := _refusal(node):
            raise TemplateError(refusal)


def _refusal(node: nodes.Node) -> str:
    """Why a part is not allowed; empty where it is."""
    kind = type(node).__name__
    if kind not in _NODES:
        return _not_offered(kind)
    match node:
        case nodes.Name() if node.ctx != "load" or node.name in NOT_NAMES:
            return f"`{node.name}` cannot name a variable"
        case nodes.Output() | nodes.Filter() if word := _constant(node):
            return f"`{word}` cannot name a variable; rename it, a column's too"
        case nodes.Filter() if node.name not in _FILTERS:
            return f"there is no filter `{node.name}`; there are {listed(_FILTERS)}"
        case nodes.Test() if node.name not in _TESTS:
            return f"there is no test `{node.name}`; there are {listed(_TESTS)}"
        case nodes.Getitem() if _column(node) is None and not _is_position(node.arg):
            return f'`[...]` takes a whole number or a slice such as `[:3]`; a column is {ROW}["its name"]'
        case _:
            return ""


def _constant(node: nodes.Output | nodes.Filter) -> str:
    """Give the word that would be written as Jinja2's own value of that name, which nobody means; empty without one."""
    written = node.nodes if isinstance(node, nodes.Output) else [node.node]
    values = [part.value for part in written if isinstance(part, nodes.Const)]
    return next((str(value).lower() for value in values if value is None or isinstance(value, bool)), "")


def _not_offered(kind: str) -> str:
    hints = {
        "Call": "calls are not offered in templates; use a filter such as `|upper`",
        "Getattr": "attributes are not offered; every variable is plain text, a column is row.name or row['any name']",
        "For": "loops are not offered in templates; use rows or a matrix",
        "Pow": "powers are not offered in templates",
    }
    return hints.get(kind, f"`{kind.lower()}` is not offered in templates; they know names, filters, tests and `if`")


def _is_position(argument: nodes.Node) -> bool:
    if isinstance(argument, nodes.Slice):
        parts = (argument.start, argument.stop, argument.step)
        return all(part is None or _is_position(part) for part in parts)
    if isinstance(argument, nodes.Neg):
        return _is_position(argument.node)
    return isinstance(argument, nodes.Const) and isinstance(argument.value, int)


def _with_columns(tree: nodes.Template) -> nodes.Template:
    """Read `row.name` as `row["name"]`."""

    class Columns(NodeTransformer):
        def visit_Getattr(self, node: nodes.Getattr) -> nodes.Node:  # noqa: N802 - Jinja2's name
            self.generic_visit(node)
            if not isinstance(node.node, nodes.Name) or node.node.name != ROW:
                return node
            name = nodes.Const(node.attr, lineno=node.lineno)
            return nodes.Getitem(node.node, name, "load", lineno=node.lineno)

    found: nodes.Template = Columns().visit(tree)
    found.set_environment(_environment())
    return found


def _column(node: nodes.Node) -> str | None:
    """Return the column that `row["..."]` names; None for anything else."""
    if (
        not isinstance(node, nodes.Getitem)
        or not isinstance(node.arg, nodes.Const)
        or not isinstance(node.arg.value, str)
    ):
        return None
    return node.arg.value if isinstance(node.node, nodes.Name) and node.node.name == ROW else None


def _used(tree: nodes.Node) -> frozenset[str]:
    """Return the variables and columns in a part of a template, the part itself included."""
    every = [tree, *tree.find_all(nodes.Node)]
    columns = {id(node.node): column for node in every if (column := _column(node)) is not None}  # type: ignore[attr-defined]
    names = {node.name for node in every if isinstance(node, nodes.Name) and id(node) not in columns}
    if columns and ROW in names:
        raise TemplateError(f'`{ROW}` is the whole row here; name a column of it, as in {{{{ {ROW}["Title"] }}}}')
    return frozenset(names) | frozenset(columns.values())


def _names(tree: nodes.Template) -> tuple[frozenset[str], frozenset[str]]:
    """All names, and those that are used without asking first whether they are defined."""
    asking = (*tree.find_all(nodes.Filter), *tree.find_all(nodes.Test))
    asked = [_used(node) for node in asking if node.name in _ASKS_WHETHER_DEFINED]
    names = _used(tree)
    return names, names.difference(*asked)


def _holes(tree: nodes.Template) -> frozenset[str]:
    """Names whose text is written whatever it is; those that decide something are none."""
    decides = (nodes.CondExpr, nodes.Or, nodes.And, nodes.Not, nodes.Compare, nodes.Test)
    written = [_used(part) for output in tree.body if isinstance(output, nodes.Output) for part in output.nodes]
    decided = [_used(node) for kind in decides for node in tree.find_all(kind)]
    decided += [_used(node.test) for node in tree.find_all(nodes.If)]
    return frozenset[str]().union(*written).difference(*decided)
