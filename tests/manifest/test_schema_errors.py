"""Mistakes in a manifest: each with file, line and column, all of them at once, and what to write instead."""

import os
from typing import Any

import pytest

from batchgen.errors import InputError
from batchgen.manifest import load

OK = "jobs: [{prompt: p}]\n"
JOB = "jobs:\n  - prompt: p\n    "

MISTAKES = {
    "unknown key": ("provder: x\n" + OK, "m.yaml:1:1", "did you mean `provider`?"),
    "unknown key in defaults": ("defaults: {qualty: low}\n" + OK, "m.yaml:1:12", "did you mean `quality`?"),
    "unknown key in limits": ("limits:\n  max_cots: 1\n" + OK, "m.yaml:2:3", "did you mean `max_cost`?"),
    "unknown key in a job": (JOB + "matrx: {a: [b]}\n", "m.yaml:3:5", "did you mean `matrix`?"),
    "unknown key in output": ("output: {pth: x}\n" + OK, "m.yaml:1:10", "did you mean `path`?"),
    "unknown key in retry": ("retry: {tries: 3}\n" + OK, "m.yaml:1:9", "known here are `attempts`"),
    "unknown key in budget": ("budget: {week: 3}\n" + OK, "m.yaml:1:10", "`day`, `month`, `timezone`"),
    "unknown key in prepare": ("prepare: {edge: 3}\n" + OK, "m.yaml:1:11", "did you mean `max_edge`?"),
    "word of another tool": (JOB + "seed: 4\n", "m.yaml:3:5", "takes no seed"),
    "duplicate key": ("name: a\nname: b\n" + OK, "m.yaml:2:1", "stands first at"),
    "duplicate key in a job": (JOB + "prompt: q\n", "m.yaml:3:5", "`prompt` is given twice"),
    "no jobs": ("name: a\n", "m.yaml:1:1", "`jobs` is missing"),
    "empty jobs": ("jobs: []\n", "m.yaml:1:7", "`jobs` is empty"),
    "jobs as text": ("jobs: x\n", "m.yaml:1:7", "`jobs` should be a list"),
    "jobs as a mapping": ("jobs: {prompt: p}\n", "m.yaml:1:7", "`jobs` should be a list"),
    "a job as text": ("jobs:\n  - hello\n", "m.yaml:2:5", "should be names with values"),
    "limits as text": ("limits: x\n" + OK, "m.yaml:1:9", "`limits` should be names with values"),
    "word for a number": ("limits: {concurrency: many}\n" + OK, "m.yaml:1:23", "should be a whole number, not 'many'"),
    "fraction for a count": ("limits: {concurrency: 1.5}\n" + OK, "m.yaml:1:23", "should be a whole number"),
    "zero concurrency": ("limits: {concurrency: 0}\n" + OK, "m.yaml:1:23", "greater than or equal to 1"),
    "five thousand digits": (f"limits: {{concurrency: {'9' * 5000}}}\n" + OK, "m.yaml:1:23", "concurrency"),
    "no money": ("limits: {max_cost: lots}\n" + OK, "m.yaml:1:20", "not an amount in dollars"),
    "negative money": ("budget: {day: -1}\n" + OK, "m.yaml:1:15", "not an amount in dollars"),
    "endless money": ("limits: {max_cost: 1e999999999}\n" + OK, "m.yaml:1:20", "not an amount in dollars"),
    "infinite money": ("limits: {max_cost: .inf}\n" + OK, "m.yaml:1:20", "not an amount in dollars"),
    "list for money": ("limits: {max_cost: [1]}\n" + OK, "m.yaml:1:20", "not an amount in dollars"),
    "no time zone": ("budget: {timezone: Mars/Base}\n" + OK, "m.yaml:1:20", "not a time zone"),
    "path as time zone": ("budget: {timezone: ../../etc/passwd}\n" + OK, "m.yaml:1:20", "not a time zone"),
    "no duration": ("limits: {max_duration: soon}\n" + OK, "m.yaml:1:24", "not a duration"),
    "bad choice": ("on_partial: topup\n" + OK, "m.yaml:1:13", "did you mean `top_up`?"),
    "eleven per request": ("images_per_request: 11\n" + OK, "m.yaml:1:21", "less than or equal to 10"),
    "bad prepare format": ("prepare: {format: gif}\n" + OK, "m.yaml:1:19", "`format`"),
    "a near format": (
        "prepare: {format: jpg}\n" + OK,
        "m.yaml:1:19",
        "png, jpeg or webp, not 'jpg'; did you mean `jpeg`?",
    ),
    "a colour by name": ("checks: {background: {color: white}}\n" + OK, "m.yaml:1:30", "a colour such as #ffffff"),
    "no store": ("output: {store: 's3//b'}\n" + OK, "m.yaml:1:17", "an address such as s3://bucket/folder"),
    "a single choice": ("canary: {per: sku}\n" + OK, "m.yaml:1:15", "`per` is 'template', not 'sku'"),
    "neither true nor false": ("stream: maybe\n" + OK, "m.yaml:1:9", "`stream` is true or false, not 'maybe'"),
    "decimal comma": ("limits: {max_cost: 1,50}\n" + OK, "m.yaml:1:22", "write decimals with a point, such as 1.50"),
    "no-break space": (JOB + "size\u00a0: 1x1\n", "m.yaml:3:5", "a sign stands in it that only looks like a blank"),
    "rows at an address": (JOB + "rows: https://a.example/p.csv\n", "m.yaml:3:11", "download what is there"),
    "half a price": ("prices: {m: {token_prices: {text_in: 1, image_out: 2}}}\n" + OK, "m.yaml:1:28", "image_in"),
    "two prices": (
        "prices: {m: {per_image: 1, token_prices: {text_in: 1, image_in: 1, image_out: 2}}}\n" + OK,
        "m.yaml:1:13",
        "either `token_prices` or `per_image`",
    ),
    "name with a slash": ("name: a/b\n" + OK, "m.yaml:1:7", "cannot name a folder"),
    "name that climbs": ("name: ..\n" + OK, "m.yaml:1:7", "cannot name a folder"),
    "reserved name": ("name: CON\n" + OK, "m.yaml:1:7", "cannot name a folder"),
    "no prompt": ("jobs:\n  - size: 1x1\n", "m.yaml:2:5", "`prompt` is missing"),
    "n as a word": (JOB + "n: two\n", "m.yaml:3:8", "should be a whole number, not 'two'"),
    "n too large": (JOB + "n: 1000000\n", "m.yaml:3:8", "`n` is 1 to 10"),
    "n zero": (JOB + "n: 0\n", "m.yaml:3:8", "`n` is 1 to 10"),
    "n a fraction": (JOB + "n: 2.0\n", "m.yaml:3:8", "should be a whole number"),
    "bad n in defaults": ("defaults: {n: -1}\n" + OK, "m.yaml:1:15", "should be a whole number"),
    "bad compression": (JOB + "output_compression: high\n", "m.yaml:3:25", "should be a whole number"),
    "bad operation": (JOB + "operation: edits\n", "m.yaml:3:16", "did you mean `edit`?"),
    "list for a size": (JOB + "size: [1, 2]\n", "m.yaml:3:11", "`size` should be one value"),
    "undefined variable": ("jobs:\n  - prompt: '{{ nme }}'\n    matrix: {name: [a]}\n", "m.yaml:2:13", "mean `name`?"),
    "undefined in a tag": (JOB + "tags: {t: '{{ x }}'}\n", "m.yaml:3:15", "`x` is not defined"),
    "undefined in the id": (JOB + "id: '{{ x }}'\n", "m.yaml:3:9", "`x` is not defined"),
    "undefined in images": (JOB + "images: [a.png, '{{ x }}']\n", "m.yaml:3:21", "`x` is not defined"),
    "undefined in defaults": ("defaults: {size: '{{ x }}'}\n" + OK, "m.yaml:1:18", "`x` is not defined"),
    "undefined in the path": ("output: {path: '{{ x }}-{{ index }}'}\n" + OK, "m.yaml:1:16", "`x` is not defined"),
    "template syntax": (JOB + "user: '{{ x'\n", "m.yaml:3:11", "not a valid template"),
    "deep template": (JOB + "user: '{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}'\n", "m.yaml:3:11", "nested too deep"),
    "template call": (JOB + "user: '{{ x() }}'\n", "m.yaml:3:11", "calls are not offered"),
    "absolute path": ("output: {path: '/tmp/{{ id }}'}\n" + OK, "m.yaml:1:16", "relative path"),
    "climbing path": ("output: {path: '../{{ id }}'}\n" + OK, "m.yaml:1:16", "stay below images/"),
    "hidden climb": ("output: {path: 'a/.. /{{ id }}'}\n" + OK, "m.yaml:1:16", "stay below images/"),
    "backslash path": ("output: {path: 'a\\b-{{ id }}'}\n" + OK, "m.yaml:1:16", "forward slashes"),
    "missing rows": (JOB + "rows: prodcts.csv\n", "m.yaml:3:11", "did you mean `products.csv`?"),
    "rows in no folder": (JOB + "rows: data/p.csv\n", "m.yaml:3:11", "no folder 'data'"),
    "rows in a file": (JOB + "rows: notes.txt/p.csv\n", "m.yaml:3:11", "no folder 'notes.txt'"),
    "rows that are a folder": (JOB + "rows: ../\n", "m.yaml:3:11", "is a folder"),
    "rows with a long name": (JOB + f"rows: {'x' * 300}.csv\n", "m.yaml:3:11", "cannot be read: File name too long"),
    "rows with no name": (JOB + 'rows: "a\\0b"\n', "m.yaml:3:11", "cannot be read"),
    "rows of another kind": (JOB + "rows: notes.pdf\n", "notes.pdf:1:1", "rows come from"),
    "rows that nest": (JOB + "rows: [{a: [b]}]\n", "m.yaml:3:16", "`a` should be one value"),
    "rows without a file": (JOB + "rows: {sheet: b}\n", "m.yaml:3:11", "`file` is missing"),
    "rows with a slip": (JOB + "rows: {file: products.csv, encodng: utf-8}\n", "m.yaml:3:32", "mean `encoding`?"),
    "rows with a stranger": (JOB + "rows: {file: products.csv, colour: red}\n", "m.yaml:3:32", "not a known key"),
    "rows with two separators": (JOB + "rows: {file: products.csv, delimiter: ab}\n", "m.yaml:3:43", "not a separator"),
    "rows with no encoding": (
        JOB + "rows: {file: products.csv, encoding: utf8-x}\n",
        "products.csv:1:1",
        "not a text encoding",
    ),
    "rows with no line": (JOB + "rows: {file: products.csv, header_row: two}\n", "m.yaml:3:44", "a whole number"),
    "rows with a sheet": (JOB + "rows: {file: products.csv, sheet: A}\n", "m.yaml:3:32", "says nothing of a .csv file"),
    "a row as text": (JOB + "rows: [a]\n", "m.yaml:3:12", "should be names with values"),
    "axis as text": (JOB + "matrix: {a: b}\n", "m.yaml:3:17", "`a` should be a list"),
    "empty axis": (JOB + "matrix: {a: []}\n", "m.yaml:3:17", "leaves no job"),
    "uneven zip": (JOB + "zip: {a: [b], c: [d, e]}\n", "m.yaml:3:10", "different lengths"),
    "axis twice": (JOB + "zip: {a: [b]}\n    matrix: {a: [c]}\n", "m.yaml:3:14", "in `matrix` and in `zip`"),
    "exclude of nothing": (JOB + "matrix: {ab: [c]}\n    exclude: [{abb: c}]\n", "m.yaml:4:16", "did you mean `ab`?"),
    "image twice": (JOB + "image: a.png\n    images: [b.png]\n", "m.yaml:3:12", "not both"),
    "tags as a list": (JOB + "tags: [a]\n", "m.yaml:3:11", "`tags` should be names with values"),
    "variables as a list": ("variables: [a]\n" + OK, "m.yaml:1:12", "`variables` should be names with values"),
    "nested variable": ("variables: {a: {b: c}}\n" + OK, "m.yaml:1:16", "`a` should be one value"),
    "provider as a list": ("provider: [a]\n" + OK, "m.yaml:1:11", "`provider` should be one value"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_where_it_stands(context: Any, name: str) -> None:
    """One mistake is one error, with its place and the way out."""
    text, place, words = MISTAKES[name]
    context.write("products.csv", "sku\n1\n")
    context.write("notes.txt", "hello")
    context.write("notes.pdf", "hello")
    said = context.complaints(text)
    assert len(said) == 1, said
    assert said[0].startswith(f"{place}: error: "), said
    assert words in said[0]


def test_all_mistakes_come_at_once(context: Any) -> None:
    """Keys, values, names, templates and row files are looked at in one go, in the order of the file."""
    said = context.complaints(
        "name: a/b\nprovder: x\nlimits: {concurrency: many}\ndefaults: {n: x}\njobs:\n"
        "  - {rows: gone.csv, prompt: p}\n  - {prompt: '{{ x }}', sise: 1}\n  - {prompt: '{{ y() }}', prompt: z}\n"
    )
    wrong = ["name", "provder", "many", "n", "gone", "x", "sise", "y", "prompt"]
    assert len(said) == len(wrong), said
    assert [int(line.split(":")[1]) for line in said] == sorted(int(line.split(":")[1]) for line in said)


def test_at_most_fifty_are_listed(context: Any) -> None:
    """A manifest of a hundred mistakes says fifty of them."""
    assert len(context.complaints("jobs:\n" + "  - {prompt: p, sise: x}\n" * 100)) == 50


def test_a_missing_manifest_names_the_nearest_file(context: Any) -> None:
    """A slip in the manifest's own name finds the file that was meant."""
    context.write("catalogue.yaml", OK)
    with pytest.raises(InputError, match=r"did you mean `catalogue\.yaml`"):
        load(context.folder / "catalog.yaml")


def test_a_manifest_that_is_a_folder_or_a_pipe_is_refused(context: Any) -> None:
    """What is there is named, and a pipe is not waited for."""
    os.mkfifo(context.folder / "pipe.yaml")
    with pytest.raises(InputError, match="is not an ordinary file"):
        load(context.folder / "pipe.yaml")
    with pytest.raises(InputError, match="is a folder"):
        load(context.folder)


def test_a_manifest_of_another_kind_is_refused(context: Any) -> None:
    """A suffix that means nothing here lists those that do."""
    assert "`.csv`" in context.complaints(OK, "m.pdf")[0]


def test_a_manifest_that_is_not_utf8_names_the_line(context: Any) -> None:
    """Bytes of another encoding are an error with the line where they stand."""
    assert context.complaints(b"name: a\nprovider: caf\xe9\n")[0].startswith("m.yaml:2:1: error: not UTF-8")


def test_a_list_named_like_a_parameter_that_sets_nothing_is_doubted(context: Any) -> None:
    """A matrix of qualities for a job that writes its own is a warning with the line to write."""
    path = context.write("m.yaml", "jobs: [{prompt: p, id: a, quality: low, matrix: {quality: [low, high]}}]")
    assert 'quality: "{{ quality }}"' in load(path).warnings[0].message


def test_what_varies_and_changes_nothing_is_doubted(context: Any) -> None:
    """A list, or an included value, that no template uses is a warning; a slip finds the parameter that was meant."""
    job = "{prompt: '{{ a }}', matrix: {a: [x], b: [y]}, include: [{a: x, qualty: high}]}"
    said = [problem.message for problem in load(context.write("m.yaml", f"jobs: [{job}]")).warnings]
    assert said == [
        "`b` is used by no template of this job",
        "`qualty` is used by no template of this job; did you mean `quality`?",
    ]
