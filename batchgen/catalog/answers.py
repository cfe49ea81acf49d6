"""What servers say in answers, as dated data: codes and words of refusals, and names under which images stand."""

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from batchgen.catalog import form

_SAID = form.several(
    form.record({"says": form.text, "source": form.text, "as_of": form.day}, needed=("says", "source", "as_of"))
)
_SAYING = form.record({"codes": _SAID, "phrases": _SAID, "output": _SAID}, needed=("codes", "phrases"))
_SHAPES = form.record(
    {"addresses": _SAID, "others": _SAID, "unfinished": _SAID}, needed=("addresses", "others", "unfinished")
)
_KINDS = ("moderation", "money", "rate", "key", "barred", "account", "request", "endpoint", "model", "input")
_FILE = form.record(dict.fromkeys(_KINDS, _SAYING) | {"shapes": _SHAPES}, needed=(*_KINDS, "shapes"))
_ODD = re.compile(r"[\W_]+")
_A_FEW_WORDS = r".{0,80}?"
_LONGEST = 4000


@dataclass(frozen=True, slots=True)
class Saying:
    """How a kind of refusal is worded: codes, phrases, and phrases which say that something was drawn before it."""

    codes: re.Pattern[str] | None
    phrases: re.Pattern[str] | None
    output: re.Pattern[str] | None

    def named(self, *codes: str) -> str:
        """Return the first of these codes that is one of its own; empty when none is."""
        return next((code for code in codes if code and self.codes and self.codes.fullmatch(plain(code))), "")

    def said(self, words: str) -> bool:
        """Whether words hold one of its phrases."""
        return bool(self.phrases and self.phrases.search(words[:_LONGEST]))

    def after_drawing(self, words: str) -> bool:
        """Whether words say that it was drawn, and then refused."""
        return bool(self.output and self.output.search(words[:_LONGEST]))


@dataclass(frozen=True, slots=True)
class Shapes:
    """Names in answers of other shapes, each as `plain` writes it."""

    addresses: frozenset[str]
    others: frozenset[str]
    unfinished: frozenset[str]


@dataclass(frozen=True, slots=True)
class Wording:
    """Everything that is known of how servers word their answers."""

    moderation: Saying
    money: Saying
    rate: Saying
    key: Saying
    barred: Saying
    account: Saying
    request: Saying
    endpoint: Saying
    model: Saying
    input: Saying
    shapes: Shapes


def plain(name: str) -> str:
    """Return a name without its case and without what is neither letter nor digit."""
    return _ODD.sub("", name.lower())


@cache
def wording() -> Wording:
    """Return the file, read once."""
    source = files("batchgen.catalog") / "answers.yaml"
    data = form.parse(source.read_bytes(), source.name, _FILE)
    names = {kind: frozenset(plain(one["says"]) for one in said) for kind, said in data["shapes"].items()}
    return Wording(**{kind: _saying(data[kind]) for kind in _KINDS}, shapes=Shapes(**names))


def _saying(data: dict[str, tuple[dict[str, str], ...]]) -> Saying:
    codes = [".*".join(map(plain, one["says"].split("*"))) for one in data["codes"]]
    found = {kind: _phrases([one["says"] for one in data.get(kind, ())]) for kind in ("phrases", "output")}
    return Saying(re.compile("|".join(codes)) if codes else None, **found)


def _phrases(said: list[str]) -> re.Pattern[str] | None:
    parts = [_A_FEW_WORDS.join(re.escape(part.strip()) for part in phrase.split("...")) for phrase in said]
    return re.compile("|".join(parts), re.IGNORECASE | re.DOTALL) if parts else None
