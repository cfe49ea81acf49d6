"""A guess about a table, written as a manifest that a person can read and change."""

import re
from collections.abc import Iterator
from decimal import Decimal

from batchgen.manifest.guess import Columned, Filter, Guess, Role
from batchgen.text import safe

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_LONGEST_TEXT = 300
MAX_COST = Decimal("5.00")
_HEAD = """\
# Written by `batchgen init --from` from {file}: {rows:,} rows were looked at. Every guess can be changed here.
#
#     batchgen check {manifest}
#     batchgen estimate {manifest}
#     batchgen run {manifest}
{told}
name: {name}
provider: mock                   # sample images, no key and no cost; openai, apiyi, ... draw real ones

defaults:
  model: gpt-image-2.5-flare     # `batchgen models` lists what there is, with prices
  size: 1024x1024
  quality: low                   # low, medium, high ...: what you pay for
  output_format: webp
  n: 1                           # images of each job

limits:
  max_cost: {max_cost}                 # USD; hard, for one run

output:
  path: "{{{{ id }}}}-{{{{ index }}}}.{{{{ ext }}}}"

variables:
  brand: "soft daylight, plain white background"   # wording that every prompt shares

jobs:
"""


def manifest_text(guess: Guess, *, file: str, name: str, manifest: str, told: tuple[str, ...] = ()) -> str:
    """Write the manifest; `file` is the export as the manifest names it, `told` is what its reader detected."""
    notes = "".join(f"#\n# {safe(text, 300)}" for text in told)
    head = _HEAD.format(
        file=safe(file, 200),
        rows=guess.rows,
        name=_quoted(name),
        manifest=safe(manifest, 200),
        told=f"{notes}\n" if notes else "",
        max_cost=MAX_COST,
    )
    return head + "\n".join(_job(guess, file)) + "\n"


def words_of(guess: Guess) -> dict[Role, str]:
    """Name each column that was guessed; what another column is called is not taken."""
    return {
        column.role: f"product_{column.role}"
        if column.role in guess.names and column.column != column.role
        else str(column.role)
        for column in guess.columns
    }


def _job(guess: Guess, file: str) -> Iterator[str]:
    words = words_of(guess)
    id_template = "-".join(f"{{{{ {_reference(column, guess, words)} }}}}" for column in guess.ids)
    dash = "  - "
    if id_template:
        yield f"{dash}id: {_quoted(id_template)}"
        dash = "    "
    yield f"{dash}rows: {_quoted(file)}"
    if not id_template:
        yield '    # no column tells all rows apart, so ids are digits of each job\'s key; id: "{{ ... }}" sets one'
    yield from _columns(guess, words)
    yield from _filters("only", guess.only)
    yield from _filters("exclude", guess.exclude)
    yield f"    prompt: {_quoted(_prompt(guess, words))}"
    yield from _photos(guess, words)
    tagged = [words[role] for role in (Role.CATEGORY, Role.BRAND, Role.COLOUR) if role in words]
    if tagged:
        yield "    tags:                        # carried into the report, which sums the money by them"
        yield from (f'      {word}: "{{{{ {word} }}}}"' for word in tagged)


def _columns(guess: Guess, words: dict[Role, str]) -> Iterator[str]:
    """Give columns names; one that is named so already needs no line, and is told in a comment."""
    renamed = [column for column in guess.columns if words[column.role] != column.column]
    if renamed:
        yield "    columns:                     # names for columns, used below"
    yield from (f"      {words[column.role]}: {_quoted(column.column)}   # {column.why}" for column in renamed)
    for column in guess.columns:
        if column not in renamed:
            yield f"    # {column.role}: the column of this name, {column.why}"


def _filters(word: str, entries: tuple[Filter, ...]) -> Iterator[str]:
    if entries:
        yield f"    {word}:"
        yield from (f"      - {{{_quoted(column)}: {_quoted(value)}}}   # {why}" for column, value, why in entries)


def _reference(column: str, guess: Guess, words: dict[Role, str]) -> str:
    """Write a column as a template does: by its new name, its own, or in quotation marks."""
    named: Columned | None = next((entry for entry in guess.columns if entry.column == column), None)
    if named:
        return words[named.role]
    return column if _PLAIN.fullmatch(column) else f"row[{_in_template(column)}]"


def _prompt(guess: Guess, words: dict[Role, str]) -> str:
    title = words.get(Role.TITLE, "")
    what = f"{{{{ {title} }}}}" if title else "this product"
    colour = f" in {{{{ {words[Role.COLOUR]} }}}}" if Role.COLOUR in words else ""
    text = ""
    if Role.DESCRIPTION in words:
        tags = " | striptags" if guess.html else ""
        text = f" {{{{ {words[Role.DESCRIPTION]}{tags} | truncate({_LONGEST_TEXT}) }}}}"
    return f"Product photograph of {what}{colour}.{text} {{{{ brand }}}}"


def _photos(guess: Guess, words: dict[Role, str]) -> Iterator[str]:
    if Role.PHOTO not in words:
        return
    several = f" | split({_in_template(guess.between_photos)})" if guess.between_photos else ""
    line = f'images: "{{{{ {words[Role.PHOTO]}{several} }}}}"'
    if guess.photos_here:
        yield f"    {line}   # reference images: what is drawn is an edit of them"
    else:
        yield "    # Take the # away to edit these photos instead of drawing anew. They are files beside"
        yield "    # this manifest, or https addresses that the provider can reach. An edit costs more."
        yield f"    # {line}"
    if guess.photos_missing:
        mark = "" if guess.photos_here else "# "
        yield f"    {mark}images_optional: true   # some rows have no photo"


def _in_template(text: str) -> str:
    """Write a text as templates do, in single quotation marks."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _quoted(text: str) -> str:
    """Write a text as YAML does, in double quotation marks unless it is one plain word."""
    if _PLAIN.fullmatch(text) and text.casefold() not in {"yes", "no", "on", "off", "true", "false", "null", "y", "n"}:
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in escaped) + '"'
