"""Names in templates, looked up before any row is read: what no row can define is said once, where it is written."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from batchgen.errors import Place, Problem, Severity
from batchgen.manifest.job_template import Axes, Field, JobTemplate, whole
from batchgen.manifest.names import (
    COMBINATIONS,
    NAMES,
    PARAMS,
    REQUEST,
    SETTABLE,
    did_you_mean,
    known_word,
    listed,
    shown,
    whole_word,
)
from batchgen.manifest.template_text import Template, bare_columns, in_template, undefined
from batchgen.yaml_tree import Node

Where = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Outside:
    """A template that all jobs share: where it stands, and what it may use beside the variables of a job."""

    template: Template
    where: Where
    own: frozenset[str]


def look_up(block: JobTemplate, root: Node, shared: Collection[Outside]) -> Iterator[Problem]:
    """Give what is wrong, or doubtful, with the names in one entry of `jobs`."""
    at: Where = ("jobs", block.number - 1)
    yield from _unused(block, root, at, shared)
    if _promptless(block):
        yield Problem("`prompt` is missing", root.at(*at).place)
    known = _known(block)
    if known is None or NAMES in block.lacking:
        return
    yield from _only_columns(block, root, at)
    for template, where in _used(block, at):
        yield from _undefined(template, known, root.at(*where).place)
    for one in shared:
        for name in sorted(one.template.required - known - one.own):
            message = f"for job {block.number}: {undefined(name, known | one.own)}"
            yield Problem(message, root.at(*one.where).place)
    yield from _excluded(block, root, at, known)


def _undefined(template: Template, known: frozenset[str], place: Place) -> Iterator[Problem]:
    """Give the names that nothing defines, with the line to write for a column that stands there as it is."""
    missing = sorted(template.required - known)
    if missing and (meant := [name for name in bare_columns(template.source) if name in known]):
        yield Problem(f"{shown(meant[0])} is a column; write {in_template(meant[0])}", place)
        return
    for name in missing:
        yield Problem(undefined(name, known), place)


def _only_columns(block: JobTemplate, root: Node, at: Where) -> Iterator[Problem]:
    """Doubt columns that are named like a parameter and set none: nobody writes one for nothing."""
    fields = {whole_word(whole(name)): template for name, template in (*block.defaults, *block.own)}
    written = {whole_word(whole(name)) for name, _ in block.own}
    prompt = fields["prompt"].names if "prompt" in fields else frozenset[str]()
    for column in (block.table.columns if block.table else None) or ():
        word = known_word(column)
        if word not in SETTABLE or whole_word(word) in written or column in prompt:
            continue
        if word not in fields or column not in fields[word].names:
            hint = f"to set the parameter from it, add {word}: '{in_template(column)}' to the job"
            message = f"the column {shown(column)} sets nothing, as it is named in no template; {hint}"
            yield Problem(message, root.at(*at).place, Severity.WARNING)


def usable(block: JobTemplate, shared: Collection[Outside]) -> JobTemplate:
    """Return the block without what cannot be rendered: fields with names that nothing gives, combinations not meant.

    It lacks `output` where a template that all jobs share cannot be rendered for it.
    """
    known = _known(block)
    named = (*block.axes.exclude, *block.axes.only)
    if COMBINATIONS in block.lacking or any(entry.keys() - known for entry in named if known is not None):
        known = frozenset()
        block = replace(block, axes=Axes(), table=None, lacking=block.lacking | {NAMES})
    if known is None:
        if NAMES not in block.lacking:
            return block  # the rows will tell
        known = frozenset()
    sure = NAMES not in block.lacking  # else a name may have a value that is not known here

    def renders(template: Template, also: frozenset[str] = frozenset()) -> bool:
        return (template.required if sure else template.names) <= known | also

    def right(fields: Iterable[Field]) -> tuple[Field, ...]:
        return tuple((name, template) for name, template in fields if renders(template))

    mine = {name for name, _ in block.own}
    inherited = tuple(field for field in block.defaults if field[0] not in mine)
    lost = {whole(name) for name, template in (*block.own, *_included(block), *inherited) if not renders(template)}
    if _promptless(block):
        lost.add("prompt")
    if not all(renders(one.template, one.own) for one in shared):
        lost.add("output")
    include = tuple(replace(extra, fields=right(extra.fields)) for extra in block.axes.include)
    return replace(
        block,
        own=right(block.own),
        defaults=right(inherited),
        tags=right(block.tags),
        axes=replace(block.axes, include=include),
        lacking=block.lacking | lost,
    )


def _promptless(block: JobTemplate) -> bool:
    set_somewhere = {name for name, _ in (*block.own, *block.defaults, *_included(block))} | block.lacking
    return not set_somewhere & {"prompt", "operation"}


def _unused(block: JobTemplate, root: Node, at: Where, shared: Iterable[Outside]) -> Iterator[Problem]:
    """Doubt what is varied and changes nothing: most often a parameter that was meant to be set, or a slip."""
    templates = (*(template for template, _ in _used(block, at)), *(one.template for one in shared))
    used = frozenset(name for template in templates for name in template.names)
    included = frozenset(name for extra in block.axes.include for name in extra.values) - REQUEST
    for name in sorted((block.axes.names | included) - used):
        hint = f"`{name}` is used by no template of this job{did_you_mean(name, PARAMS - {name}, cutoff=0.8)}"
        if name in PARAMS:
            hint = f'`{name}` is only a variable here; to set the parameter, add {name}: "{{{{ {name} }}}}" to the job'
        yield Problem(hint, root.at(*at).place, Severity.WARNING)


def _excluded(block: JobTemplate, root: Node, at: Where, known: frozenset[str]) -> Iterator[Problem]:
    for word, entries in (("exclude", block.axes.exclude), ("only", block.axes.only)):
        for number, entry in enumerate(entries):
            for name in sorted(entry.keys() - known):
                message = f"`{name}` is nothing that varies{did_you_mean(name, known)}; known are {listed(known)}"
                yield Problem(message, root.key_place(*at, word, number, name))


def _known(block: JobTemplate) -> frozenset[str] | None:
    """Give every name that a row may define, or None when only the rows themselves can say."""
    columns = block.table.columns if block.table else ()
    if columns is None:
        return None
    included = frozenset(name for extra in block.axes.include for name in extra.values)
    return frozenset(block.variables) | frozenset(columns) | block.axes.names | included


def _included(block: JobTemplate) -> Iterator[tuple[str, Template]]:
    for extra in block.axes.include:
        yield from extra.fields


def _used(block: JobTemplate, at: Where) -> Iterator[tuple[Template, Where]]:
    """Give the templates of a block with where each stands; a default that the job overrides is not used."""
    own = {name for name, _ in block.own}
    for name, template in block.own:
        yield template, (*at, *_steps(name))
    for name, template in block.tags:
        yield template, (*at, "tags", name)
    for name, template in block.defaults:
        if name not in own:
            yield template, ("defaults", *_steps(name))
    for number, extra in enumerate(block.axes.include):
        for name, template in extra.fields:
            yield template, (*at, "include", number, *_steps(name))


def _steps(name: str) -> Where:
    """Give the path of a field inside its owner: `images[2]` is the third item of `images`."""
    return ("images", int(name[7:-1])) if name.startswith("images[") else (name,)
