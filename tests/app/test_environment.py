"""Keys come from the environment or `.env`, and never leave as text."""

from pathlib import Path

import pytest

from batchgen.app.config.environment import environment, key_for, secrets
from batchgen.catalog import provider
from batchgen.errors import AccountError, InputError


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`.env` fills in what the environment does not say; quotes, comments and `export` are understood."""
    text = "# keys\nexport OPENAI_API_KEY='from file'\nAPIYI_API_KEY=\"quoted\"\nnonsense\n=x\nA-B=c\n"
    (tmp_path / ".env").write_text(text, encoding="utf-8")
    monkeypatch.setenv("OPENAI_API_KEY", "from-environment")
    found = environment(tmp_path)
    assert found["OPENAI_API_KEY"] == "from-environment"
    assert found["APIYI_API_KEY"] == "quoted"
    assert "A-B" not in found


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("K='v' # it's the shop's", "v"),
        ("K=v # a comment", "v"),
        ("K=a#b", "a#b"),
        ("K= # nothing", ""),
        ('export  K = "a # b"', "a # b"),
        ('K=a"b"', 'a"b"'),
        ("# K=v", None),
        ("K: v", None),
    ],
)
def test_a_line_is_read_as_other_tools_read_it(tmp_path: Path, line: str, value: str | None) -> None:
    """A comment may follow; a mark inside a value stays. Every editor's encoding will do."""
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "cp1252"):
        (tmp_path / ".env").write_text(f"# Schl\u00fcssel\r\n{line}\r\n", encoding=encoding)
        assert environment(tmp_path).get("K") == value


def test_a_secret_shows_nothing() -> None:
    """Neither text nor representation of a key holds it."""
    key = key_for(provider("openai"), {"OPENAI_API_KEY": "sk-canary"})
    assert key is not None
    assert "canary" not in f"{key} {key!r}"
    assert key.reveal() == "sk-canary"


@pytest.mark.parametrize("value", ["sk-a b", '"sk-a"', "'sk-a", "sk-a\nb", "sk-ä", "sk-\x00"])
def test_what_cannot_be_a_key_is_refused_unseen(value: str) -> None:
    """A header must not be split by a key, and the message does not repeat it."""
    with pytest.raises(InputError) as caught:
        key_for(provider("openai"), {"OPENAI_API_KEY": value})
    assert value not in str(caught.value)


def test_a_missing_key_is_an_account_matter() -> None:
    """The message names the variable."""
    with pytest.raises(AccountError, match="OPENAI_API_KEY"):
        key_for(provider("openai"), {})


def test_secrets_are_recognised_by_name() -> None:
    """Everything that looks like a key is blotted out of tracebacks."""
    assert secrets({"A_KEY": "x", "B_TOKEN": "y", "C_SECRET": "z", "PATH": "p", "D_KEY": ""}) == ("x", "y", "z")
