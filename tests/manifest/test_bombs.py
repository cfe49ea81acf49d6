"""Manifests that are made to hurt are refused at once."""

import resource
from typing import Any

import pytest

BILLION = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
BOMBS = {
    "nine levels of nine aliases": (BILLION, "more than 1,000,000 values"),
    "itself": ("a: &a {b: *a}\n", "holds itself"),
    "unknown alias": ("a: *b\n", "names no anchor"),
    "deep flow": ("[" * 50_000, "nested deeper than 50"),
    "deep block": ("".join("  " * n + "a:\n" for n in range(60)), "nested deeper than 50"),
    "deep map": ("{a: " * 50_000, "nested deeper than 50"),
    "python object": ("a: !!python/object/apply:os.system ['true']\n", "tags such as"),
    "python name": ("a: !!python/name:os.system\n", "tags such as"),
    "int tag": ("a: !!int 5\n", "tags such as"),
    "binary": ("a: !!binary aGk=\n", "tags such as"),
    "many aliases": ("a: &a [" + "x," * 99 + "]\nb: [" + "*a," * 10_000 + "]\n", "more than 1,000,000 values"),
    "two documents": ("a: 1\n---\nb: 2\n", "one document is enough"),
    "list as key": ("? [a]\n: b\n", "a key must be plain text"),
    "alias as key": ("a: &a x\n*a : b\n", "a key must be plain text"),
    "control character": ("a: \x07\n", "control character"),
    "merge of text": ("a: {<<: b}\n", "takes an alias of a mapping"),
    "tab indent": ("a:\n\tb: 1\n", "indent with blanks, not with tabs"),
    "tab below blanks": ("a:\n  - b\n\t- c\n", "indent with blanks, not with tabs"),
    "colon in a text": ("a: A chair: red\n", "put quotation marks around a text that holds a colon"),
    "open quote": ('a: "b\n', "not YAML"),
    "bad escape": (r'a: "\ud800"' + "\n", "not YAML"),
    "empty": ("", "empty"),
    "only a comment": ("# nothing\n", "empty"),
    "a list": ("- a\n", "names with values"),
    "a text": ("hello\n", "names with values"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_with_its_place(context: Any, name: str) -> None:
    """Each is one error with file, line and column, without filling memory."""
    text, expected = BOMBS[name]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    said = context.complaints(text)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000
    assert len(said) == 1
    assert expected in said[0]
    assert said[0].startswith("m.yaml:")


def test_merge_keys_and_anchors_work(context: Any) -> None:
    """An alias shares what it names, a merge key fills in what is not set."""
    text = "variables: &v {a: x}\njobs:\n  - &first {prompt: '{{ a }}', size: 1x1}\n  - {<<: *first, size: 2x2}\n"
    assert [job.request.param("size") for job in context.jobs(text)] == ["1x1", "2x2"]


def test_a_catalogue_may_share_its_defaults_by_an_anchor(context: Any) -> None:
    """What aliases write out is counted, and not the aliases: each of many jobs may have one."""
    text = "x-shared: &shared {size: 1x1}\njobs:\n" + "".join(
        f"  - {{<<: *shared, prompt: p{n}}}\n" for n in range(500)
    )
    assert len(context.jobs(text)) == 500


def test_a_file_beyond_the_limit_is_not_read(context: Any) -> None:
    """A manifest of more than 50 MB is refused by its size."""
    path = context.write("m.yaml", "")
    with path.open("wb") as stream:
        stream.truncate(50_000_001)
    assert "put the rows into a CSV file" in _said(path)


def _said(path: Any) -> str:
    from batchgen.errors import InputError
    from batchgen.manifest import load

    with pytest.raises(InputError) as error:
        load(path)
    return str(error.value)
