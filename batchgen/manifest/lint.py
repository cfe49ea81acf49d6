"""What is doubtful about a job, whoever draws it: too long, suffixes from other tools, moderated names."""

import re
import sys
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain

from batchgen.errors import Problem, Severity
from batchgen.manifest.names import shown
from batchgen.model import Job, Model, Provider

NEARLY = 0.9
"""The share of a prompt limit above which a warning is due."""

_SUFFIX = re.compile(r"(?:^|\s)--([A-Za-z]\w*)(?:[ =]\S+)?\s*$")
_ASPECT = frozenset({"ar", "aspect"})
_TEMPLATE = re.compile(r"\{\{[^{}\n]{1,60}\}\}")
# `{name}`, `{red|blue}`, `${X}`, `$name`, `%(name)s`, `%s`, `__colour__`, `[NAME]`, `<NAME>`, `<lora:x:1>`,
# `(word:1.3)`: of other tools and languages.
_FOREIGN = re.compile(
    r"\$\{[^{}\n]{1,60}\}|(?<![{$])\{ ?[^\W\d][\w .|-]{0,60}\}(?!\})|%\([^\W\d]\w{0,40}\)[sd]"
    r"|(?<![\w$])\$[a-z_]\w{1,40}\b|(?<![\w%])%[sd]\b|(?-i:\[[A-Z][A-Z0-9 _-]{1,40}\]|<[A-Z][A-Z0-9 _-]{1,40}>)"
    r"|\b__[a-z][a-z-]{1,40}(?:_[a-z]+)*__\b|<(?:lora|lyco|hypernet):[^<>\n]{1,60}>|\([^()\n]{1,60}:\d\.\d{1,3}\)",
    re.IGNORECASE,
)
_HTML = re.compile(
    r"</?(?:p|br|div|span|ul|ol|li|strong|b|em|i|u|h[1-6]|table|tr|td|th|a|img|font|section)(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(?:nbsp|amp|quot|lt|gt|apos|[a-z]{1,6}uml|#\d{1,6}|#x[0-9a-f]{1,6});", re.IGNORECASE)
_SHEET_ERROR = re.compile(r"#(?:N/A|REF!|VALUE!|DIV/0!|NAME\?|NUM!|NULL!)")
# UTF-8 read as cp1252, `\u00c3\u00bc` for `\u00fc` and `\u00e2\u20ac\u2122` for `\u2019`, and what no encoding gave.
# Dashes and quotation marks are left out behind the capitals: Portuguese has them there, too.
_SALAD = re.compile(
    "\ufffd|\u00e2\u20ac|[\u00c2\u00c3][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc"
    "\u2020-\u2022\u2026\u2030\u2039\u203a\u20ac\u2122]"
)
_LIVING = (
    *("Hayao Miyazaki", "Makoto Shinkai", "Greg Rutkowski", "Takashi Murakami", "Yayoi Kusama", "Banksy"),
    *("Damien Hirst", "Jeff Koons", "Yoshitaka Amano", "Annie Leibovitz", "Tim Burton", "Beeple", "Loish"),
)
_MODERATED = re.compile(rf"\b(?:{'|'.join(_LIVING)})\b".replace(" ", r"\s+"), re.IGNORECASE)
_SURNAMES = tuple(name.split()[-1].lower() for name in _LIVING)
_MARKS = re.compile("[{$%\\[<(&#\u00c2\u00c3\u20ac\ufffd]")
"""What begins anything of another tool or file, but for two lines or dashes; most prompts have none."""
_LONG = 400
"""Letters up to which a prompt is looked at whole, and a sentence is remembered."""


def lint(job: Job, provider: Provider, model: Model | None) -> list[Problem]:
    """Give errors and warnings about a job's prompt; `model` is None when it is not in the catalogue."""
    found: list[Problem] = []
    prompt = job.request.prompt
    limit = min(provider.prompt_limit or sys.maxsize, model.prompt_limit if model else sys.maxsize)
    if len(prompt) > limit * NEARLY:
        found.append(_length(job, len(prompt), limit, provider.name))
    if _is_plain(prompt):
        return found
    if _is_marked(prompt):
        doubts = chain(_of_other_tools(prompt), _of_other_files(prompt))
        found += (Problem(doubt, job.place_of("prompt"), Severity.WARNING) for doubt in doubts)
    if named := _MODERATED.search(prompt):
        message = f"naming a living artist ({shown(named[0])}) is likely to be moderated; describe the style instead"
        found.append(Problem(message, job.place_of("prompt"), Severity.WARNING))
    return found


def _is_plain(prompt: str) -> bool:
    """Whether a prompt cannot hold anything of these; the long ones of many rows share nearly all their sentences.

    Searching for all of it letter by letter takes longer than all else.
    """
    if len(prompt) <= _LONG:
        return _is_plain_text(prompt)
    sentences = prompt.split(". ")  # where nothing begins that is searched for
    return all(_is_plain_sentence(one) if len(one) <= _LONG else _is_plain_text(one) for one in sentences)


def _is_marked(text: str) -> bool:
    return "--" in text or "__" in text or _MARKS.search(text) is not None


def _is_plain_text(text: str) -> bool:
    return text.isascii() and not _is_marked(text) and not any(map(text.lower().__contains__, _SURNAMES))


_is_plain_sentence = lru_cache(maxsize=4096)(_is_plain_text)


def _of_other_tools(prompt: str) -> Iterator[str]:
    """Doubt what means something to a template or to another tool, and nothing here."""
    if "--" in prompt and (suffix := _SUFFIX.search(prompt)):
        instead = "set `size` to choose the shape" if suffix[1].lower() in _ASPECT else "leave it out"
        yield f"`--{suffix[1]}` belongs to another tool; here it is drawn as plain text; {instead}"
    if left := _TEMPLATE.search(prompt):  # cells are text, never templates
        yield (
            f"{shown(left[0])} is drawn as plain text: the text of a cell, a list or a variable is not a template; "
            "write it into the `prompt` of a job in a YAML manifest"
        )
    if foreign := _FOREIGN.search(prompt):
        yield (
            f"{shown(foreign[0])} is drawn as plain text: it is a placeholder of another tool; here it is "
            "{{ name }}, written into the `prompt` of a job in a YAML manifest"
        )


def _of_other_files(prompt: str) -> Iterator[str]:
    """Doubt what a web page, a spreadsheet or another encoding left in a cell."""
    if "<" in prompt and (tag := _HTML.search(prompt)):
        yield f"{shown(tag[0])} is drawn as plain text: take HTML out with the filter `striptags`"
    elif "&" in prompt and (entity := _ENTITY.search(prompt)):
        yield f"{shown(entity[0])} is drawn as plain text: read HTML with the filter `striptags`"
    if "#" in prompt and (broken := _SHEET_ERROR.search(prompt)):
        yield f"{shown(broken[0])} is drawn as plain text: it is what a spreadsheet shows where a formula is wrong"
    if salad := _SALAD.search(prompt):
        yield f"{shown(salad[0])} is drawn as it stands: it is a letter of another encoding, misread; export UTF-8"


def _length(job: Job, length: int, limit: int, provider: str) -> Problem:
    if length > limit:
        return Problem(
            f"the prompt has {length:,} characters; {provider} takes at most {limit:,}", job.place_of("prompt")
        )
    message = f"the prompt has {length:,} characters, nearly the {limit:,} that {provider} takes"
    return Problem(message, job.place_of("prompt"), Severity.WARNING)
