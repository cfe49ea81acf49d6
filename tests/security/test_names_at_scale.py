"""Output paths at the size of a catalogue: no value of any row leaves the folder, and no two names become one."""

import itertools
import os
import random
from collections.abc import Iterator
from hashlib import sha256
from itertools import islice
from pathlib import Path

import pytest

from batchgen.manifest.paths import MAX_COMPONENT, folded, path_template

TEMPLATES = (
    "{{ id }}-{{ index }}.{{ ext }}",
    "{{ v }}/{{ id }}-{{ index }}.{{ ext }}",
    "{{ v }}/{{ w }}/{{ id }}-{{ index }}.{{ ext }}",
    "{{ v }}{{ w }}-{{ index }}.{{ ext }}",
    "{{ v }}",
    "{{ v }}/{{ w }}",
    "a/{{ v }}.x/{{ index }}",
    ".{{ v }}/{{ index }}",
    "..{{ v }}/{{ index }}",
    "{{ v }}./{{ index }}",
    "{{ v }}..",
    "~{{ v }}/{{ index }}",
    "{{ v|upper }}/{{ index }}.{{ ext }}",
    "{{ v[:2] }}/{{ w[-3:] }}-{{ index }}.{{ ext }}",
    "{% if v %}{{ v }}/{% endif %}{{ index }}",
    "{{ v|replace('a', '.') }}/{{ index }}",
    "{{ v|default('x') }}/{{ v|trim }}/{{ index }}",
    "{{ v ~ '/' ~ w }}/{{ index }}.{{ ext }}",
    "{{ v|truncate(9, true, '') }}/{{ index }}",
    "{{ ext }}/{{ v }}{{ w }}{{ index }}",
)
PIECES = (
    *("../", "..", ".", "/", "//", "\\", "..\\", "C:\\", "C:", "\\\\host\\share\\", "\0", "%2e%2e%2f", "%2F", "%00"),
    *("~root/", "-", "--", "CON", "nul", "aux.", "COM1", "LPT9.txt", "conin$", " ", ". ", " .", "..."),
    *("~", "/etc/passwd", "", "\n", "\r", "\t", "\x1b[2J", "\x7f", "\x85", "\u2028", "\u202e"),
    *("\u200b", "\ufeff", "\ud800", "\uff0f", "\u2215", "\uff0e\uff0e", "\u2024\u2024", "\u29f5"),
    *(":", "*", "?", '"', "<", ">", "|", ";", "$(id)", "`id`"),
    *("{{ v }}", "{%", "é", "e\u0301", "\u017f", "ß", "İ", "\u0131", "Å", "A\u030a", "ﬁ", "椅", "🪑", "\u0301"),
    *("a", "A", "b", "chair", "012345", "x" * 60),
)  # fmt: skip
KEYS = 100_000


def values(chance: random.Random) -> Iterator[str]:
    """Texts put together from everything that was ever used to leave a folder."""
    while True:
        yield "".join(chance.choices(PIECES, k=chance.randint(0, 5)))


def escapes(path: str) -> bool:
    """Whether a path would lead anywhere but below the folder it is joined to, on any system."""
    root = "/out/images"
    parts = path.split("/")
    outside = os.path.commonpath([root, os.path.normpath(Path(root) / path)]) != root
    bad = any(part in {"", ".", ".."} or len(part.encode()) > MAX_COMPONENT or part.startswith("~") for part in parts)
    return outside or bad or path.startswith(("/", "-")) or any(sign in path for sign in "\\\0:\n\r")


@pytest.mark.parametrize(
    "sets", [pytest.param(1000, id="1000"), pytest.param(10_000, id="10000", marks=pytest.mark.slow)]
)
def test_no_value_leaves_the_folder(sets: int) -> None:
    """Ten thousand sets of values in each of twenty templates: 200,000 paths, no escape."""
    chance = random.Random(20)
    templates = [path_template(source) for source in TEMPLATES]
    assert len(set(TEMPLATES)) == 20
    texts = values(chance)
    for at in range(sets):
        row = {"v": next(texts), "w": next(texts)}
        for template in templates:
            path = template.stems(row, next(texts), f"{at:064x}", 10).path(at % 10, "png")
            assert not escapes(path), (template, row, path)


def test_what_is_written_lies_in_the_folder(tmp_path: Path) -> None:
    """A thousand such images, written: every file is below `images/`, and the folder's neighbours are untouched."""
    chance = random.Random(1)
    texts, root = values(chance), tmp_path / "deep" / "er" / "out"
    written = set()
    for at in range(1000):
        template = path_template(TEMPLATES[at % len(TEMPLATES)])
        key = sha256(str(at).encode()).hexdigest()
        path = template.stems({"v": next(texts), "w": next(texts)}, f"{at}{next(texts)}", key).path(0, "png")
        if folded(path) in written:
            continue  # `check` refuses the second of two such jobs
        written.add(folded(path))
        place = root / "images" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch(exist_ok=False)
        assert place.resolve().is_relative_to((root / "images").resolve())
    files = [path for path in tmp_path.rglob("*") if not path.is_dir()]
    assert len(files) == len(written) > 900
    assert all(path.is_relative_to(root / "images") for path in files)


def names(chance: random.Random) -> Iterator[str]:
    """Names that differ only in what file systems forget: case, composition, what is cleaned, what is cut off."""
    stems = ("chair", "x" * 118, "椅" * 45, "e\u0301" * 60, "a/b", "CON", "..", " lamp ", "-rf")
    while True:
        stem, number = chance.choice(stems), chance.randint(0, 10**9)
        yield chance.choice((
            f"{stem}{number}",
            f"{number}{stem}",
            f"{stem}{chance.choice('/:?*|')}{number}",
            f"{stem}{'/' * chance.randint(1, 3)}",
            f"{stem}{chance.choice(PIECES)}{chance.choice(PIECES)}{number % 1000}",
            stem.upper() + str(number),
        ))  # fmt: skip


@pytest.mark.parametrize("count", [KEYS // 10, pytest.param(KEYS, marks=pytest.mark.slow)])
@pytest.mark.parametrize("some", ["of all kinds", "cut alike"])
def test_no_two_names_become_one(count: int, some: str) -> None:
    """Of 100,000 names that cleaning or cutting may alter, no two meet where case and composition count for nothing."""
    chance = random.Random(7)
    source = names(chance) if some == "of all kinds" else (f"{'x' * 120}{number}" for number in itertools.count())
    template = path_template("{{ id }}-{{ index }}.{{ ext }}")
    keys = ((name, sha256(name.encode("utf-8", "replace")).hexdigest()) for name in islice(different(source), count))
    met: set[str] = set()
    for name, key in keys:
        path = template.stems({}, name, key).path(0, "png")
        assert len(path.encode()) <= MAX_COMPONENT
        assert folded(path) not in met, (name, path)
        met.add(folded(path))
    assert len(met) == count


def different(some: Iterator[str]) -> Iterator[str]:
    """Leave out names that are the same but for case and composition: `check` refuses the second of them."""
    met = set()
    for name in some:
        alike = folded(name)
        if alike not in met:
            met.add(alike)
            yield name
