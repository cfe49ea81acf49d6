"""Output paths: whatever a value holds, an image stays below its folder, under a name that every system takes."""

import os
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen.manifest.paths import DEFAULT, EXTENSIONS, MAX_COMPONENT, folded, path_template
from batchgen.manifest.template_text import TemplateError
from batchgen.manifest.templates import Simple, compile_template
from batchgen.model import Stems

KEY = "0123456789abcdef" * 4
RESERVED = re.compile(r"^(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)


def path(template: str, slot: int = 0, ext: str = "png", key: str = KEY, **values: str) -> str:
    """Check that the path of one slot; `id` is the job's."""
    return path_template(template).stems(values, values.get("id", "job"), key, 10, ext).path(slot, ext)


def as_it_was(template: str, slot: int, ext: str, key: str, values: dict[str, str]) -> str:
    """Return the path as it is rendered for one slot and extension, once both are known: as ever."""
    stem = path_template(template).stem
    if isinstance(stem, Simple):
        stem = compile_template(re.sub(r"\.\{\{\s*ext\s*\}\}$", "", template))
    texts = {**values, "id": values.get("id", "job"), "index": str(slot), "ext": ext}

    def clean(value: str) -> str:
        value = normalize("NFC", value)
        cleaned = UNFIT.sub("_", value)
        return cleaned if cleaned == value else f"{cleaned}\0"

    def fit(component: str, tail: str) -> str:
        name = component.replace("\0", "")
        harmless = UNFIT.sub("_", normalize("NFC", name)).rstrip(". ")
        if harmless[:1] in {"-", "~", " "} or TAKEN.match(harmless):
            harmless = f"_{harmless}"
        harmless = harmless or "_"
        end = f"-{key[:12]}{tail}" if "\0" in component or harmless != name else tail
        if len(harmless.encode()) + len(end.encode()) > MAX_COMPONENT:
            end = f"-{key[:12]}-{slot}{tail}"
            harmless = harmless.encode()[: MAX_COMPONENT - len(end.encode())].decode(errors="ignore").rstrip(". ")
        return harmless + end

    *folders, last = stem.render({name: clean(texts[name]) for name in stem.names if name in texts}).split("/")
    return "/".join([*(fit(folder, "") for folder in folders), fit(last, f".{ext}")])


UNFIT = re.compile(
    r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|\ud800-\udfff\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff'
    r"\ufff9-\ufffb\U000e0000-\U000e007f]|\.\.+"
)
TAKEN = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\.|$)", re.IGNORECASE)

NASTY = [
    *("../../etc/passwd", "..", ".", "...", "/etc/passwd", "C:\\Windows", "\\\\host\\share", "a\0b", "a\nb", "\x1b[2J"),
    *("CON", "con", "nul.txt", "COM1", "LPT9.tar.gz", "AUX.", "a.", "a ", " a", "-rf", "~root", "~", "", " ", "a/../b"),
    *("%2e%2e%2f", "a:b", "a*b?", 'a"b', "<a>", "a|b", "\u2028", "\u202egnp", "..\\..\\x", "./x", "x/", "a//b", "/"),
    *(
        "é" * 200,
        "椅" * 90,
        "x" * 300,
        "🪑" * 100,
        "\ud800",
        "COM¹",
        "conin$",
        "x" * 115,
        "e\u0301" * 70,
        ". .",
        ".. /",
    ),
]
TEMPLATES = [
    DEFAULT,
    "{{ id }}-{{ index }}",
    "{{ v }}/{{ id }}-{{ index }}.{{ ext }}",
    "{{ v }}{{ v }}-{{ index }}.{{ ext }}",
    "{{ v }}",
    "a/{{ v }}.x/{{ index }}",
    ".{{ v }}",
    "{{ v }}.",
    "{{ v|upper }}/{{ index }}.{{ ext }}",
    "{{ v[:2] }}{% if v %}/{% endif %}{{ id }}{{ index }}",
    "{{ v }}/{{ v }}/{{ v }}/{{ index }}.{{ ext }}",
    "{{ ext }}/{{ v }}{{ index }}",
]


WITH_THEIR_OWN_MINDS = [
    "{{ index|int + 1 }}-{{ id }}",
    "{% if index == '0' %}{{ v }}{% else %}{{ v }}/more-{{ index }}{% endif %}",
    "{{ ext|upper }}/{{ id }}{{ index }}",
    "{% if ext == 'webp' %}web/{% endif %}{{ id }}-{{ index }}",
    "{{ id }}*{{ index }}",
    "{{ id|lower }}*{{ index }}",
    "com{{ index }}/{{ id }}",
    "{{ id }}/lpt{{ index }}.{{ ext }}",
    "{{ v }}{{ ext }}{{ index }}",
    "{{ id }}.{{ index }}.{{ ext|lower }}",
]
"""Templates that slot or extension decide, or that hold the mark of a slot."""
VALUES = st.text(max_size=12) | st.sampled_from(NASTY) | st.integers(105, 121).map(lambda size: "x" * size)


def assert_harmless(result: str) -> None:
    """Relative, below its folder, short enough, nothing reserved, nothing invisible."""
    for part in result.split("/"):
        assert part not in {"", ".", ".."}
        assert len(part.encode()) <= MAX_COMPONENT
        assert not re.search(r'[\x00-\x1f\x7f\\:*?"<>|]', part)
        assert part[0] not in "-~ "
        assert part[-1] not in ". "
        assert not RESERVED.match(part)


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("value", NASTY)
def test_no_nasty_value_escapes(template: str, value: str) -> None:
    """Every known trick, in every kind of template, as a variable and as the id."""
    assert_harmless(path(template, v=value, id=value))


@given(st.sampled_from(TEMPLATES), st.text(max_size=150), st.text(max_size=150), st.integers(0, 9))
def test_no_value_escapes(template: str, first: str, second: str, slot: int) -> None:
    """No text at all leaves the folder."""
    assert_harmless(path(template, slot, v=first, id=second))


@given(
    st.lists(st.text(st.sampled_from("aA/.- é") | st.characters(exclude_categories=["Cs"])), unique=True, max_size=6)
)
def test_what_is_altered_stays_apart(values: list[str]) -> None:
    """Names that had to be cleaned or cut never fall together: digits of the key, and the slot, keep them apart."""
    jobs = [(f"/{value}" * 40 if value < "b" else f"/{value}", sha256(value.encode()).hexdigest()) for value in values]
    paths = [path("{{ v }}-{{ index }}", slot, key=key, v=value) for value, key in jobs for slot in range(3)]
    assert len({folded(p) for p in paths}) == len(paths)


@given(
    st.sampled_from((*TEMPLATES, *WITH_THEIR_OWN_MINDS)),
    VALUES,
    VALUES,
    st.integers(0, 9),
    st.sampled_from((*EXTENSIONS, "ext")),
)
def test_a_stem_gives_the_path_that_slot_and_extension_give(
    template: str, first: str, second: str, slot: int, ext: str
) -> None:
    """What is known before the bytes are here loses nothing: also where slot or extension decide how a path reads."""
    values = {"v": first, "id": second}
    stems = path_template(template).stems(values, second, KEY, 10)
    assert stems.path(slot, ext) == as_it_was(template, slot, ext, KEY, values)


def test_one_stem_serves_all_slots() -> None:
    """Where the number of a slot is only put in, a job keeps one text, however many images it has."""
    assert path_template(DEFAULT).stems({}, "chair", KEY, 10) == Stems(("chair-*",))
    assert path_template("{{ index|int + 1 }}").stems({}, "chair", KEY, 3) == Stems(("1", "2", "3"))


@pytest.mark.parametrize(
    ("template", "values", "expected"),
    [
        (DEFAULT, {"id": "chair"}, "chair-1.webp"),
        ("{{ sku }}/{{ id }}-{{ index }}.{{ ext }}", {"sku": "012", "id": "a b"}, "012/a b-1.webp"),
        ("{{ id }}-{{ index }}", {"id": "chair"}, "chair-1.webp"),
        ("{{ id }}.v{{ index }}", {"id": "chair"}, "chair.v1.webp"),
        ("{{ '%03d'|format(index|int) }}.{{ ext }}", {}, "001.webp"),
        (DEFAULT, {"id": "a/b"}, "a_b-1-0123456789ab.webp"),
        (DEFAULT, {"id": "e\u0301"}, "\u00e9-1.webp"),
        ("{{ a }}/{{ index }}", {"a": "-x"}, "_-x-0123456789ab/1.webp"),
        ("{{ a }}/{{ index }}", {"a": ""}, "_-0123456789ab/1.webp"),
        (DEFAULT, {"id": "x" * 130}, "x" * 100 + "-0123456789ab-1.webp"),
    ],
)
def test_paths_are_as_written(template: str, values: dict[str, str], expected: str) -> None:
    """Harmless values stand as they are; what was altered or cut ends in digits of the key."""
    assert path(template, 1, "webp", **values) == expected


def test_the_real_extension_follows_the_image() -> None:
    """Whatever was asked for, the extension is the one given with the image, once."""
    assert path("{{ id }}.{{ ext }}", ext="jpg") == "job.jpg"
    assert path("{{ id }}", ext="jpg") == "job.jpg"


@pytest.mark.parametrize("bad", ["", " ", "/x", "../x", "a/../b", "a//b", "x/", "./x", "a\\b", "{{ x", "a/ ../b", ".."])
def test_a_template_that_leaves_the_folder_is_refused(bad: str) -> None:
    """The template's own text must stay below images/ as well."""
    with pytest.raises(TemplateError):
        path_template(bad)


def test_an_endless_path_is_refused() -> None:
    """Paths have an end."""
    with pytest.raises(TemplateError, match="1,024"):
        path("/".join(["{{ v }}"] * 40), v="x" * 100)


def test_an_undefined_name_in_a_path_is_said() -> None:
    """A row that lacks a name of the path raises our own error."""
    with pytest.raises(TemplateError, match="not defined"):
        path("{{ v }}-{{ index }}")


def test_a_full_manifest_stays_below_its_folder(context: Any) -> None:
    """Rows with nasty names become jobs with harmless paths."""
    context.write("r.jsonl", "".join(f'{{"v": {value!a}}}\n'.replace("'", '"') for value in ("../x", "/etc", "NUL")))
    jobs = context.jobs(
        "output: {path: '{{ v }}/{{ id }}-{{ index }}'}\njobs: [{rows: r.jsonl, prompt: '{{ v }}', n: 2}]"
    )
    for job in jobs:
        assert_harmless(job.path(1, "png"))


def test_a_name_that_the_locale_cannot_write_is_told_before(tmp_path: Path) -> None:
    """Outside UTF-8 an image whose name has no bytes is refused by `check`, not after it was paid for."""
    (tmp_path / "m.yaml").write_text("jobs: [{id: \u6905, prompt: x}]\n", encoding="utf-8")
    code = "from batchgen import manifest; print(*manifest.check(manifest.load('m.yaml')).problems)"
    plain = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "utf-8"}
    told = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=plain, capture_output=True, check=True)
    assert "m.yaml:1:8: error: `output.path` gives '\u6905-0.png', and this locale (ascii)" in told.stdout.decode()
