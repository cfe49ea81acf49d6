"""A provider file that is made to hurt is refused like such a manifest, with its place; nothing was sent."""

from pathlib import Path

import pytest

from batchgen import catalog
from batchgen.errors import InputError

BILLION = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 50_000, "nested deeper than 50"),
        ("{a: " * 50_000, "nested deeper than 50"),
        ("prices: " + "[" * 50_000 + "]" * 50_000, "nested deeper than 50"),
        (BILLION, "more than 1,000,000 values"),
        ("a: &a [" + "x," * 99 + "]\nb: [" + "*a," * 10_000 + "]\n", "more than 1,000,000 values"),
        ("like: openai\nname: !!python/name:os.system x", "tags such as"),
        ('like: openai\nidempotency_header: "X-A\\r\\nX-B: 1"', "2:21: error: must be the name of a header"),
        ("like: openai\nkey_variable: sk-a-key", "2:15: error: must name the environment variable that holds the key"),
        ("like: openai\nidempotency_header: a header", "2:21: error: must be the name of a header"),
        ('like: openai\nidempotency_header: "X-Ä"', "must be the name of a header"),
    ],
)
def test_a_file_that_is_made_to_hurt_is_one_error(tmp_path: Path, text: str, said: str) -> None:
    """Nesting, bombs, objects and line breaks in header names are input errors with a place."""
    path = tmp_path / "shop.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(InputError) as caught:
        catalog.provider(path)
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"{path}:")
