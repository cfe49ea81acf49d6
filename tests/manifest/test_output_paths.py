"""Output paths: whatever a value holds, an image stays below its folder, under a name that every system takes."""

import os
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchgen.manifest.paths import DEFAULT, MAX_COMPONENT, folded, path_template
from batchgen.manifest.templates import TemplateError

KEY = "0123456789abcdef" * 4
RESERVED = re.compile(r"^(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)


def path(template: str, slot: int = 0, ext: str = "png", key: str = KEY, **values: str) -> str:
    """The path of one slot; `id` is the job's."""
    return path_template(template).of(values, values.get("id", "job"), key)(slot, ext)


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


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(TEMPLATES), st.text(max_size=150), st.text(max_size=150), st.integers(0, 9))
def test_no_value_escapes(template: str, first: str, second: str, slot: int) -> None:
    """No text at all leaves the folder."""
    assert_harmless(path(template, slot, v=first, id=second))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.text(st.sampled_from("aA/.- é") | st.characters(exclude_categories=["Cs"])), unique=True, max_size=6)
)
def test_what_is_altered_stays_apart(values: list[str]) -> None:
    """Names that had to be cleaned or cut never fall together: digits of the key, and the slot, keep them apart."""
    jobs = [(f"/{value}" * 40 if value < "b" else f"/{value}", sha256(value.encode()).hexdigest()) for value in values]
    paths = [path("{{ v }}-{{ index }}", slot, key=key, v=value) for value, key in jobs for slot in range(3)]
    assert len({folded(p) for p in paths}) == len(paths)


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


def test_a_full_manifest_stays_below_its_folder(desk: Any) -> None:
    """Rows with nasty names become jobs with harmless paths."""
    desk.write("r.jsonl", "".join(f'{{"v": {value!a}}}\n'.replace("'", '"') for value in ("../x", "/etc", "NUL")))
    jobs = desk.jobs("output: {path: '{{ v }}/{{ id }}-{{ index }}'}\njobs: [{rows: r.jsonl, prompt: '{{ v }}', n: 2}]")
    for job in jobs:
        assert_harmless(job.path(1, "png"))


def test_a_name_that_the_locale_cannot_write_is_told_before(tmp_path: Path) -> None:
    """Outside UTF-8 an image whose name has no bytes is refused by `check`, not after it was paid for."""
    (tmp_path / "m.yaml").write_text("jobs: [{id: \u6905, prompt: x}]\n", encoding="utf-8")
    code = "from batchgen import manifest; print(*manifest.check(manifest.load('m.yaml')).problems)"
    plain = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "utf-8"}
    told = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=plain, capture_output=True, check=True)
    assert "m.yaml:1:8: error: `output.path` gives '\u6905-0.png', and this locale (ascii)" in told.stdout.decode()
