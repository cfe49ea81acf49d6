"""Where images go: an output path whose values cannot leave the folder, collide by cutting or be refused.

Values are made harmless before they are rendered, so the only separators are those of the template itself. A component
that had to be altered or cut carries twelve digits of the job's key, so that two values never end up in one file
because they were cleaned alike.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from unicodedata import normalize

from batchgen.manifest.templates import Template, TemplateError, compile_template

DEFAULT = "{{ id }}-{{ index }}.{{ ext }}"
MAX_COMPONENT = 120
"""Bytes of one component in UTF-8; file systems take 255."""
MAX_PATH = 1024
DIGITS = 12
"""Hex digits of the key that tell altered names apart: with eight, two of 100,000 names cut alike would often meet."""
OWN = frozenset({"id", "index", "ext"})
"""Names that every output path may use beside the variables of its job."""

_ALTERED = "\0"  # marks altered values on their way through the template; no cleaned value can hold it
# Besides what file systems refuse: characters that nobody sees, or that turn a name around (`gnp.exe`).
_HIDDEN = r"\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
_UNFIT = re.compile(rf'[\x00-\x1f\x7f-\x9f/\\:*?"<>|\ud800-\udfff{_HIDDEN}]|\.\.+')
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\.|$)", re.IGNORECASE)
_EXTENSION = re.compile(r"\.\{\{\s*ext\s*\}\}$")


@dataclass(frozen=True, slots=True)
class PathTemplate:
    """A compiled output path without its extension, which is always the image's real one."""

    stem: Template
    shows_index: bool

    def of(self, values: Mapping[str, str], job_id: str, key: str) -> "JobPath":
        """Bind to one job; nothing is rendered yet."""
        return JobPath(self, values, job_id, key)


def path_template(source: str) -> PathTemplate:
    """Compile an output path; raises `TemplateError` when its own text leaves the folder."""
    written = _EXTENSION.sub("", source)
    stem = compile_template(written)
    if not written.strip() or written.startswith("/") or "\\" in re.sub(r"\{[{%].*?[%}]\}", "", written):
        raise TemplateError("is a relative path with forward slashes, below images/")
    if any(part.strip() in {"", ".", ".."} for part in written.split("/")):
        raise TemplateError("has an empty, `.` or `..` part; images stay below images/")
    return PathTemplate(stem, "index" in stem.names)


@dataclass(frozen=True, slots=True)
class JobPath:
    """Where the images of one job go; see `batchgen.model.PathOf`."""

    template: PathTemplate
    values: Mapping[str, str]
    job_id: str
    key: str

    def __call__(self, slot: int, ext: str) -> str:
        """Render the path of one slot; raises `TemplateError`."""
        own = {"id": self.job_id, "index": str(slot), "ext": ext}
        stem = self.template.stem
        values = {name: _clean(own.get(name, self.values.get(name, ""))) for name in stem.names if self._has(name)}
        *folders, last = stem.render(values).split("/")
        parts = [self._fit(folder, "", slot) for folder in folders]
        parts.append(self._fit(last, f".{_clean(ext)}", slot))
        path = "/".join(parts)
        if len(path) > MAX_PATH:
            raise TemplateError(f"gives a path of more than {MAX_PATH:,} characters")
        return path

    def _has(self, name: str) -> bool:
        return name in OWN or name in self.values

    def _fit(self, component: str, ext: str, slot: int) -> str:
        """Make one component a name that every file system takes."""
        altered = _ALTERED in component
        name = safe_name(component.replace(_ALTERED, ""))
        altered = altered or name != component
        tail = f"-{self.key[:DIGITS]}{ext}" if altered else ext
        if len(name.encode()) + len(tail.encode()) > MAX_COMPONENT:
            tail = f"-{self.key[:DIGITS]}-{slot}{ext}"
            name = _cut(name, MAX_COMPONENT - len(tail.encode()))
        return name + tail


def safe_name(name: str) -> str:
    """Make a single name harmless: no separators, dots at its end, leading dash or name that Windows reserves."""
    name = _UNFIT.sub("_", normalize("NFC", name)).rstrip(". ")
    if name[:1] in {"-", "~", " "} or _RESERVED.match(name):
        name = f"_{name}"
    return name or "_"


def _clean(value: str) -> str:
    if value.isascii() and value.isalnum():
        return value
    value = normalize("NFC", value)
    cleaned = _UNFIT.sub("_", value)
    return cleaned if cleaned == value else cleaned + _ALTERED


def _cut(name: str, most: int) -> str:
    return name.encode()[:most].decode(errors="ignore").rstrip(". ")


def folded(path: str) -> str:
    """Write a path as a file system that ignores case and composition sees it."""
    return path if path.isascii() and path.islower() else normalize("NFC", normalize("NFC", path).casefold())
