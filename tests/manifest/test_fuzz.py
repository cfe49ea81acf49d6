"""Whatever stands in a manifest, it is read or refused: nothing else is raised."""

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from batchgen.errors import InputError
from batchgen.manifest import check, load

SEED = """name: a
provider: mock
defaults: {model: m, size: 1x1, n: 2}
limits: {max_cost: 3.00, concurrency: 4, max_duration: 2h}
budget: {day: 5, timezone: UTC}
output: {path: "{{ sku }}/{{ id }}-{{ index }}.{{ ext }}"}
prices: {m: {per_image: 0.04}}
variables: &v {brand: soft}
jobs:
  - id: "{{ sku }}-{{ c }}"
    rows: [{sku: 1, name: x}, {sku: 2, name: "y"}]
    matrix: {c: [oak, elm]}
    zip: {a: [1, 2], b: [3, 4]}
    exclude: [{c: oak, sku: 1}]
    include: [{c: ash, quality: high}]
    prompt: "{{ name | upper }} {{ brand }} {% if c == 'oak' %}!{% endif %}"
    images: ["@b[0]", "https://a.example/x.png"]
    tags: {t: "{{ c }}", u: *v}
  - {id: b, prompt: p}
"""
TABLE = 'id,prompt,n,size,images,note\na,"one, two",1,1x1,,x\nb,two,2,,@a,y\n'
TOKENS = [
    *("{", "}", "[", "]", ":", ",", "'", '"', "\n", "- ", "&a ", "*v", "!!int ", "? ", "| ", "{{ ", " }}", "{% ", "#"),
    *("<<: ", "null", "~", "\t", "\0", "\u2028", "\ufeff", "9" * 400, "..", "/", "@", "jobs:", "rows: ", "prompt: "),
]
edits = st.lists(
    st.tuples(st.integers(0, 900), st.integers(0, 30), st.sampled_from(TOKENS) | st.text(max_size=4)),
    min_size=1,
    max_size=4,
)


def read(path: Any) -> None:
    """Load, check and place every image, or be refused."""
    try:
        check(load(path))
    except InputError as error:
        if not error.problems:
            raise


def edited(text: str, changes: list[tuple[int, int, str]]) -> bytes:
    """Return the text with pieces replaced."""
    for start, length, piece in changes:
        at = start % (len(text) + 1)
        text = text[:at] + piece + text[at + length :]
    return text.encode("utf-8", "surrogatepass")


@given(edits)
def test_a_mangled_yaml_manifest_raises_nothing_else(contexts: Callable[[], Any], changes: list[Any]) -> None:
    """Edits of a full manifest, in the middle of everything."""
    read(contexts().write("m.yaml", edited(SEED, changes)))


@given(edits, st.sampled_from(["m.csv", "m.tsv", "m.jsonl", "m.json"]))
def test_a_mangled_table_raises_nothing_else(contexts: Callable[[], Any], changes: list[Any], name: str) -> None:
    """Edits of a table, under every suffix."""
    read(contexts().write(name, edited(TABLE, changes)))


@given(st.binary(max_size=200), st.sampled_from([".yaml", ".json", ".csv", ".tsv", ".jsonl", ".parquet", ".xlsx"]))
def test_random_bytes_raise_nothing_else(contexts: Callable[[], Any], content: bytes, suffix: str) -> None:
    """Any bytes, under every suffix."""
    read(contexts().write(f"m{suffix}", content))
