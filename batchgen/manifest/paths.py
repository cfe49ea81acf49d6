"""Where images go: an output path whose values cannot leave the folder, collide by cutting or be refused.

Values are made harmless before they are rendered, so the only separators are those of the template itself. A component
that had to be altered or cut carries twelve digits of the job's key, so that two values never end up in one file
because they were cleaned alike.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple
from unicodedata import normalize

from batchgen.manifest.template_text import Template, TemplateError
from batchgen.manifest.templates import Simple, compile_template
from batchgen.model import Stems

DEFAULT = "{{ id }}-{{ index }}.{{ ext }}"
MAX_COMPONENT = 120
"""Bytes of one component in UTF-8; file systems take 255."""
MAX_PATH = 1024
_NEVER_LONG = MAX_COMPONENT - 10
"""Bytes of a name that leave room for every extension."""
_WIDEST = 4
"""Bytes of one character, at most."""
DIGITS = 12
"""Hex digits of the key that tell altered names apart: with eight, two of 100,000 names cut alike would often meet."""
OWN = frozenset({"id", "index", "ext"})
"""Names that every output path may use beside the variables of its job."""
SLOT = "*"
"""Stands in a stem for the number of the slot, which is one digit: see `batchgen.model.Stems`."""
ANY = "ext"
"""Stands for an extension that is not known yet; most have three letters."""
EXTENSIONS = ("png", "jpg", "jpeg", "webp", "gif", "svg")
"""All that an image may have."""

_ALTERED = "\0"  # marks altered values on their way through the template; no cleaned value can hold it
# Besides what file systems refuse: characters that nobody sees, or that turn a name around (`gnp.exe`).
_HIDDEN = r"\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
_UNFIT = re.compile(rf'[\x00-\x1f\x7f-\x9f/\\:?"<>|\ud800-\udfff{_HIDDEN}]|\.\.+')
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9*¹²³]|lpt[0-9*¹²³]|conin\$|conout\$)(\.|$)", re.IGNORECASE)
_FINE = re.compile(r"(?!(?i:con|prn|aux|nul|com|lpt))[A-Za-z0-9_][A-Za-z0-9_*-]*")
"""Names that no file system refuses; most are such."""
_CLEAN = re.compile(r"[A-Za-z0-9 _,()&+=-]*")
"""Values with nothing that could be altered; most are such."""
_EXTENSION = re.compile(r"\.\{\{\s*ext\s*\}\}$")


@dataclass(frozen=True, slots=True)
class PathTemplate:
    """A compiled output path without its extension, which is always the image's real one.

    `quick` tells what the stem of nearly every job is made of; None where that hangs on more than text and names.
    """

    stem: Template
    shows_index: bool
    quick: "_Quick | None" = None

    def stems(self, values: Mapping[str, str], job_id: str, key: str, n: int = 1, ext: str = "png") -> Stems:
        """Render for the `n` slots of one job that asks for `ext`; raises `TemplateError`."""
        if self.quick and (stem := self.quick.stem(values, job_id)):
            return Stems((stem,))
        names = self.stem.names
        texts = {name: _clean(values[name]) for name in names if name in values}
        if "id" in names:
            texts["id"] = _clean(job_id)
        slots = (SLOT,) if isinstance(self.stem, Simple) else tuple(map(str, range(n)))
        usual = tuple([self._stem(texts, slot, ANY, key) for slot in slots])
        if max(map(len, usual)) + 1 + len(ext) > MAX_PATH:
            raise TemplateError(f"gives a path of more than {MAX_PATH:,} characters")
        if "ext" not in names and not any(map(_is_long, usual)):
            return Stems(usual)
        others = [
            (other, tuple([self._stem(texts, slot, other, key) for slot in slots]))
            for other in dict.fromkeys((*EXTENSIONS, ext))
        ]
        return Stems(usual, tuple((other, found) for other, found in others if found != usual))

    def _stem(self, texts: dict[str, str], slot: str, ext: str, key: str) -> str:
        if ext is not ANY:
            ext = _clean(ext)
        if self.shows_index:
            texts["index"] = slot
        if "ext" in self.stem.names:
            texts["ext"] = ext
        rendered = self.stem.render(texts)
        if slot != SLOT:
            rendered = _unmarked(rendered)
        folders, slash, last = rendered.rpartition("/")
        above = [_fit(folder, "", slot, key) for folder in folders.split("/")] if slash else ()
        return "/".join((*above, _fit(last, f".{ext}", slot, key)))


class _Quick(NamedTuple):
    """A path of text and names: the columns in it, whether the id is, and how many slots and folders it shows."""

    template: Simple
    columns: tuple[str, ...]
    has_id: bool
    slots: int
    folders: int

    @classmethod
    def of(cls, stem: Template) -> "_Quick | None":
        if not isinstance(stem, Simple) or "ext" in stem.names:
            return None
        bare = stem.render({**dict.fromkeys(stem.names, ""), "index": SLOT})
        columns = tuple(stem.names - {"id", "index"})
        return cls(stem, columns, "id" in stem.names, bare.count(SLOT), bare.count("/"))

    def stem(self, values: Mapping[str, str], job_id: str) -> str:
        """Return the stem of all slots where no file system refuses any of it, and no extension makes it too long.

        Empty otherwise, and where a value would show a slot or a folder of its own: then values are made harmless.
        """
        template, columns, has_id, slots, folders = self
        texts = {name: values[name] for name in columns if name in values} if columns else {}
        if has_id:
            texts["id"] = job_id
        texts["index"] = SLOT
        stem = template.render(texts)
        if len(stem) > _NEVER_LONG or stem.count(SLOT) != slots or stem.count("/") != folders:
            return ""
        if not folders:
            return stem if _FINE.fullmatch(stem) else ""
        return stem if all(map(_FINE.fullmatch, stem.split("/"))) else ""


def path_template(source: str) -> PathTemplate:
    """Compile an output path; raises `TemplateError` when its own text leaves the folder."""
    written = _EXTENSION.sub("", source)
    stem = compile_template(written)
    if not written.strip() or written.startswith("/") or "\\" in re.sub(r"\{[{%].*?[%}]\}", "", written):
        raise TemplateError("is a relative path with forward slashes, below images/")
    if any(part.strip() in {"", ".", ".."} for part in written.split("/")):
        raise TemplateError("has an empty, `.` or `..` part; images stay below images/")
    if isinstance(stem, Simple):
        stem = replace(stem, pattern=_unmarked(stem.pattern))
    return PathTemplate(stem, "index" in stem.names, _Quick.of(stem))


def _fit(component: str, ext: str, slot: str, key: str) -> str:
    """Make one component a name that every file system takes with its extension, and leave the extension out."""
    if len(component) + len(ext) <= MAX_COMPONENT and ext.isascii() and _FINE.fullmatch(component):
        return component
    altered = _ALTERED in component
    name = _harmless(component.replace(_ALTERED, ""))
    altered = altered or name != component
    tail = f"-{key[:DIGITS]}" if altered else ""
    if len(name.encode()) + len(tail.encode()) + len(ext.encode()) > MAX_COMPONENT:
        tail = f"-{key[:DIGITS]}-{slot}"
        most = MAX_COMPONENT - len(tail.encode()) - len(ext.encode())
        name = name.encode()[:most].decode(errors="ignore").rstrip(". ")
    return name + tail


def _is_long(stem: str) -> bool:
    """Whether a longer extension may leave a name less room; cut in the middle of a character, three bytes are left."""
    return len(stem) * _WIDEST > _NEVER_LONG and len(stem.rpartition("/")[2].encode()) > _NEVER_LONG


def _unmarked(text: str) -> str:
    """Put another character that no file name may hold where the mark of the slot stands."""
    return text.replace(SLOT, "?")


def safe_name(name: str) -> str:
    """Make a single name harmless: no separators, dots at its end, leading dash or name that Windows reserves."""
    return _harmless(_unmarked(name))


def _harmless(name: str) -> str:
    name = _UNFIT.sub("_", normalize("NFC", name)).rstrip(". ")
    if name[:1] in {"-", "~", " "} or _RESERVED.match(name):
        name = f"_{name}"
    return name or "_"


def _clean(value: str) -> str:
    if _CLEAN.fullmatch(value):
        return value
    value = normalize("NFC", _unmarked(value))
    cleaned = _UNFIT.sub("_", value)
    return cleaned if cleaned == value else cleaned + _ALTERED


def folded(path: str) -> str:
    """Write a path as a file system that ignores case and composition sees it."""
    return path.lower() if path.isascii() else normalize("NFC", normalize("NFC", path).casefold())
